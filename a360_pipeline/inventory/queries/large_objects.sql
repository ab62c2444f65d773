-- The largest objects, with the class they are stored in.
-- parameter min_bytes bigint 5368709120 Objects of at least so many bytes.
-- parameter most bigint 1000 Rows at most, the largest first.
SELECT snapshot_date, account, region, bucketname, key, size, storage_class, last_modified_date
FROM {ATHENA_TABLE}
WHERE size >= {min_bytes}
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY size DESC, bucketname, key, snapshot_date
LIMIT {most}
