-- Objects and bytes by extension, over all buckets; the extension is null where a key has none.
SELECT snapshot_date, lower(regexp_extract(key, '\.([^./]+)$', 1)) AS extension,
    count(*) AS objects, sum(size) AS bytes, count(DISTINCT bucketname) AS buckets
FROM {ATHENA_TABLE}
WHERE is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
GROUP BY snapshot_date, lower(regexp_extract(key, '\.([^./]+)$', 1))
ORDER BY bytes DESC, extension, snapshot_date
