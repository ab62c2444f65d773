-- Objects whose access control list names everybody, or everybody with an AWS account; nothing where lists were not delivered.
WITH decoded AS (
    SELECT snapshot_date, account, region, bucketname, key, size,
        try(from_utf8(from_base64(object_access_control_list))) AS acl
    FROM {ATHENA_TABLE}
    WHERE object_access_control_list IS NOT NULL
        AND is_latest IS DISTINCT FROM FALSE
        AND is_delete_marker IS DISTINCT FROM TRUE
)
SELECT snapshot_date, account, region, bucketname, key, size,
    if(acl LIKE '%/groups/global/AllUsers%', 'everybody', 'any AWS account') AS open_to, acl
FROM decoded
WHERE acl LIKE '%/groups/global/AllUsers%'
    OR acl LIKE '%/groups/global/AuthenticatedUsers%'
ORDER BY bucketname, key, snapshot_date
