"""The loader against the field's way and the bare limit, over a slow line, on day 100, and how much memory it takes."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from a360_pipeline.sandbox import postgres
from a360_pipeline.sections.model import Kept, Table
from a360_pipeline.sections.registry import TABLES
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.sources import Source
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.warehouse.load import load
from benchmarks.frame import Measured, measured, peak_mb, write_result
from benchmarks.generate import REGIONS, Snapshot, snapshots
from benchmarks.parts import line_to, made_store, memory_store, new_warehouse, postgres_server
from benchmarks.rivals import Row, bare_merge, row_by_row

BATCH_FILES = int(Settings.model_fields["load_batch_files"].default)
BATCH_BYTES = int(Settings.model_fields["load_batch_bytes"].default)
# Above the ids of what is loaded, below those of the next day copied.
DAY_OF_IDS = 10_000_000
NOTES = (
    "Generated snapshots in the field's wire format; CPU is the loader's and the database's; rows are those merged "
    "into tables: created, updated, unchanged. The rivals get the rows already parsed. The field's way, a SELECT and "
    "then an INSERT, each its own transaction, nothing prepared, gets all of them and its own tables, of which 12 have "
    "no key and so no index that serves the SELECT; `cpu_ratio_vs_row_by_row_indexed` is against the same way for one "
    "account into our tables, where an index serves every SELECT. "
    "pyarrow imports pandas at its first array, about a second of CPU once in a process: done before each block that "
    "is measured. Autovacuum is off, so that it works for neither side. Statements are counted on the line, BEGIN and "
    "COMMIT among them. Day 100 is day 99 loaded and its past filled in by SQL: other accounts' rows, retired rows, "
    "98 days of dated rows, changes and ledgers."
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run measures."""

    accounts: int = 20
    field_rows: int = 1_000_000
    """Of the field's way into its own tables: all there are."""
    rival_rows: int = 10_000
    """Of the field's way into ours; one account has fewer."""
    slow_rows: int = 100
    """Of the field's way, on the slow line."""
    round_trip: float = 0.015
    history_rows: int = 1_000_000
    files: int = 400
    large_bytes: int = 200_000_000


Metrics = dict[str, float]


def _waiting(day: Iterable[Snapshot]) -> Source:
    """A bucket in memory with these snapshots."""
    store = memory_store()
    for each in day:
        store.put(f"data/{each.path}", each.body())
    return Source(store, sorted(store.waiting()))


def _load(source: Source, url: str) -> int:
    """The rows merged. Raises ValueError when anything was not loaded: it must not count as speed."""
    result = load(source.store, url, source.objects, batch_files=BATCH_FILES, batch_bytes=BATCH_BYTES)
    if result.rejected or len(result.loaded) != len(source.objects):
        raise ValueError(f"not everything was loaded: {result.quarantined}, {result.rejected} rows rejected")
    return sum(each.created + each.updated + each.unchanged for each in result.tables.values())


# Where the field's own schema declares no key, as the contract with it says.
KEYLESS = (
    "compute_optimizer",
    "cost_forecasts",
    "guard_duty_findings",
    "inventory_applications",
    "inventory_patches",
    "kms_keys",
    "log_messages",
    "non_compliant_resources",
    "products",
    "service_costs",
    "service_resources",
    "waf_rules",
)


def cpu(server: postgres.Server, size: Size) -> Metrics:
    """CPU against a row at a time and against the bare merge, each into an empty warehouse, the best of two."""
    sample = _sample(server, 1)[: size.rival_rows]
    ours, rival, bare = [], [], []
    for turn in ("first", "second"):
        source, url = _waiting(snapshots(size.accounts, day=1)), new_warehouse(server, f"ours_{turn}")
        with measured(server.pid) as spent:
            rows = _load(source, url)
        ours.append(spent)
        rival.append(_row_by_row(server, new_warehouse(server, f"rival_{turn}"), sample))
        stored = _as_text(url)
        with (
            psycopg.connect(new_warehouse(server, f"bare_{turn}"), autocommit=True) as connection,
            measured(server.pid) as spent,
        ):
            bare_rows = sum(bare_merge(connection, name, columns, texts) for name, columns, texts in stored)
        bare.append(spent)
    best = min(ours, key=lambda each: each.cpu)
    our_row, bare_row = best.cpu / rows, min(each.cpu for each in bare) / bare_rows
    rival_row = min(each.cpu for each in rival) / len(sample)
    field_row, field_rows = _field_row(server, size)
    return {
        "cpu_ratio_vs_row_by_row": field_row / our_row,
        "cpu_ratio_vs_row_by_row_indexed": rival_row / our_row,
        "cpu_ratio_vs_bare_merge": our_row / bare_row,
        "rows": rows,
        "seconds": best.seconds,
        "cpu_seconds": best.cpu,
        "cpu_us_per_row": our_row * 1e6,
        "cpu_us_per_row_client": best.client / rows * 1e6,
        "cpu_us_per_row_rival": field_row * 1e6,
        "rows_rival": field_rows,
        "cpu_us_per_row_rival_indexed": rival_row * 1e6,
        "cpu_us_per_row_bare": bare_row * 1e6,
    }


