-- Objects and bytes by the day they were written on, older versions that are still there with them.
-- parameter bucket text % Name of the bucket, as LIKE takes it; % is any.
SELECT snapshot_date, bucketname, CAST(last_modified_date AS date) AS created_on, count(*) AS objects,
    sum(size) AS bytes
FROM {ATHENA_TABLE}
WHERE bucketname LIKE {bucket}
    AND is_delete_marker IS DISTINCT FROM TRUE
    AND last_modified_date IS NOT NULL
GROUP BY snapshot_date, bucketname, CAST(last_modified_date AS date)
ORDER BY bucketname, created_on, snapshot_date
