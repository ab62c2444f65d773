-- Objects that Object Lock does not protect as it should, by bucket and reason; a legal hold is enough.
-- parameter bucket text % Name of the bucket, as LIKE takes it; % is any.
-- parameter modes texts COMPLIANCE,GOVERNANCE Modes of retention that are good enough.
-- parameter days bigint 0 Whole days after the snapshot that retention has to last.
WITH judged AS (
    SELECT snapshot_date, account, region, bucketname, key, size,
        CASE
            WHEN object_lock_legal_hold_status = 'On' THEN NULL
            WHEN object_lock_mode IS NULL OR object_lock_retain_until_date IS NULL THEN 'no retention'
            WHEN object_lock_mode NOT IN ({modes}) THEN 'another mode'
            WHEN object_lock_retain_until_date < date_add('day', {days}, CAST(snapshot_date AS timestamp))
                THEN 'ends too soon'
        END AS problem
    FROM {ATHENA_TABLE}
    WHERE bucketname LIKE {bucket}
        AND is_latest IS DISTINCT FROM FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
)
SELECT snapshot_date, account, region, bucketname, problem, count(*) AS objects, sum(size) AS bytes,
    min(key) AS first_key
FROM judged
WHERE problem IS NOT NULL
GROUP BY snapshot_date, account, region, bucketname, problem
ORDER BY bucketname, problem, snapshot_date
