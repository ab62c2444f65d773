-- Certificates of Certificate Manager, and when they expire.
SELECT
    t.id,
    t.account_id,
    t.arn,
    t.domain_name,
    t.status,
    t.type,
    t.not_after,
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
    t.renewal_eligibility,
    t.first_seen,
    t.last_seen
FROM certificates t
JOIN account_context c ON c.id = t.account_id
WHERE t.retired_at IS NULL AND c.account_retired_at IS NULL
