-- What each Marketplace product cost each account in a period.
SELECT
    u.id,
    u.account_id,
    u.product_code,
    u.product_name,
    u.cost_consumed,
    u.currency,
    u.period_start,
    u.period_end,
    u.status,
    u.created_at,
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
    u.dimension,
    u.expiration_date
FROM marketplace_usage u
JOIN account_context c ON c.id = u.account_id
