-- Forecasts, with the period of the report that made them.
SELECT
    f.id,
    f.cost_report_id,
    f.period_start,
    f.period_end,
    f.amount,
    f.prediction_interval_lower_bound,
    f.prediction_interval_upper_bound,
    f.created_at,
    f.region,
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
    r.period_start AS date_from,
    r.period_end AS date_to
FROM cost_forecasts f
JOIN cost_reports r ON r.id = f.cost_report_id
JOIN account_context c ON c.id = r.account_id
