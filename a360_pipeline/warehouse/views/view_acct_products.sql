-- The products of each account.
SELECT
    p.id,
    p.name,
    p.owner,
    p.position,
    p.description,
    p.created_at,
    p.updated_at,
    c.account,
    c.account_region,
    c.account_name,
    c.account_type,
    c.account_category,
    c.account_status,
    c.account_partner,
    c.account_customer,
    c.account_full,
    c.project_product_name
FROM product_accounts pa
JOIN products p ON p.id = pa.product_id
JOIN account_context c ON c.id = pa.account_id
WHERE c.account_retired_at IS NULL
