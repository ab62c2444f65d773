-- Resources by service, type, region and zone; `account_id` is the 12-digit account here.
SELECT
    c.account AS account_id,
    c.account_region,
    c.account_name,
    c.account_type,
    c.account_category,
    c.account_status,
    c.account_partner,
    c.account_customer,
    r.service_name,
    r.resource_type,
    r.resource_region,
    r.availability_zone,
    r.resource_count,
    r.active_resources,
    r.inactive_resources,
    c.account,
    c.account_full,
    c.project_product_name
FROM account_context c
CROSS JOIN LATERAL (
    SELECT
        s.service_name,
        s.resource_type,
        s.region AS resource_region,
        s.availability_zone,
        count(*) AS resource_count,
        count(*) FILTER (WHERE s.state IN ('running', 'available', 'Active')) AS active_resources,
        count(*) FILTER (WHERE s.state IN ('stopped', 'Inactive')) AS inactive_resources
    FROM service_resources s
    WHERE s.account_id = c.id AND s.retired_at IS NULL
    GROUP BY s.service_name, s.resource_type, s.region, s.availability_zone
) r
WHERE c.account_retired_at IS NULL
