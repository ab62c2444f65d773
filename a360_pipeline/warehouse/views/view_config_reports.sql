-- How many Config rules were complied with on each day.
SELECT
    r.id,
    r.account_id,
    r.date_from,
    r.date_to,
    r.compliance_score,
    r.total_rules,
    r.compliant_rules,
    r.non_compliant_rules,
    r.curr_non_compliant,
    r.curr_compliant,
    r.created_at,
    c.account,
    c.account_region,
    c.account_name,
    c.account_type,
    c.account_category,
    c.account_status,
    c.account_partner,
    c.account_customer,
    c.account_full,
    c.project_product_name
FROM config_reports r
JOIN account_context c ON c.id = r.account_id
