-- Findings of each security product in each account and region, counted.
SELECT
    s.id,
    s.account_id,
    s.service,
    s.total_findings,
    s.critical_count,
    s.high_count,
    s.medium_count,
    s.low_count,
    s.informational_count,
    s.open_findings,
    s.resolved_findings,
    s.created_at,
    s.updated_at,
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
    s.first_seen,
    s.last_seen
FROM security s
JOIN account_context c ON c.id = s.account_id
WHERE s.retired_at IS NULL AND c.account_retired_at IS NULL
