-- The findings held of each security product, counted. Open is what is neither resolved nor archived.
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
    s.service,
    f.total_findings,
    f.critical_count,
    f.high_count,
    f.medium_count,
    f.low_count,
    f.informational_count,
    f.open_findings,
    f.total_findings - f.open_findings AS resolved_findings,
    f.suppressed_count,
    f.in_progress_count,
    f.open_findings AS active_issues,
    f.region_finding,
    f.total_findings - f.open_findings AS resolved_count,
    CASE
        WHEN f.critical_count > 0 THEN 'CRITICAL'
        WHEN f.high_count > 0 THEN 'HIGH'
        WHEN f.medium_count > 0 THEN 'MEDIUM'
        WHEN f.low_count > 0 THEN 'LOW'
        WHEN f.informational_count > 0 THEN 'INFORMATIONAL'
        ELSE 'CLEAN'
    END AS severity,
    round(100.0 * (f.total_findings - f.open_findings) / nullif(f.total_findings, 0), 2) AS resolution_rate_percent,
    CASE
        WHEN f.critical_count > 0 THEN 'Critical'
        WHEN f.high_count > 0 THEN 'High'
        WHEN f.medium_count > 0 THEN 'Medium'
        WHEN f.low_count > 0 THEN 'Low'
        WHEN f.informational_count > 0 THEN 'Informational'
        ELSE 'Clean'
    END AS risk_level,
    s.created_at,
    s.updated_at
FROM security s
JOIN account_context c ON c.id = s.account_id
CROSS JOIN LATERAL (
    SELECT
        count(*) AS total_findings,
        count(*) FILTER (WHERE held.severity = 'CRITICAL') AS critical_count,
        count(*) FILTER (WHERE held.severity = 'HIGH') AS high_count,
        count(*) FILTER (WHERE held.severity = 'MEDIUM') AS medium_count,
        count(*) FILTER (WHERE held.severity = 'LOW') AS low_count,
        count(*) FILTER (WHERE held.severity = 'INFORMATIONAL') AS informational_count,
        count(*) FILTER (WHERE held.is_open) AS open_findings,
        count(*) FILTER (WHERE held.is_open AND held.status = 'SUPPRESSED') AS suppressed_count,
        -- Somebody was told, or (in the older field) is assigned or at work.
        count(*) FILTER (
            WHERE held.is_open
            AND held.status IS DISTINCT FROM 'SUPPRESSED'
            AND (held.status IN ('NOTIFIED', 'IN_PROGRESS') OR held.workflow_state IN ('ASSIGNED', 'IN_PROGRESS'))
        ) AS in_progress_count,
        string_agg(DISTINCT held.region, ', ' ORDER BY held.region) AS region_finding
    FROM (
        SELECT
            upper(g.severity) AS severity,
            g.status,
            g.workflow_state,
            g.region,
            g.status IS DISTINCT FROM 'RESOLVED' AND g.record_state IS DISTINCT FROM 'ARCHIVED' AS is_open
        FROM findings g
        WHERE g.security_id = s.id AND g.retired_at IS NULL
    ) held
) f
WHERE s.retired_at IS NULL AND c.account_retired_at IS NULL