def _field_row(server: postgres.Server, size: Size) -> tuple[float, int]:
    """CPU seconds a row of the field's way into its own tables, and of how many rows."""
    rows = _sample(server, size.accounts)[: size.field_rows]
    url = new_warehouse(server, "field")
    with psycopg.connect(url, autocommit=True) as connection:
        for name in KEYLESS:
            constraint, table = sql.Identifier(f"{name}_key"), sql.Identifier(name)
            connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE").format(table, constraint))
    return _row_by_row(server, url, rows).cpu / len(rows), len(rows)


def _row_by_row(server: postgres.Server, url: str, rows: Sequence[Row]) -> Measured:
    # Unprepared it comes closest to what was measured of the field's receiver: 0.54 ms of CPU a row.
    with (
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection,
        measured(server.pid) as spent,
    ):
        row_by_row(connection, rows)
    return spent


def _sample(server: postgres.Server, accounts: int) -> list[Row]:
    """All rows of some accounts as the tables have them, parents first."""
    url = new_warehouse(server, "sample")
    _load(_waiting(snapshots(accounts, day=1)), url)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return [
            (table.name, table.key, row)
            for table in TABLES
            for row in connection.execute(sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier(table.name)))
        ]


def _as_text(url: str) -> list[tuple[str, list[str], list[tuple[str | None, ...]]]]:
    """Every table with its columns and all its rows as text, parents first."""
    found = []
    with psycopg.connect(url) as connection:
        for table in TABLES:
            columns = _columns(connection, table.name)
            texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
            rows = connection.execute(sql.SQL("SELECT {} FROM {}").format(texts, sql.Identifier(table.name))).fetchall()
            found.append((table.name, list(columns), rows))
    return found


def _columns(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """The type of each column, as PostgreSQL has them."""
    return dict(
        connection.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [f'"{table}"'],
        ).fetchall()
    )


def slow_line(server: postgres.Server, size: Size) -> Metrics:
    """Wall time where each round trip takes 15 ms, and how many statements that is."""
    source = _waiting(snapshots(size.accounts, day=1))
    sample = _sample(server, 1)[: size.slow_rows]
    new_warehouse(server, "slow")
    new_warehouse(server, "slow_rival")
    with line_to(server, size.round_trip) as line:
        with measured() as ours:
            rows = _load(source, line.url("slow"))
        statements = line.statements
        with psycopg.connect(line.url("slow_rival"), autocommit=True) as connection, measured() as rival:
            rival_rows = row_by_row(connection, sample)
    return {
        "statements_per_row": statements / rows,
        "statements": statements,
        "wall_ratio_15ms": (rival.seconds / rival_rows) / (ours.seconds / rows),
        "seconds_15ms": ours.seconds,
    }


def days(server: postgres.Server, size: Size) -> Metrics:
    """What loading day 100 costs, against day 2; each the better of itself and the day after."""
    second = _next_days(server, size, 1)
    hundredth = _next_days(server, size, 99, partial(_fill_in, rows=size.history_rows))
    return {"day100_vs_day2": hundredth / second, "cpu_seconds_day2": second, "cpu_seconds_day100": hundredth}


def _next_days(
    server: postgres.Server,
    size: Size,
    day: int,
    fill_in: Callable[[psycopg.Connection[Any], int], None] = lambda _connection, _days: None,
) -> float:
    """CPU seconds of a day after `day`, which is loaded before, and whose past is filled in."""
    url = new_warehouse(server, f"day_{day}")
    _load(_waiting(snapshots(size.accounts, day=day)), url)
    with psycopg.connect(url, autocommit=True) as connection:
        fill_in(connection, day - 1)
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
    cpu_seconds = []
    for following in (day + 1, day + 2):
        source = _waiting(snapshots(size.accounts, day=following))
        with measured(server.pid) as spent:
            _load(source, url)
        cpu_seconds.append(spent.cpu)
    return min(cpu_seconds)


