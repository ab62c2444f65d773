-- Objects of extensions that no bucket should hold.
-- parameter banned texts 3gp,avi,exe,flac,iso,mkv,mov,mp3,mp4,scr,torrent,vbs,wav,wmv Extensions, without the dot.
SELECT snapshot_date, account, region, bucketname, key, size, last_modified_date
FROM {ATHENA_TABLE}
WHERE lower(regexp_extract(key, '\.([^./]+)$', 1)) IN ({banned})
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY bucketname, key, snapshot_date
