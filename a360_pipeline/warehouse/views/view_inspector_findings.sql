-- Inspector's findings.
SELECT
    f.id,
    f.account_id,
    f.finding_arn,
    f.severity,
    f.status,
    f.type,
    f.title,
    f.description,
    f.first_observed_at,
    f.created_at,
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
    f.last_observed_at,
    f.first_seen,
    f.last_seen
FROM inspector_findings f
JOIN account_context c ON c.id = f.account_id
WHERE f.retired_at IS NULL AND c.account_retired_at IS NULL
