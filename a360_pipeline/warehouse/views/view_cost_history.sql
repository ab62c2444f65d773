-- What each account cost on each day, as AWS last told it.
SELECT
    h.id,
    h.account_id,
    h.date,
    h.cost,
    h.currency,
    h.is_estimated,
    h.told_on,
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
FROM cost_history h
JOIN account_context c ON c.id = h.account_id
