-- The services that cost most in a report's period.
SELECT
    s.id,
    s.cost_report_id,
    s.service_name,
    s.cost,
    s.created_at,
    s.region,
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
FROM service_costs s
JOIN cost_reports r ON r.id = s.cost_report_id
JOIN account_context c ON c.id = r.account_id
