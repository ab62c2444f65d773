-- Objects whose name is one that credentials go by.
-- parameter pattern text "(^|/)(\.env(\.[^/]*)?|\.netrc|\.git-credentials|\.aws/credentials|\.ssh/[^/]+|id_(rsa|dsa|ecdsa|ed25519)|credentials?(\.[a-z]+)?|secrets?(\.[a-z]+)?|passwords?(\.[a-z]+)?|shadow)$" Regular expression that the key in small letters has to match.
SELECT snapshot_date, account, region, bucketname, key, size, last_modified_date
FROM {ATHENA_TABLE}
WHERE regexp_like(lower(key), {pattern})
    AND is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
ORDER BY bucketname, key, snapshot_date
