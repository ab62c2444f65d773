-- Users of IAM and the root user of each account: passwords, second factors and how many keys.
SELECT
    u.id,
    u.account_id,
    u.user_name,
    u.arn,
    u.is_root,
    u.create_date,
    u.mfa_active,
    u.password_enabled,
    u.password_last_used,
    u.password_last_changed,
    u.active_access_keys,
    u.reported_at,
    u.created_at,
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
    u.first_seen,
    u.last_seen
FROM iam_users u
JOIN account_context c ON c.id = u.account_id
WHERE u.retired_at IS NULL AND c.account_retired_at IS NULL
