-- What senders say beside Pass and Fail: the messages of each run.
SELECT
    m.id,
    m.log_id,
    m.message,
    m.message_type,
    m.created_at,
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
    m.number
FROM log_messages m
JOIN logs l ON l.id = m.log_id
JOIN account_context c ON c.id = l.account_id
