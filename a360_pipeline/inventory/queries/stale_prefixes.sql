-- First-level prefixes in which nothing was written for long before the snapshot; the empty one is that of keys without a slash.
-- parameter days bigint 365 Whole days without a change.
-- parameter min_bytes bigint 0 Prefixes of at least so many bytes.
WITH levelled AS (
    SELECT snapshot_date, account, region, bucketname, size, last_modified_date,
        if(strpos(key, '/') > 0, substr(key, 1, strpos(key, '/')), '') AS prefix
    FROM {ATHENA_TABLE}
)
SELECT snapshot_date, account, region, bucketname, prefix, max(last_modified_date) AS last_change,
    date_diff('day', max(last_modified_date), CAST(snapshot_date AS timestamp)) AS days, count(*) AS objects,
    sum(size) AS bytes
FROM levelled
GROUP BY snapshot_date, account, region, bucketname, prefix
HAVING date_diff('day', max(last_modified_date), CAST(snapshot_date AS timestamp)) >= {days}
    AND coalesce(sum(size), 0) >= {min_bytes}
ORDER BY bytes DESC, bucketname, prefix, snapshot_date