def _fill_in(connection: psycopg.Connection[Any], days_before: int, *, rows: int) -> None:
    """The past of what is loaded, set by set: as many days of it, and rows enough in the two largest tables."""
    # What is copied refers to what is there; checking that again takes longer than copying it.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    for table in TABLES:
        if table.kept is Kept.DATED:
            connection.execute(_days_before(connection, table), [days_before])
    for statement in (LEDGERS, POSTURE, LOADS):
        connection.execute(statement, [days_before])
    for name in ("inventory_applications", "inventory_patches", "findings", "service_resources"):
        connection.execute(CHANGES.format(name), [days_before])
    for statement in (RETIRED, CLOSED):
        connection.execute(statement)
    others = max(1, rows // OTHERS_ROWS)
    for statement in OTHERS:
        connection.execute(statement, {"accounts": others, "rows": OTHERS_ROWS})


def _days_before(connection: psycopg.Connection[Any], table: Table) -> sql.Composed:
    """Copies a dated table's rows to each day before, their parents' ids moved as their own."""
    moved = {r.name for r in table.references if r.table != "accounts"}
    values: list[sql.Composable] = []
    columns = _columns(connection, table.name)
    for name, type_name in columns.items():
        how = "t.{}"
        if name == "id" or name in moved:
            how = f"t.{{}} + n * {DAY_OF_IDS}"
        elif type_name == "date":
            how = "t.{} - n"
        elif type_name.startswith("timestamp") and name in table.key:
            how = "t.{} - n * interval '1 day'"
        values.append(sql.SQL(how).format(sql.Identifier(name)))
    return sql.SQL("INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, generate_series(1, %s) n").format(
        table=sql.Identifier(table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
    )


COVERED = (
    "account_id, region, section, interval, status, rows, rows_loaded, rows_by_table, snapshot_key, is_complete, rank"
)
LEDGERS = f"INSERT INTO coverage ({COVERED}, date) SELECT {COVERED}, date - n FROM coverage, generate_series(1, %s) n"
FIGURES = "account_id, product, total_findings, high_count, open_findings"
POSTURE = (
    f"INSERT INTO daily_posture ({FIGURES}, date) "
    f"SELECT {FIGURES}, date - n FROM daily_posture, generate_series(1, %s) n"
)
LOADED = "bucket, etag, last_modified, sha256, bytes, outcome, account_id, region, interval, is_ours, rows_loaded"
LOADS = (
    f"INSERT INTO load_ledger ({LOADED}, key, date) "
    f"SELECT {LOADED}, replace(key, date::text, (date - n)::text), date - n FROM load_ledger, generate_series(1, %s) n"
)
# Two of a hundred rows changed each day.
CHANGES = """
    INSERT INTO resource_changes (table_name, row_id, account_id, date, change, before, after)
    SELECT '{0}', t.id, t.account_id, t.first_seen - n, 'changed', to_jsonb(t), to_jsonb(t)
    FROM {0} t, generate_series(1, %s) n WHERE (t.id + n) %% 50 = 0
"""
RETIRED = """
    INSERT INTO inventory_applications (account_id, instance_id, name, version, publisher, architecture,
        application_type, install_time, first_seen, last_seen, retired_at)
    SELECT account_id, instance_id, name, 'was ' || version, publisher, architecture, application_type, install_time,
        first_seen - 98, first_seen - 2, first_seen - 1
    FROM inventory_applications
"""
FINDING = "service, title, description, severity, resource_type, resource_id, recommendation, region, product_arn"
CLOSED = f"""
    INSERT INTO findings (account_id, security_id, finding_id, {FINDING}, status, first_seen, last_seen)
    SELECT account_id, security_id, finding_id || ' before', {FINDING}, 'RESOLVED', first_seen - 98, first_seen - 9
    FROM findings
"""
OTHERS_ROWS = 960
OTHERS = (
    """
    INSERT INTO accounts (account_id, region, first_seen)
    SELECT (200000000000 + n)::text, 'us-east-1', '2026-03-01' FROM generate_series(1, %(accounts)s) n
    """,
    """
    INSERT INTO inventory_instances (account_id, instance_id, first_seen)
    SELECT a.id, 'i-' || left(md5(a.id::text || n), 17), a.first_seen
    FROM accounts a, generate_series(1, %(rows)s / 20) n WHERE a.account_id > '2'
    """,
    """
    INSERT INTO inventory_applications (account_id, instance_id, name, version, publisher, architecture,
        application_type, install_time, first_seen, last_seen, retired_at)
    SELECT i.account_id, i.id, 'package-' || n, '2.29.15-20.amzn2023', 'Amazon Linux', 'x86_64',
        'System Environment/Base', now(), i.first_seen,
        CASE WHEN n %% 4 = 0 THEN i.first_seen END, CASE WHEN n %% 4 = 0 THEN i.first_seen + 1 END
    FROM inventory_instances i JOIN accounts a ON a.id = i.account_id, generate_series(1, 20) n
    WHERE a.account_id > '2'
    """,
    """
    INSERT INTO security (account_id, service, first_seen, last_seen)
    SELECT id, 'Security Hub', first_seen, first_seen FROM accounts WHERE account_id > '2'
    """,
    f"""
    INSERT INTO findings (account_id, security_id, finding_id, {FINDING}, status, created_at, first_seen, last_seen)
    SELECT owner, product, finding_id || product || '/' || n, {FINDING}, 'NEW', now(), seen, seen
    FROM (SELECT s.account_id AS owner, s.id AS product, s.first_seen AS seen
        FROM security s JOIN accounts a ON a.id = s.account_id WHERE a.account_id > '2') others,
        generate_series(1, %(rows)s) n, (SELECT * FROM findings LIMIT 1) told
    """,
)


def many_files(server: postgres.Server, size: Size) -> Metrics:
    """Peak memory over many files, none of which is kept by the bucket."""
    template = Snapshot(0, REGIONS[0], 1)
    body, account = template.body(), template.account.encode()

    def made(key: str) -> bytes:
        return body.replace(account, key.split("/")[1].encode())

    objects = [
        StoredObject(
            f"data/{Snapshot(number, template.region, 1).path}", str(number), len(body), dt.datetime.now(dt.UTC)
        )
        for number in range(size.files)
    ]
    _load(Source(made_store(made), objects), new_warehouse(server, "files"))
    return {"peak_mb": peak_mb(), "files": size.files}


def one_large_file(server: postgres.Server, size: Size) -> Metrics:
    """Peak memory of one large snapshot, which another process makes."""
    url, snapshot = new_warehouse(server, "large"), Snapshot(0, REGIONS[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.json"
        maker = multiprocessing.get_context("spawn").Process(target=_write_large, args=(path, size.large_bytes))
        maker.start()
        maker.join()
        stored = StoredObject(f"data/{snapshot.path}", "large", path.stat().st_size, dt.datetime.now(dt.UTC))
        rows = _load(Source(made_store(lambda _key: path.read_bytes()), [stored]), url)
    return {"peak_mb_200mb_snapshot": peak_mb(), "rows_200mb_snapshot": rows}


def _write_large(path: Path, size: int) -> None:
    snapshot = Snapshot(0, REGIONS[0], 1)
    path.write_bytes(replace(snapshot, scale=size / len(snapshot.body())).body())


PARTS: dict[str, Callable[[postgres.Server, Size], Metrics]] = {
    each.__name__: each for each in (cpu, slow_line, days, many_files, one_large_file)
}


def measure(part: str, server: postgres.Server, size: Size) -> Metrics:
    """Measures one part in this process."""
    # pyarrow imports pandas at its first array: a second that a loader spends once in its life.
    pa.array([""])
    return PARTS[part](server, size)


def write(metrics: Metrics) -> None:
    """Writes the result down."""
    write_result("load", metrics, NOTES)


def main() -> int:
    if len(sys.argv) > 1:
        part, directory = sys.argv[1:]
        server = postgres.start(Path(directory))
        print(json.dumps(measure(part, server, Size())))
        return 0
    metrics: Metrics = {}
    with postgres_server() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
        for part in PARTS:
            # A process each, so that peak memory is the part's own.
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.load", part, str(server.directory)],
                stdout=subprocess.PIPE,
                check=True,
            )
            metrics |= json.loads(ended.stdout)
    write(metrics)
    return 0


if __name__ == "__main__":
    sys.exit(main())
