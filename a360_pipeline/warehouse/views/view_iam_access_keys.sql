-- Access keys of IAM users: how old they are and what they were last used for; never their secrets.
SELECT
    k.id,
    k.account_id,
    k.access_key_id,
    k.user_name,
    k.user_arn,
    k.status,
    k.create_date,
    k.last_used_date,
    k.last_used_service,
    k.last_used_region,
    k.created_at,
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
    k.first_seen,
    k.last_seen
FROM iam_access_keys k
JOIN account_context c ON c.id = k.account_id
WHERE k.retired_at IS NULL AND c.account_retired_at IS NULL
