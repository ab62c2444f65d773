-- How each bucket grew between its first and its last snapshot of a time.
-- parameter after date none Snapshots of this day or later; none: from the first.
-- parameter before date none Snapshots of this day or earlier; none: to the last.
WITH totals AS (
    SELECT account, region, bucketname, snapshot_date, count(*) AS objects, coalesce(sum(size), 0) AS bytes
    FROM {ATHENA_TABLE}
    WHERE ({after} IS NULL OR snapshot_date >= {after})
        AND ({before} IS NULL OR snapshot_date <= {before})
    GROUP BY account, region, bucketname, snapshot_date
)
SELECT account, region, bucketname, min(snapshot_date) AS first_date, max(snapshot_date) AS last_date,
    min_by(objects, snapshot_date) AS first_objects, max_by(objects, snapshot_date) AS last_objects,
    min_by(bytes, snapshot_date) AS first_bytes, max_by(bytes, snapshot_date) AS last_bytes,
    max_by(bytes, snapshot_date) - min_by(bytes, snapshot_date) AS grown_bytes
FROM totals
GROUP BY account, region, bucketname
HAVING count(*) > 1
ORDER BY grown_bytes DESC, bucketname
