-- The billing, operations and security contacts of each account.
SELECT
    i.id,
    i.account_id,
    i.contact_type,
    i.full_name,
    i.title,
    i.email,
    i.phone_number,
    i.created_at,
    i.updated_at,
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
    i.first_seen,
    i.last_seen
FROM alternate_contacts i
JOIN account_context c ON c.id = i.account_id
WHERE i.retired_at IS NULL AND c.account_retired_at IS NULL
