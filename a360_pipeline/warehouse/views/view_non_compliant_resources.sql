-- Resources that break a Config rule, or broke it and are RESOLVED.
SELECT
    n.id,
    n.config_report_id,
    n.resource_type,
    n.resource_id,
    n.compliance_type,
    n.rule_name,
    n.created_at,
    n.annotation,
    n.evaluation_mode,
    n.conformance_pack,
    n.status,
    c.account,
    c.account_region,
    c.account_name,
    c.account_type,
    c.account_category,
    c.account_status,
    c.account_partner,
    c.account_customer,
    c.account_full,
    c.project_product_name,
    n.account_id,
    n.first_seen,
    n.last_seen
FROM non_compliant_resources n
JOIN account_context c ON c.id = n.account_id
WHERE n.retired_at IS NULL AND c.account_retired_at IS NULL
