-- Patches, each with the instance it belongs to.
SELECT
    p.id,
    p.account_id,
    p.instance_id,
    p.title,
    p.classification,
    p.severity,
    p.state,
    p.installed_time,
    p.created_at,
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
    i.instance_id AS instance_name,
    i.instance_type,
    p.first_seen,
    p.last_seen
FROM inventory_patches p
JOIN inventory_instances i ON i.id = p.instance_id
JOIN account_context c ON c.id = p.account_id
WHERE p.retired_at IS NULL AND i.retired_at IS NULL AND c.account_retired_at IS NULL
