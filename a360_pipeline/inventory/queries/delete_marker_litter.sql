-- Delete markers by bucket: all, those under which versions are hidden, and those that hide nothing any more.
WITH keyed AS (
    SELECT snapshot_date, account, region, bucketname, key, count_if(is_delete_marker) AS markers,
        count_if(is_delete_marker IS DISTINCT FROM TRUE) AS versions, count_if(is_delete_marker AND is_latest) AS deleted
    FROM {ATHENA_TABLE}
    GROUP BY snapshot_date, account, region, bucketname, key
    HAVING count_if(is_delete_marker) > 0
)
SELECT snapshot_date, account, region, bucketname, sum(markers) AS delete_markers,
    count_if(deleted > 0 AND versions > 0) AS hidden_keys, count_if(versions = 0) AS lone_keys
FROM keyed
GROUP BY snapshot_date, account, region, bucketname
ORDER BY delete_markers DESC, bucketname, snapshot_date
