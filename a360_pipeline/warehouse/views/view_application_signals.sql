-- Services that Application Signals watches.
SELECT
    s.id,
    s.account_id,
    s.service_name,
    s.namespace,
    s.key_attributes,
    s.created_at,
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
    s.first_seen,
    s.last_seen,
    s.service_key,
    s.attribute_map,
    s.metric_references,
    s.attribute_maps,
    s.service_groups
FROM application_signals s
JOIN account_context c ON c.id = s.account_id
WHERE s.retired_at IS NULL AND c.account_retired_at IS NULL
