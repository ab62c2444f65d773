-- Each account in one row: its newest cost, and the security findings and instances of its regions added up.
SELECT
    a.id,
    a.account_id,
    a.account_name,
    a.account_email,
    a.account_status,
    a.account_arn,
    a.partner_name,
    a.customer_name,
    a.joined_method,
    a.joined_timestamp,
    a.account_type,
    a.csp,
    a.region,
    a.category,
    a.created_at,
    a.updated_at,
    c.account,
    c.account_region,
    c.account_category,
    c.account_partner,
    c.account_customer,
    c.account_full,
    c.project_product_name,
    r.current_period_cost AS latest_cost,
    r.cost_difference_percentage AS cost_trend_percentage,
    r.potential_monthly_savings AS savings_opportunity,
    s.security_findings,
    s.critical_findings,
    s.high_findings,
    i.instance_count,
    i.running_instances,
    CASE
        WHEN s.critical_findings > 0 THEN 1
        WHEN s.high_findings > 0 THEN 2
        WHEN s.medium_findings > 0 THEN 3
        WHEN s.low_findings > 0 THEN 4
        ELSE 5
    END AS security_health_score,
    r.period_granularity AS cost_granularity,
    r.period_start AS cost_date_from,
    r.period_end AS cost_date_to
FROM accounts a
JOIN account_context c ON c.id = a.id
LEFT JOIN LATERAL (
    SELECT
        t.current_period_cost,
        t.cost_difference_percentage,
        t.potential_monthly_savings,
        t.period_granularity,
        t.period_start,
        t.period_end
    FROM cost_reports t
    JOIN accounts b ON b.id = t.account_id
    WHERE b.account_id = a.account_id AND b.retired_at IS NULL AND t.period_granularity IN ('MONTHLY', 'DAILY')
    ORDER BY
        (t.period_granularity = 'MONTHLY') DESC,
        t.period_end DESC,
        t.period_start DESC,
        (b.region = 'Global') IS TRUE DESC,
        t.id DESC
    LIMIT 1
) r ON TRUE
CROSS JOIN LATERAL (
    SELECT
        sum(t.total_findings)::bigint AS security_findings,
        sum(t.critical_count)::bigint AS critical_findings,
        sum(t.high_count)::bigint AS high_findings,
        sum(t.medium_count)::bigint AS medium_findings,
        sum(t.low_count)::bigint AS low_findings
    FROM security t
    JOIN accounts b ON b.id = t.account_id
    WHERE b.account_id = a.account_id AND b.retired_at IS NULL AND t.retired_at IS NULL
) s
CROSS JOIN LATERAL (
    SELECT
        count(*) AS instance_count,
        count(*) FILTER (WHERE t.ping_status = 'Online') AS running_instances
    FROM inventory_instances t
    JOIN accounts b ON b.id = t.account_id
    WHERE b.account_id = a.account_id AND b.retired_at IS NULL AND t.retired_at IS NULL
) i
WHERE a.retired_at IS NULL AND a.id = (
    SELECT b.id
    FROM accounts b
    WHERE b.account_id = a.account_id AND b.retired_at IS NULL
    ORDER BY (b.region = 'Global') IS TRUE DESC, b.id
    LIMIT 1
)
