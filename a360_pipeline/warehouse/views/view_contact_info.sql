-- The primary contact of each account.
SELECT
    i.id,
    i.account_id,
    i.address_line1,
    i.address_line2,
    i.address_line3,
    i.city,
    i.country_code,
    i.postal_code,
    i.state_or_region,
    i.company_name,
    i.phone_number,
    i.website_url,
    i.full_name,
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
FROM contact_info i
JOIN account_context c ON c.id = i.account_id
WHERE i.retired_at IS NULL AND c.account_retired_at IS NULL
