-- Each row of accounts in each period granularity: its newest cost report, that report's services, its own findings.
SELECT
    a.id AS account_id,
    c.account,
    c.account_region,
    c.account_name,
    c.account_type,
    c.account_category,
    c.account_status,
    c.account_partner,
    c.account_customer,
    c.account_full,
    a.csp AS account_csp,
    n.number_of_products,
    r.period_granularity,
    r.period_start AS date_from,
    r.period_end AS date_to,
    round(r.current_period_cost, 2) AS current_period_cost,
    round(r.previous_period_cost, 2) AS previous_period_cost,
    round(r.cost_difference, 2) AS cost_difference,
    round(r.cost_difference_percentage, 4) AS cost_difference_percentage,
    round(r.potential_monthly_savings, 2) AS potential_savings,
    v.service_count,
    v.unique_services,
    round(v.total_service_cost, 2) AS total_service_cost,
    v.services_used,
    s.total_findings,
    s.open_findings,
    s.resolved_findings,
    s.critical_findings,
    s.high_findings,
    s.medium_findings,
    s.low_findings,
    s.resolved_findings::numeric / nullif(s.total_findings, 0) AS security_resolution_rate,
    a.account_email,
    a.joined_method,
    a.joined_timestamp,
    EXTRACT(DAY FROM now() - a.joined_timestamp) AS account_age_days
FROM accounts a
JOIN account_context c ON c.id = a.id
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (t.period_granularity)
        t.period_granularity,
        t.period_start,
        t.period_end,
        t.current_period_cost,
        t.previous_period_cost,
        t.cost_difference,
        t.cost_difference_percentage,
        t.potential_monthly_savings
    FROM cost_reports t
    WHERE t.account_id = a.id
    ORDER BY t.period_granularity, t.period_end DESC, t.period_start DESC, t.id DESC
) r ON TRUE
LEFT JOIN LATERAL (
    SELECT
        count(*) AS service_count,
        count(DISTINCT t.service) AS unique_services,
        sum(t.cost) AS total_service_cost,
        string_agg(DISTINCT t.service, ', ' ORDER BY t.service) AS services_used
    FROM services t
    WHERE t.account_id = a.id AND t.date_from = r.period_start AND t.date_to = r.period_end
    HAVING count(*) > 0
) v ON TRUE
CROSS JOIN LATERAL (
    SELECT
        sum(t.total_findings)::bigint AS total_findings,
        sum(t.open_findings)::bigint AS open_findings,
        sum(t.resolved_findings)::bigint AS resolved_findings,
        sum(t.critical_count)::bigint AS critical_findings,
        sum(t.high_count)::bigint AS high_findings,
        sum(t.medium_count)::bigint AS medium_findings,
        sum(t.low_count)::bigint AS low_findings
    FROM security t
    WHERE t.account_id = a.id AND t.retired_at IS NULL
) s
CROSS JOIN LATERAL (
    SELECT count(*) AS number_of_products
    FROM product_accounts t
    WHERE t.account_id = a.id
) n
WHERE a.retired_at IS NULL
