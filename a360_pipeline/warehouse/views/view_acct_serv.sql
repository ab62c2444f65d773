-- What each service cost each account in a period.
SELECT
    s.id,
    s.account_id,
    s.service,
    s.date_from,
    s.date_to,
    s.cost,
    s.currency,
    s.utilization,
    s.utilization_unit,
    s.usage_types,
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
    c.project_product_name
FROM services s
JOIN account_context c ON c.id = s.account_id
