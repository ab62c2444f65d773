-- Objects whose replication failed, or is still pending some time after they were written.
-- parameter hours bigint 24 Whole hours that pending replication may take.
-- parameter most bigint 1000 Rows at most, the oldest first.
SELECT snapshot_date, account, region, bucketname, key, size, replication_status, last_modified_date
FROM {ATHENA_TABLE}
WHERE (
        replication_status = 'FAILED'
        OR (
            replication_status = 'PENDING'
            AND date_diff('hour', last_modified_date, CAST(snapshot_date AS timestamp)) >= {hours}
        )
    )
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY last_modified_date, bucketname, key, snapshot_date
LIMIT {most}
