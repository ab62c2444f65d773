-- Objects whose ETag is on a list of hashes, such as those of known malware.
-- parameter hashes texts required ETags to look for, in any case.
SELECT snapshot_date, account, region, bucketname, key, size, lower(e_tag) AS e_tag, last_modified_date
FROM {ATHENA_TABLE}
WHERE contains(transform(ARRAY[{hashes}], hash -> lower(hash)), lower(e_tag))
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY bucketname, key, snapshot_date
