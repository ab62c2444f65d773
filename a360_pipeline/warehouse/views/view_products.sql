-- Every product, with each account that serves it; a product without accounts has one row.
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
FROM products p
LEFT JOIN (
    product_accounts pa
    JOIN account_context c ON c.id = pa.account_id AND c.account_retired_at IS NULL
) ON pa.product_id = p.id
