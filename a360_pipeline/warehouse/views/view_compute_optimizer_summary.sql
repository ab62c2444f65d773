-- Recommendations of Compute Optimizer by resource type and finding.
SELECT
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
    o.resource_type,
    o.finding,
    o.resource_count,
    o.total_monthly_savings,
    o.avg_savings_percentage,
    o.avg_performance_risk,
    o.not_optimized_count,
    o.savings_opportunities
FROM account_context c
CROSS JOIN LATERAL (
    SELECT
        r.resource_type,
        r.finding,
        count(*) AS resource_count,
        sum(r.estimated_monthly_savings_usd) AS total_monthly_savings,
        avg(r.savings_opportunity_percentage) AS avg_savings_percentage,
        avg(r.performance_risk) AS avg_performance_risk,
        count(*) FILTER (WHERE r.finding = 'NotOptimized') AS not_optimized_count,
        count(*) FILTER (WHERE r.estimated_monthly_savings_usd > 0) AS savings_opportunities
    FROM compute_optimizer r
    WHERE r.account_id = c.id AND r.retired_at IS NULL
    GROUP BY r.resource_type, r.finding
) o
WHERE c.account_retired_at IS NULL
