-- Secrets and whether they are rotated; never what is in them.
SELECT
    s.id,
    s.account_id,
    s.name,
    s.arn,
    s.description,
    s.created_date,
    s.last_changed_date,
    s.rotation_enabled,
    s.created_at,
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
    s.last_accessed_date,
    s.kms_key_id,
    s.first_seen,
    s.last_seen
FROM secrets_manager_secrets s
JOIN account_context c ON c.id = s.account_id
WHERE s.retired_at IS NULL AND c.account_retired_at IS NULL
