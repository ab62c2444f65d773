"""Totals of the findings held: a product's summary never repeats a sender's one-day delta."""

from __future__ import annotations

from a360_pipeline.warehouse.connection import Connection

FIGURES = (
    "total_findings",
    "critical_count",
    "high_count",
    "medium_count",
    "low_count",
    "informational_count",
    "open_findings",
    "resolved_findings",
)
NAMES = ", ".join(FIGURES)


def _figures(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in FIGURES)


RECOUNT = f"""
    WITH told AS (
        SELECT DISTINCT s.id, f.date
        FROM "stage@security" r JOIN "stage@frames" f USING ("@frame")
        JOIN accounts a ON a.account_id = f.account AND a.region = f.region
        JOIN security s ON s.account_id = a.id AND s.service = r.service
    ), counted AS (
        SELECT s.id,
            count(f.id) AS total_findings,
            count(*) FILTER (WHERE f.severity = 'CRITICAL') AS critical_count,
            count(*) FILTER (WHERE f.severity = 'HIGH') AS high_count,
            count(*) FILTER (WHERE f.severity = 'MEDIUM') AS medium_count,
            count(*) FILTER (WHERE f.severity = 'LOW') AS low_count,
            count(*) FILTER (WHERE f.severity = 'INFORMATIONAL') AS informational_count,
            count(*) FILTER (
                WHERE f.status <> 'RESOLVED' AND f.record_state IS DISTINCT FROM 'ARCHIVED'
            ) AS open_findings,
            count(*) FILTER (WHERE f.status = 'RESOLVED' OR f.record_state = 'ARCHIVED') AS resolved_findings
        FROM (SELECT DISTINCT id FROM told) s LEFT JOIN findings f ON f.security_id = s.id AND f.retired_at IS NULL
        GROUP BY s.id
    ), recounted AS (
        UPDATE security s SET ({NAMES}) = ROW({_figures("n")}), updated_at = now()
        FROM counted n
        WHERE n.id = s.id AND ({_figures("s")}) IS DISTINCT FROM ({_figures("n")})
    )
    INSERT INTO daily_posture (account_id, product, date, {NAMES})
    SELECT s.account_id, s.service, s.last_seen, {_figures("n")}
    FROM told JOIN security s USING (id) JOIN counted n USING (id)
    WHERE told.date = s.last_seen
    ON CONFLICT ON CONSTRAINT daily_posture_key DO UPDATE SET ({NAMES}) = ROW({_figures("excluded")})
"""  # noqa: S608 - constants


def recount_findings(connection: Connection) -> None:
    """Counts anew what the products of this batch hold, and keeps the day's figures for trends.

    Only the newest day's: what was held on a day long past cannot be counted any more.
    """
    connection.execute(RECOUNT)
