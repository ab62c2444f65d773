-- What most views say of the account: one row per row of accounts, retired ones too, whose history stays.
SELECT
    a.id,
    a.account_id AS account,
    a.region AS account_region,
    a.account_name,
    a.account_type,
    a.category AS account_category,
    a.account_status,
    a.partner_name AS account_partner,
    a.customer_name AS account_customer,
    a.account_id || '-' || a.account_name AS account_full,
    (
        SELECT p.name
        FROM product_accounts pa
        JOIN products p ON p.id = pa.product_id
        WHERE pa.account_id = a.id
        ORDER BY pa.id
        LIMIT 1
    ) AS project_product_name,
    a.retired_at AS account_retired_at
FROM accounts a
