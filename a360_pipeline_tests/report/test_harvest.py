"""The report of a harvest: its subject, its cells and its size; the text says what the HTML says."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest, QueryRow, RegionRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState, RegionState, Way
from a360_pipeline.inventory.steps import StepOutcome
from a360_pipeline.report.harvest import MOST_BYTES, Console, harvest_report, receipt_report
from a360_pipeline.report.letter import plain
from a360_pipeline.report.verdict import MEANING, Course, FirstRows

ACCOUNT, REGION = "012345678901", "eu-central-2"
DAY = dt.date(2026, 11, 24)
EVIL = """<script>alert("x")</script>'&amp;\u202e\x00\n"""
CONSOLE = Console("us-east-1")


class Read(HTMLParser):
    """What a mail client is given: cells by row, links, headings, tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if {"h1", "h2"} & set(self.open):
            self.headings[-1] += data


def harvest(**changes: object) -> Harvest:
    made = dt.datetime(2026, 11, 22, 1, tzinfo=dt.UTC)
    whole = Harvest("weekly", HarvestState.ANALYSING, "once", {}, {}, created_at=made, deadline=made)
    return replace(whole, **changes)  # type: ignore[arg-type]


def bucket(number: int, state: BucketState = BucketState.DONE, **changes: object) -> BucketRow:
    whole = BucketRow("weekly", ACCOUNT, f"bucket-{number}", REGION, Way.CONFIGURED, state)
    return replace(whole, **changes)  # type: ignore[arg-type]


def delivery(number: int, rows: int | None = 10, size: int | None = 1000, **changes: object) -> DeliveryRow:
    whole = DeliveryRow(
        *("inventory-weekly", f"weekly/bucket-{number}/manifest.json", "weekly", ACCOUNT, REGION, f"bucket-{number}"),
        state=DeliveryState.PUBLISHED,
        snapshot_date=DAY,
        delivered_at=dt.datetime(2026, 11, 24, 1, tzinfo=dt.UTC),
        rows=rows,
        object_bytes=size,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def query(name: str, state: str = "SUCCEEDED", **changes: object) -> QueryRow:
    whole = QueryRow(
        *("weekly", name, state, "11111111-2222", "SELECT 1", 2, 10_000_000, Decimal("0.00005")),
        location=f"s3://a360-inventory/results/{name} 1.csv",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


FULL = Course(
    harvest(),
    [RegionRow("weekly", REGION, RegionState.READY, "a360-weekly", "inventory-weekly")],
    [bucket(1), bucket(2), bucket(3, BucketState.EMPTY), bucket(4, BucketState.EXCLUDED, message="is not asked for")],
    [delivery(1, 1234, 1_500_000_000), delivery(2)],
    [query("large_objects"), query("secrets_by_name", rows=1)],
    {
        "large_objects": FirstRows(
            "Objects of more than 5 GB.",
            ("key", "size", "modified"),
            [("backup.tar", 6_000_000_000, dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)), (None, 7, None)],
        )
    },
)


def test_a_whole_harvest_is_complete_and_says_what_it_counted() -> None:
    report = harvest_report(FULL, CONSOLE)
    read = Read(report.html)
    assert report.subject == "Harvest weekly complete: all of 3 buckets"
    assert read.headings[0] == report.subject
    assert ["done", "2", MEANING[BucketState.DONE]] in read.rows
    assert ["objects, old versions and delete markers", "1,244"] in read.rows
    assert ["bytes", "1.4 GiB"] in read.rows
    assert ["days", "2026-11-24"] in read.rows
    assert ["backup.tar", "6,000,000,000", "2026-01-02 03:04 UTC"] in read.rows
    assert ["null", "7", "null"] in read.rows
    assert ["1", "is not asked for"] in read.rows
    assert ["large_objects", "SUCCEEDED", "2", "9.5 MiB", "$0.00005", "open"] in read.rows
    assert "In all 19.1 MiB scanned, $0.0001." in read.words
    assert "Missing buckets" not in read.headings
    assert "What went wrong" not in read.headings


def test_every_state_is_named_though_no_bucket_is_in_it() -> None:
    rows = {row[0]: row[1] for row in Read(harvest_report(FULL).html).rows if len(row) == 3}
    assert {state: rows[state] for state in BucketState} == {state: str(FULL.states[state]) for state in BucketState}


def test_the_subject_tells_what_is_missing_and_the_table_why() -> None:
    buckets = [
        *map(bucket, range(37)),
        bucket(37, BucketState.IN_PROGRESS),
        bucket(38, BucketState.ACCESS_LOST, region=None, message="AccessDenied: no policy allows it"),
        bucket(39, BucketState.VERIFICATION_FAILED, message="data/1.csv.gz has another MD5"),
    ]
    report = harvest_report(Course(harvest(), (), buckets, [delivery(number) for number in range(37)]))
    read = Read(report.html)
    assert report.subject == "Harvest weekly incomplete: 3 of 40 buckets missing"
    assert [row for row in read.rows if row[0] == ACCOUNT] == [
        [ACCOUNT, REGION, "bucket-37", "in_progress", "no delivery has come yet"],
        [ACCOUNT, "not known", "bucket-38", "bucket_access_lost", "AccessDenied: no policy allows it"],
        [ACCOUNT, REGION, "bucket-39", "verification_failed", "data/1.csv.gz has another MD5"],
    ]


@pytest.mark.parametrize(
    "state", [state for state in BucketState if state not in ("done", "bucket_is_empty", "excluded")]
)
def test_no_state_but_done_and_empty_counts_as_had(state: BucketState) -> None:
    """I1. "Finished" was said while buckets were still in progress."""
    course = Course(harvest(), (), [bucket(1, state), bucket(2)], [delivery(2)])
    assert course.verdict == "incomplete: 1 of 2 buckets missing"


def test_a_bucket_that_is_done_without_a_delivery_in_the_table_is_missing() -> None:
    """I3. "Done" was whatever a file's name said."""
    superseded = delivery(1, state=DeliveryState.SUPERSEDED)
    for deliveries in ([], [superseded], [delivery(1, account_id="210987654321")]):
        [(row, reason)] = Course(harvest(), (), [bucket(1)], deliveries).missing
        assert (row.bucket, reason) == ("bucket-1", "is done, and yet no delivery of it is in the table")
    assert Course(harvest(), (), [bucket(1)], [superseded, delivery(1)]).missing == []


