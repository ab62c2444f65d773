-- Objects whose extension is that of keys, certificates and password stores.
-- parameter extensions texts asc,crt,gpg,htpasswd,jks,kdbx,key,keystore,ovpn,p12,pem,pfx,pgpass,ppk,tfstate,tfvars Without the dot.
SELECT snapshot_date, account, region, bucketname, key, size, last_modified_date
FROM {ATHENA_TABLE}
WHERE lower(regexp_extract(key, '\.([^./]+)$', 1)) IN ({extensions})
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY bucketname, key, snapshot_date
