-- What versions that are no longer current cost a month, by bucket and storage class.
WITH held AS (
    SELECT snapshot_date, account, region, bucketname, storage_class, count(*) AS versions, sum(size) AS bytes,
        min(last_modified_date) AS oldest
    FROM {ATHENA_TABLE}
    WHERE is_latest = FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
    GROUP BY snapshot_date, account, region, bucketname, storage_class
)
SELECT held.snapshot_date, held.account, held.region, held.bucketname, held.storage_class, held.versions, held.bytes,
    held.oldest, round(held.bytes / 1073741824e0 * listed.usd, 4) AS monthly_usd
FROM held
LEFT JOIN (VALUES {PRICES}) AS listed (storage_class, usd, smallest, overhead, standard_overhead)
    ON listed.storage_class = held.storage_class
ORDER BY held.bytes DESC, held.bucketname, held.storage_class, held.snapshot_date