def test_a_reused_inventory_counts_once_its_delivery_is_in_the_table() -> None:
    reused = bucket(1, BucketState.REUSED)
    assert Course(harvest(), (), [reused], [delivery(1)]).ending == "complete"


def test_of_two_deliveries_of_a_bucket_the_newest_is_counted_alone() -> None:
    """I4. Objects of both were counted."""
    older = delivery(1, 7, 70, delivered_at=dt.datetime(2026, 11, 23, tzinfo=dt.UTC), manifest_key="older")
    course = Course(harvest(), (), [bucket(1)], [delivery(1, 8, 80), older])
    assert (course.rows, course.object_bytes) == (8, 80)


def test_what_is_not_known_is_not_a_number() -> None:
    course = Course(
        harvest(), (), [bucket(1), bucket(2)], [delivery(1, None, None), delivery(2)], [query("a", cost_usd=None)]
    )
    read = Read(harvest_report(course).html)
    assert ["bytes", "not known"] in read.rows
    assert "and what 1 cost is not known." in read.words


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"outcome": HarvestState.CANCELLED}, "Harvest weekly cancelled: all of 1 bucket"),
        (
            {"outcome": HarvestState.FAILED, "message": "no region could be deployed"},
            "Harvest weekly failed: all of 1 bucket",
        ),
    ],
)
def test_what_ended_otherwise_says_so(changes: dict[str, object], subject: str) -> None:
    report = harvest_report(Course(harvest(**changes), (), [bucket(1)], [delivery(1)]))
    assert report.subject == subject
    assert str(changes.get("message", "")) in report.text


