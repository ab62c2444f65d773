"""The report of a harvest: how it ended, which buckets it has and which not, what was found, and what it cost."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from urllib.parse import quote

from a360_pipeline.inventory.harvest.rows import DeliveryRow, Harvest, QueryRow
from a360_pipeline.inventory.harvest.states import BucketState
from a360_pipeline.report.letter import Block, Cell, Grid, Heading, Letter, Paragraph, Report, Text, Tone, plain
from a360_pipeline.report.verdict import MEANING, Course

MOST_BYTES = 200_000
"""Of the HTML: mail clients cut longer ones."""
CONSOLES = {"us-gov": "console.amazonaws-us-gov.com", "cn": "console.amazonaws.cn"}
"""Where the console of a partition is, by how the names of its regions begin; elsewhere `console.aws.amazon.com`."""
CENT = Decimal("0.01")
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
ENDINGS = {
    "complete": Text("Everything that was asked for is here.", Tone.GOOD),
    "incomplete": Text("Not everything that was asked for is here.", Tone.BAD),
    "failed": Text("It failed before its end.", Tone.BAD),
    "cancelled": Text("It was cancelled.", Tone.BAD),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown before "and N more"."""

    listed: int
    queries: int
    rows: int
    columns: int
    characters: int

    def cut(self, text: object) -> str:
        return plain(text, self.characters)


LIMITS = (
    Limits(listed=60, queries=60, rows=10, columns=8, characters=240),
    Limits(listed=40, queries=60, rows=5, columns=8, characters=120),
    Limits(listed=25, queries=40, rows=3, columns=6, characters=80),
    Limits(listed=10, queries=20, rows=1, columns=5, characters=60),
)
"""The first that fits is taken; with the last, the worst that names can hold fits."""


