-- What came, changed or went on each account's latest day.
SELECT
    c.account,
    c.account_region,
    c.account_name,
    c.account_full,
    x.date,
    x.table_name,
    x.change,
    x.row_id,
    x.before,
    x.after
FROM (
    SELECT account_id, table_name, row_id, date, change, before, after FROM resource_changes
    UNION ALL
    SELECT account_id, table_name, row_id, date, 'came', NULL, NULL FROM resource_arrivals
) x
JOIN account_context c ON c.id = x.account_id
JOIN (SELECT account_id, max(date) AS date FROM coverage GROUP BY account_id) latest
    ON latest.account_id = c.account AND latest.date = x.date
