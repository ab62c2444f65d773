-- Bytes that are billed beyond what is stored: least sizes and metadata by bucket and storage class, with the dollars a month.
WITH priced AS (
    SELECT objects.snapshot_date, objects.account, objects.region, objects.bucketname, objects.storage_class,
        objects.size, listed.usd, listed.smallest, listed.overhead, listed.standard_overhead,
        greatest(listed.smallest - objects.size, 0) AS padding
    FROM {ATHENA_TABLE} AS objects
    JOIN (VALUES {PRICES}) AS listed (storage_class, usd, smallest, overhead, standard_overhead)
        ON listed.storage_class = objects.storage_class
    WHERE listed.smallest + listed.overhead > 0
        AND objects.size IS NOT NULL
)
SELECT snapshot_date, account, region, bucketname, storage_class, count(*) AS objects, count_if(padding > 0) AS small,
    sum(size) AS bytes, sum(padding) AS padding_bytes, sum(overhead + standard_overhead) AS metadata_bytes,
    round(sum((padding + overhead) / 1073741824e0 * usd + standard_overhead / 1073741824e0 * {STANDARD_USD}), 6)
        AS overhead_usd
FROM priced
GROUP BY snapshot_date, account, region, bucketname, storage_class
ORDER BY overhead_usd DESC, bucketname, storage_class, snapshot_date
