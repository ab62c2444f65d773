-- Instances under Systems Manager.
SELECT
    i.id,
    i.account_id,
    i.instance_id,
    i.instance_type,
    i.platform,
    i.ip_address,
    i.computer_name,
    i.ping_status,
    i.last_ping_date_time,
    i.agent_version,
    i.created_at,
    i.platform_type,
    i.platform_version,
    i.is_latest_version,
    i.association_status,
    i.association_execution_date,
    i.association_success_date,
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
FROM inventory_instances i
JOIN account_context c ON c.id = i.account_id
WHERE i.retired_at IS NULL AND c.account_retired_at IS NULL
