-- Buckets in which nothing was written for long before the snapshot.
-- parameter days bigint 365 Whole days without a change.
SELECT snapshot_date, account, region, bucketname, max(last_modified_date) AS last_change,
    date_diff('day', max(last_modified_date), CAST(snapshot_date AS timestamp)) AS days, count(*) AS objects,
    sum(size) AS bytes
FROM {ATHENA_TABLE}
GROUP BY snapshot_date, account, region, bucketname
HAVING date_diff('day', max(last_modified_date), CAST(snapshot_date AS timestamp)) >= {days}
ORDER BY bytes DESC, bucketname, snapshot_date
