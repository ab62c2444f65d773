-- KMS keys and whether they are rotated.
SELECT
    k.id,
    k.account_id,
    k.key_id,
    k.arn,
    k.description,
    k.key_usage,
    k.key_state,
    k.creation_date,
    k.enabled,
    k.key_rotation_enabled,
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
FROM kms_keys k
JOIN account_context c ON c.id = k.account_id
WHERE k.retired_at IS NULL AND c.account_retired_at IS NULL
