-- Trails, where they write to, and whether they are logging.
SELECT
    t.id,
    t.account_id,
    t.name,
    t.arn,
    t.is_logging,
    t.is_multi_region,
    t.s3_bucket,
    t.kms_key_id,
    t.log_file_validation,
    t.latest_delivery_time,
    t.created_at,
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
FROM cloudtrail_logs t
JOIN account_context c ON c.id = t.account_id
WHERE t.retired_at IS NULL AND c.account_retired_at IS NULL
