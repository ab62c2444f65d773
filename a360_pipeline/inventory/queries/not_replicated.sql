-- How many objects of each bucket have no replica and are none; all of them where the field was not delivered.
-- parameter bucket text % Name of the bucket, as LIKE takes it; % is any.
SELECT snapshot_date, account, region, bucketname, count(*) AS objects,
    count_if(replication_status IN ('COMPLETED', 'COMPLETE')) AS replicated,
    count_if(replication_status = 'REPLICA') AS replicas,
    count_if(coalesce(replication_status, '') = '') AS not_replicated,
    sum(size) FILTER (WHERE coalesce(replication_status, '') = '') AS bytes_not_replicated
FROM {ATHENA_TABLE}
WHERE bucketname LIKE {bucket}
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
GROUP BY snapshot_date, account, region, bucketname
HAVING count_if(coalesce(replication_status, '') = '') > 0
ORDER BY bucketname, snapshot_date
