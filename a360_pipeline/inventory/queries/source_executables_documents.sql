-- How much source code, how many executables and documents each bucket holds.
-- parameter source texts c,cpp,cs,go,h,ipynb,java,js,kt,php,ps1,py,rb,rs,scala,sh,sql,swift,ts Extensions of source code.
-- parameter executables texts apk,app,bat,bin,com,deb,dll,dmg,elf,exe,jar,msi,pkg,rpm,so Extensions of executables.
-- parameter documents texts csv,doc,docx,eml,msg,odt,pdf,ppt,pptx,rtf,xls,xlsx Extensions of documents.
WITH named AS (
    SELECT snapshot_date, account, region, bucketname, size,
        lower(regexp_extract(key, '\.([^./]+)$', 1)) AS extension
    FROM {ATHENA_TABLE}
    WHERE is_latest IS DISTINCT FROM FALSE
    AND is_delete_marker IS DISTINCT FROM TRUE
), sorted AS (
    SELECT snapshot_date, account, region, bucketname, size,
        CASE
            WHEN extension IN ({source}) THEN 'source'
            WHEN extension IN ({executables}) THEN 'executables'
            WHEN extension IN ({documents}) THEN 'documents'
        END AS kind
    FROM named
)
SELECT snapshot_date, account, region, bucketname, kind, count(*) AS objects, sum(size) AS bytes
FROM sorted
WHERE kind IS NOT NULL
GROUP BY snapshot_date, account, region, bucketname, kind
ORDER BY bucketname, kind, snapshot_date
