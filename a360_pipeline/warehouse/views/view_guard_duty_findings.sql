-- GuardDuty's findings.
SELECT
    f.id,
    f.account_id,
    f.detector_id,
    f.finding_type,
    f.severity,
    f.title,
    f.description,
    f.confidence,
    f.region,
    f.created_at,
    f.updated_at,
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
    f.finding_id,
    f.first_seen,
    f.last_seen
FROM guard_duty_findings f
JOIN account_context c ON c.id = f.account_id
WHERE f.retired_at IS NULL AND c.account_retired_at IS NULL
