-- Unusual costs, with what each account contributed.
SELECT
    n.id,
    n.account_id,
    n.anomaly_id,
    n.dimension_value,
    n.start_date,
    n.end_date,
    n.account_impact,
    n.total_impact,
    n.current_score,
    n.feedback,
    n.root_causes,
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
    n.first_seen,
    n.last_seen
FROM cost_anomalies n
JOIN account_context c ON c.id = n.account_id
WHERE n.retired_at IS NULL AND c.account_retired_at IS NULL
