-- Objects and bytes by bucket and encryption, where that is not what is required; unknown ones are left out.
-- parameter allowed texts DSSE-KMS,SSE-KMS,SSE-S3 What is good enough: DSSE-KMS, SSE-C, SSE-KMS, SSE-S3 or NOT-SSE.
SELECT snapshot_date, account, region, bucketname, encryption_status, count(*) AS objects, sum(size) AS bytes,
    min(key) AS first_key
FROM {ATHENA_TABLE}
WHERE encryption_status NOT IN ({allowed})
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
GROUP BY snapshot_date, account, region, bucketname, encryption_status
ORDER BY bucketname, encryption_status, snapshot_date