def test_a_harvest_of_no_bucket_is_not_complete() -> None:
    for buckets in ([], [bucket(1, BucketState.EXCLUDED)]):
        assert harvest_report(Course(harvest(), (), buckets)).subject == (
            "Harvest weekly incomplete: no bucket was looked at"
        )


def test_what_went_wrong_is_told_in_one_table() -> None:
    course = Course(
        harvest(),
        [RegionRow("weekly", "me-south-1", RegionState.FAILED, "s", "d", "the stack was rolled back")],
        [bucket(1)],
        [delivery(1), delivery(1, state=DeliveryState.VERIFICATION_FAILED, manifest_key="k", message="short")],
        [query("a", "FAILED", message="column x"), query("b", "CANCELLED"), query("c", "RUNNING"), query("d")],
        steps=[StepOutcome("tag", is_done=False, said="KeyError: 'a'", dry_run=True, seconds=0.1)],
    )
    report = harvest_report(course)
    assert report.subject == "Harvest weekly incomplete: 3 of 4 queries without a result, 1 step failed"
    assert [row for row in Read(report.html).rows if row[0] in ("region", "delivery", "query", "step")][:7] == [
        ["region", "me-south-1", "the stack was rolled back"],
        ["delivery", "s3://inventory-weekly/k", "short"],
        ["query", "a", "column x"],
        ["query", "b", "ended as CANCELLED"],
        ["query", "c", "has not ended"],
        ["step", "tag", "KeyError: 'a'"],
        ["query", "state", "rows", "scanned", "cost", "console"],
    ]


def test_links_lead_to_the_console_and_nowhere_without_one() -> None:
    read = Read(harvest_report(FULL, CONSOLE).html)
    start = "https://us-east-1.console.aws.amazon.com"
    assert f"{start}/athena/home?region=us-east-1#/query-editor/history/11111111-2222" in read.links
    assert f"{start}/s3/object/a360-inventory?region=us-east-1&prefix=results%2Flarge_objects%201.csv" in read.links
    without = harvest_report(FULL)
    assert Read(without.html).links == []
    assert "https://" not in without.text
    assert "s3://a360-inventory/results/large_objects 1.csv" in Read(without.html).words
    china = Console("cn-north-1").query("1")
    assert china.startswith("https://cn-north-1.console.amazonaws.cn/athena")


def hostile(count: int) -> Course:
    """Everything that others name, as bad as it can be, and much of it."""
    evil = EVIL * 20
    columns = tuple(f"{EVIL}{number}" for number in range(30))
    return Course(
        harvest(message=evil),
        [RegionRow("weekly", evil, RegionState.FAILED, evil, evil, evil)],
        [bucket(1, BucketState.ACCESS_LOST, bucket=f"{evil}{n}", message=evil) for n in range(count)],
        [delivery(1, state=DeliveryState.VERIFICATION_FAILED, manifest_key=evil, message=evil)] * count,
        [query(f"{EVIL}{n}", location=f"s3://b/{evil}", execution_id=evil) for n in range(count)],
        {f"{EVIL}{n}": FirstRows(evil, columns, [(evil,) * 30] * 50) for n in range(count)},
        [StepOutcome(evil, is_done=False, said=evil, dry_run=True, seconds=0.0)] * count,
    )


def test_nothing_that_others_name_becomes_markup_or_is_hidden() -> None:
    report = harvest_report(hostile(3), CONSOLE)
    read = Read(report.html)
    assert read.open == []
    assert read.tags <= {
        *("html", "head", "meta", "title", "body", "h1", "h2", "p", "div", "table", "thead", "tbody"),
        *("tr", "td", "th", "b", "a"),
    }
    assert read.attributes <= {
        "lang",
        "charset",
        "name",
        "content",
        "style",
        "align",
        "valign",
        "href",
        "cellpadding",
        "cellspacing",
    }
    assert """<script>alert("x")</script>'&amp;\\u202e\\x00\\n""" in read.words
    for said in (report.html, report.text):
        assert not {"\u202e", "\x00"} & set(said)
    assert all(link.startswith("https://us-east-1.console.aws.amazon.com/") for link in read.links)


