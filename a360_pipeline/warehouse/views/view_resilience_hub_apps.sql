-- Applications of Resilience Hub and how resilient they are.
SELECT
    h.id,
    h.account_id,
    h.app_arn,
    h.name,
    h.compliance_status,
    h.resiliency_score,
    h.status,
    h.cost,
    h.created_at,
    h.description,
    h.creation_time,
    h.last_assessment_time,
    h.rpo,
    h.rto,
    h.last_drill,
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
    h.first_seen,
    h.last_seen
FROM resilience_hub_apps h
JOIN account_context c ON c.id = h.account_id
WHERE h.retired_at IS NULL AND c.account_retired_at IS NULL
