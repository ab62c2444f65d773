-- What could be stored in a cheaper class, and the dollars a month that it would save; retrievals and transitions cost apart.
-- parameter target text STANDARD_IA The class to move to.
-- parameter days bigint 90 Whole days since the last change.
-- parameter min_bytes bigint 131072 Smaller objects stay where they are.
WITH prices AS (
    SELECT storage_class, usd
    FROM (VALUES {PRICES}) AS listed (storage_class, usd, smallest, overhead, standard_overhead)
), held AS (
    SELECT snapshot_date, account, region, bucketname, storage_class, count(*) AS objects, sum(size) AS bytes
    FROM {ATHENA_TABLE}
    WHERE size >= {min_bytes}
        AND date_diff('day', last_modified_date, CAST(snapshot_date AS timestamp)) >= {days}
        AND is_latest IS DISTINCT FROM FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
    GROUP BY snapshot_date, account, region, bucketname, storage_class
)
SELECT held.snapshot_date, held.account, held.region, held.bucketname, held.storage_class, held.objects, held.bytes,
    round(held.bytes / 1073741824e0 * prices.usd, 4) AS monthly_usd,
    round(held.bytes / 1073741824e0 * (prices.usd - target.usd), 4) AS saved_usd
FROM held
JOIN prices ON prices.storage_class = held.storage_class
JOIN prices AS target ON target.storage_class = {target} AND target.usd < prices.usd
ORDER BY saved_usd DESC, held.bucketname, held.storage_class, held.snapshot_date
