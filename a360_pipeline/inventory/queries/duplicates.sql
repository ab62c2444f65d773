-- Objects of one ETag and size: most likely copies, in one bucket or several.
-- parameter min_bytes bigint 1048576 Objects of at least so many bytes.
-- parameter most bigint 1000 Rows at most, the most wasteful first.
SELECT snapshot_date, e_tag, size, count(*) AS objects, count(DISTINCT bucketname) AS buckets,
    size * (count(*) - 1) AS wasted_bytes, min(bucketname || '/' || key) AS first_object
FROM {ATHENA_TABLE}
WHERE size >= {min_bytes}
    AND e_tag IS NOT NULL
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
GROUP BY snapshot_date, e_tag, size
HAVING count(*) > 1
ORDER BY wasted_bytes DESC, e_tag, snapshot_date
LIMIT {most}
