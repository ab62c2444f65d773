-- What Trusted Advisor found, check by check.
SELECT
    t.id,
    t.account_id,
    t.check_name,
    t.category,
    t.severity,
    t.recommendation,
    t.affected_resources_count,
    t.potential_savings,
    t.timestamp,
    t.created_at,
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
    t.first_seen,
    t.last_seen
FROM trusted_advisor_checks t
JOIN account_context c ON c.id = t.account_id
WHERE t.retired_at IS NULL AND c.account_retired_at IS NULL
