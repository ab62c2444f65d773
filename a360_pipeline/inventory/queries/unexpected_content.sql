-- Objects that a bucket should not hold: of another extension than those expected, or of none.
-- parameter bucket text % Name of the bucket, as LIKE takes it; % is any.
-- parameter expected texts avro,csv,gz,json,log,orc,parquet,snappy,txt,zst Extensions that are expected, without the dot.
SELECT snapshot_date, account, region, bucketname, key, size, last_modified_date
FROM {ATHENA_TABLE}
WHERE bucketname LIKE {bucket}
    AND coalesce(lower(regexp_extract(key, '\.([^./]+)$', 1)), '') NOT IN ({expected})
    AND key NOT LIKE '%/'
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY bucketname, key, snapshot_date
