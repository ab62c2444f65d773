-- Support cases of each account.
SELECT
    t.id,
    t.account_id,
    t.case_id,
    t.display_id,
    t.subject,
    t.status,
    t.severity_code,
    t.service_code,
    t.category_code,
    t.time_created,
    t.submitted_by,
    t.language,
    t.date_from,
    t.date_to,
    t.created_at,
    t.updated_at,
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
    t.first_seen,
    t.last_seen
FROM support_tickets t
JOIN account_context c ON c.id = t.account_id
WHERE t.retired_at IS NULL AND c.account_retired_at IS NULL
