-- The accounts, a row per region and one for `Global`.
SELECT
    a.id,
    a.account_id,
    a.account_name,
    a.account_email,
    a.account_status,
    a.account_arn,
    a.partner_name,
    a.customer_name,
    a.joined_method,
    a.joined_timestamp,
    a.account_type,
    a.csp,
    a.region,
    a.category,
    a.created_at,
    a.updated_at,
    c.account,
    c.account_category,
    c.account_partner,
    c.account_customer,
    c.account_full,
    c.project_product_name,
    a.first_seen,
    a.last_seen
FROM accounts a
JOIN account_context c ON c.id = a.id
WHERE a.retired_at IS NULL
