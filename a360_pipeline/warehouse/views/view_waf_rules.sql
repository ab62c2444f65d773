-- Web ACLs and what they do by default.
SELECT
    w.id,
    w.account_id,
    w.name,
    w.waf_id,
    w.arn,
    w.scope,
    w.description,
    w.default_action,
    w.rules_count,
    w.logging_enabled,
    w.geo_blocking_enabled,
    w.blocked_countries,
    w.created_at,
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
    w.associated_resources_count,
    w.first_seen,
    w.last_seen
FROM waf_rules w
JOIN account_context c ON c.id = w.account_id
WHERE w.retired_at IS NULL AND c.account_retired_at IS NULL
