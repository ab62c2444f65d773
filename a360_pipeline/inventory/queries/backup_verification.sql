-- What a backup bucket lacks, or holds otherwise, by the newest snapshots of both.
-- parameter source text required Name of the bucket that is backed up.
-- parameter backup text required Name of the bucket that holds the backup.
-- parameter prefix text "" What keys in the backup have in front.
WITH original AS (
    SELECT key, size, e_tag, encryption_status
    FROM {ATHENA_TABLE}
    WHERE bucketname = {source}
        AND snapshot_date = (SELECT max(snapshot_date) FROM {ATHENA_TABLE} WHERE bucketname = {source})
        AND is_latest IS DISTINCT FROM FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
), copy AS (
    SELECT key, size, e_tag, encryption_status
    FROM {ATHENA_TABLE}
    WHERE bucketname = {backup}
        AND snapshot_date = (SELECT max(snapshot_date) FROM {ATHENA_TABLE} WHERE bucketname = {backup})
        AND is_latest IS DISTINCT FROM FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
)
SELECT original.key, original.size, copy.size AS backup_size, original.e_tag, copy.e_tag AS backup_e_tag,
    CASE
        WHEN copy.key IS NULL THEN 'missing'
        WHEN original.size <> copy.size THEN 'size differs'
        ELSE 'content differs'
    END AS problem
FROM original
LEFT JOIN copy ON copy.key = {prefix} || original.key
WHERE copy.key IS NULL
    OR original.size <> copy.size
    -- An ETag is the MD5 of the content only where neither parts nor KMS had a hand in it.
    OR (
        original.e_tag <> copy.e_tag
        AND original.e_tag NOT LIKE '%-%'
        AND copy.e_tag NOT LIKE '%-%'
        AND coalesce(original.encryption_status, 'NOT-SSE') IN ('NOT-SSE', 'SSE-S3')
        AND coalesce(copy.encryption_status, 'NOT-SSE') IN ('NOT-SSE', 'SSE-S3')
    )
ORDER BY original.key
