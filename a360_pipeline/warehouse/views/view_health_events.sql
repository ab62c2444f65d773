-- Health events that concern each account.
SELECT
    e.id,
    e.account_id,
    e.arn,
    e.service,
    e.event_type_code,
    e.region,
    e.start_time,
    e.end_time,
    e.status_code,
    e.created_at,
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
    e.event_type_category,
    e.event_scope_code,
    e.last_updated_time,
    e.first_seen,
    e.last_seen
FROM health_events e
JOIN account_context c ON c.id = e.account_id
WHERE e.retired_at IS NULL AND c.account_retired_at IS NULL