@dataclass(frozen=True, slots=True)
class Console:
    """Addresses in the console of AWS, for people who may sign in there."""

    region: str

    @property
    def _start(self) -> str:
        host = next((host for begin, host in CONSOLES.items() if self.region.startswith(begin)), None)
        return f"https://{self.region}.{host or 'console.aws.amazon.com'}"

    def query(self, execution_id: str) -> str:
        """A query of Athena in its history."""
        name = quote(execution_id, safe="")
        return f"{self._start}/athena/home?region={self.region}#/query-editor/history/{name}"

    def object(self, uri: str) -> str | None:
        """An object of S3; None for what is none."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not key:
            return None
        return f"{self._start}/s3/object/{quote(bucket, safe='')}?region={self.region}&prefix={quote(key, safe='')}"


def harvest_report(course: Course, console: Console | None = None) -> Report:
    """The report in at most 200 kB. Without a console, as on the sandbox, nothing leads to one."""
    reports = (_report(course, console, limits) for limits in LIMITS)
    report = next(reports)
    for smaller in reports:
        if len(report.html.encode()) <= MOST_BYTES:
            break
        report = smaller
    return report


def receipt_report(harvest: Harvest) -> Report:
    """The second mail, for a harvest with a receipt: what clean-up removed, and what is left."""
    left = len((harvest.receipt or {}).get("left", ()))
    verdict = f"clean-up is not finished, {left:,} left" if left else "cleaned up, nothing is left"
    title = f"Harvest {plain(harvest.harvest_id, 60)}: {verdict}"
    return Report.of(Letter(title, tuple(_clean_up(harvest, LIMITS[0]))))


def _report(course: Course, console: Console | None, limits: Limits) -> Report:
    title = f"Harvest {plain(course.harvest.harvest_id, 60)} {course.verdict}"
    parts = (
        _opening(course, limits),
        _buckets(course, limits),
        _objects(course),
        _problems(course, limits),
        _queries(course, console, limits),
        _findings(course, console, limits),
        _steps(course, limits),
        _clean_up(course.harvest, limits),
    )
    return Report.of(Letter(title, tuple(block for part in parts for block in part)))


def _opening(course: Course, limits: Limits) -> Iterator[Block]:
    harvest = course.harvest
    yield Paragraph.of(ENDINGS[course.ending])
    if harvest.message:
        yield Paragraph.of(limits.cut(harvest.message))
    yield Grid(
        ("harvest", limits.cut(harvest.harvest_id)),
        (
            ("lifetime", harvest.lifetime),
            ("begun", _instant(harvest.created_at)),
            ("waits until", _instant(harvest.deadline)),
        ),
    )


def _buckets(course: Course, limits: Limits) -> Iterator[Block]:
    yield Heading("Buckets")
    yield Grid(
        ("state", "buckets", "meaning"),
        [(state, f"{course.states[state]:,}", meaning) for state, meaning in MEANING.items()],
        numbers=frozenset({"buckets"}),
    )
    if course.missing:
        yield Heading("Missing buckets")
        rows = [
            (row.account_id, row.region or "not known", row.bucket, Text(row.state, Tone.BAD), reason)
            for row, reason in course.missing
        ]
        yield _grid(("account", "region", "bucket", "state", "reason"), rows, limits)
    if course.excluded:
        yield Heading("Left out")
        reasons = Counter(row.message or MEANING[BucketState.EXCLUDED] for row in course.excluded)
        yield _grid(("buckets", "reason"), [(f"{n:,}", why) for why, n in reasons.most_common()], limits, "buckets")


def _objects(course: Course) -> Iterator[Block]:
    yield Heading("Objects")
    days = sorted({row.snapshot_date for row in course.standing.values() if row.snapshot_date})
    yield Grid(
        ("counted", "amount"),
        (
            ("buckets in the table", f"{len(course.standing):,}"),
            ("days", " to ".join(map(str, dict.fromkeys((days[0], days[-1])))) if days else "none"),
            ("objects, old versions and delete markers", _number(course.rows)),
            ("bytes", _bytes(course.object_bytes)),
        ),
        numbers=frozenset({"amount"}),
    )


def _problems(course: Course, limits: Limits) -> Iterator[Block]:
    rows = [
        *(("region", row.region, row.message or "its stack failed") for row in course.failed_regions),
        *(("delivery", _delivery(row), row.message or "not verified") for row in course.failed_deliveries),
        *(("query", row.name, why) for row, why in course.unanswered),
        *(("step", each.name, each.said) for each in course.failed_steps),
    ]
    if rows:
        yield Heading("What went wrong")
        yield _grid(("what", "which", "why"), rows, limits)


def _delivery(row: DeliveryRow) -> str:
    return f"s3://{row.destination_bucket}/{row.manifest_key}"


def _queries(course: Course, console: Console | None, limits: Limits) -> Iterator[Block]:
    yield Heading("Queries and costs")
    if not course.queries:
        yield Paragraph.of("None was run.")
        return
    rows = [
        (
            row.name,
            Text(row.state, Tone.PLAIN if row.state == "SUCCEEDED" else Tone.BAD),
            _number(row.rows),
            _bytes(row.bytes_scanned),
            _dollars(row.cost_usd),
            _in_console(row, console),
        )
        for row in course.queries
    ]
    columns = ("query", "state", "rows", "scanned", "cost", "console")
    yield _grid(columns, rows, limits, "rows", "scanned", "cost")
    unpriced = sum(row.cost_usd is None for row in course.queries)
    yield Paragraph.of(
        f"In all {_bytes(course.bytes_scanned)} scanned, {_dollars(course.cost_usd)}"
        + (f", and what {unpriced:,} cost is not known." if unpriced else ".")
    )


def _in_console(row: QueryRow, console: Console | None) -> Cell:
    if console is None or not row.execution_id:
        return ""
    return Text("open", address=console.query(row.execution_id))


def _findings(course: Course, console: Console | None, limits: Limits) -> Iterator[Block]:
    answered = [row for row in course.queries if row.state == "SUCCEEDED"]
    for row in answered[: limits.queries]:
        yield Heading(f"{limits.cut(row.name)}: {_number(row.rows)} {'row' if row.rows == 1 else 'rows'}")
        first = course.findings.get(row.name)
        if first and first.purpose:
            yield Paragraph.of(limits.cut(first.purpose))
        if first and first.rows:
            yield _first_rows(first.columns, first.rows, row.rows, limits)
        if row.location:
            address = console.object(row.location) if console else None
            yield Paragraph.of("Result:", Text(plain(row.location, 1024), address=address))
    if len(answered) > limits.queries:
        yield Paragraph.of(f"and {len(answered) - limits.queries:,} more queries with results")


def _first_rows(
    columns: tuple[str, ...], rows: Sequence[tuple[object, ...]], total: int | None, limits: Limits
) -> Grid:
    shown = rows[: limits.rows]
    names = tuple(limits.cut(name) for name in columns[: limits.columns])
    unshown = len(columns) - len(names)
    return Grid(
        (*names, *((f"and {unshown} more columns",) if unshown else ())),
        [
            (*(limits.cut(_value(value)) for value in row[: limits.columns]), *(("…",) if unshown else ()))
            for row in shown
        ],
        more=max(total or 0, len(rows)) - len(shown),
        numbers=frozenset(name for at, name in enumerate(names) if all(_is_number(row[at]) for row in shown)),
    )


def _steps(course: Course, limits: Limits) -> Iterator[Block]:
    if course.steps:
        yield Heading("Steps after analysis")
        rows = [
            (each.name, Text("done" if each.is_done else "failed", Tone.PLAIN if each.is_done else Tone.BAD), each.said)
            for each in course.steps
        ]
        yield _grid(("step", "ended", "says"), rows, limits)


def _clean_up(harvest: Harvest, limits: Limits) -> Iterator[Block]:
    yield Heading("Clean-up")
    receipt = harvest.receipt
    if receipt is None:
        follows = "It stays until the harvest is cancelled." if harvest.is_recurring else "It follows, with a receipt."
        yield Paragraph.of(follows)
        return
    for name, tone in (("left", Tone.BAD), ("errors", Tone.BAD), ("removed", Tone.PLAIN)):
        things: Sequence[str] = receipt.get(name) or ()
        yield Paragraph.of(Text(f"{name}: {len(things):,}", tone if things else Tone.PLAIN))
        if things:
            yield _grid((name,), [(each,) for each in things], limits)


def _grid(columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], limits: Limits, *numbers: str) -> Grid:
    shown = [tuple(_cut(cell, limits) for cell in row) for row in islice(rows, limits.listed)]
    return Grid(columns, shown, more=len(rows) - len(shown), numbers=frozenset(numbers))


def _cut(cell: Cell, limits: Limits) -> Cell:
    if isinstance(cell, Text):
        return Text(limits.cut(cell.words), cell.tone, cell.address)
    return limits.cut(cell)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _value(value: object) -> str:
    match value:
        case None:
            return "null"
        case dt.datetime():
            return _instant(value)
        case bool():
            return str(value).lower()
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _instant(instant: dt.datetime | None) -> str:
    if instant is None:
        return "not known"
    return f"{instant.astimezone(dt.UTC) if instant.tzinfo else instant:%Y-%m-%d %H:%M} UTC"


def _number(number: int | None) -> str:
    return "not known" if number is None else f"{number:,}"


def _bytes(number: int | None) -> str:
    """With three digits or more, and the unit in which that is read most easily."""
    if number is None:
        return "not known"
    at = min(max(number.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    return f"{number:,} bytes" if at == 0 else f"{number / 1024**at:.1f} {UNITS[at]}"


def _dollars(amount: Decimal | None) -> str:
    """To the cent, and below a cent to the millionth of a dollar: a query of Athena often costs less."""
    if amount is None:
        return "not known"
    return f"${amount:.6f}".rstrip("0") if 0 < amount < CENT else f"${amount:,.2f}"
