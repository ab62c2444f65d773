-- Which extensions each bucket holds, in one line a bucket.
SELECT snapshot_date, account, region, bucketname, count(*) AS extensions,
    array_join(array_agg(extension ORDER BY extension), ' ') AS names
FROM (
    SELECT DISTINCT snapshot_date, account, region, bucketname,
        lower(regexp_extract(key, '\.([^./]+)$', 1)) AS extension
    FROM {ATHENA_TABLE}
    WHERE is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
)
WHERE extension IS NOT NULL
GROUP BY snapshot_date, account, region, bucketname
ORDER BY bucketname, snapshot_date