@pytest.mark.parametrize("count", [30, 2000])
def test_however_much_went_wrong_the_mail_is_not_cut_by_clients(count: int) -> None:
    report = harvest_report(hostile(count), CONSOLE)
    assert 20_000 < len(report.html.encode()) <= MOST_BYTES
    assert report.subject.isprintable()
    for said in (Read(report.html).words, report.text):
        assert f"{count:,} of {count:,} buckets missing" in said
        assert " more" in said


def test_what_is_not_shown_is_counted() -> None:
    buckets = [bucket(number, BucketState.IN_PROGRESS) for number in range(1000)]
    report = harvest_report(Course(harvest(), (), buckets))
    shown = [row for row in Read(report.html).rows if row[0] == ACCOUNT]
    assert f"and {1000 - len(shown)} more" in report.html
    assert f"and {1000 - len(shown)} more" in report.text


def test_the_text_says_what_the_html_says() -> None:
    for course in (FULL, replace(FULL, buckets=[*FULL.buckets, bucket(9, BucketState.NOT_CREATED, message="quota")])):
        report = harvest_report(course, CONSOLE)
        read = Read(report.html)
        text = " ".join(report.text.split())
        for said in (*read.headings, *(cell for row in read.rows for cell in row), *read.links):
            assert " ".join(said.split()) in text


def test_no_colour_is_presumed_so_that_dark_clients_can_show_it() -> None:
    html = harvest_report(hostile(2)).html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background" not in html


def test_clean_up_follows_or_its_receipt_is_shown() -> None:
    assert "It follows, with a receipt." in harvest_report(FULL).text
    kept = replace(FULL, harvest=harvest(lifetime="recurring"))
    assert "It stays until the harvest is cancelled." in harvest_report(kept).text
    clean = {"removed": ["stack a360-weekly in eu-central-2"], "left": [], "errors": []}
    ended = harvest(state=HarvestState.DONE, receipt=clean)
    assert ["stack a360-weekly in eu-central-2"] in Read(harvest_report(replace(FULL, harvest=ended)).html).rows
    receipt = receipt_report(ended)
    assert receipt.subject == "Harvest weekly: cleaned up, nothing is left"
    assert ["stack a360-weekly in eu-central-2"] in Read(receipt.html).rows


def test_a_receipt_with_something_left_says_so_first() -> None:
    """I19. Clean-up's errors were only logged."""
    told = {"removed": [], "left": ["bucket inventory-weekly"], "errors": ["AccessDenied: s3:DeleteBucket"]}
    receipt = receipt_report(harvest(receipt=told))
    assert receipt.subject == "Harvest weekly: clean-up is not finished, 1 left"
    rows = Read(receipt.html).rows
    assert ["bucket inventory-weekly"] in rows
    assert ["AccessDenied: s3:DeleteBucket"] in rows


def test_the_first_rows_of_a_result_are_taken_with_the_names_of_its_columns() -> None:
    result = pa.table({"key": ["a", None, "c"], "size": [1, 2, 3]})
    assert FirstRows.of("Why.", result, 2) == FirstRows("Why.", ("key", "size"), [("a", 1), (None, 2)])
    assert FirstRows.of("", result.slice(0, 0)).rows == []


def test_a_text_of_strangers_is_one_line_with_all_of_it_to_be_seen() -> None:
    assert plain("a\tb\u200b\ud800é") == "a\\tb\\u200b\\ud800é"
    assert plain("x" * 10, 5) == "xxxx…"
    assert plain("\x00" * 10, 9) == "\\x00\\x00…"
