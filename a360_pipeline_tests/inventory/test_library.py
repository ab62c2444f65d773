"""The library of queries: each finds what it says, in rows made here; and its page is up to date.

`python -m a360_pipeline_tests.inventory.test_library` writes docs/queries.md anew.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.engines.dialect import columns_used, qualified, translate
from a360_pipeline.engines.duck import Duck
from a360_pipeline.engines.engine import QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.analysis import COLUMNS
from a360_pipeline.inventory.library import QUERIES, TYPES, WrongQuery, library_page, render
from a360_pipeline_tests.inventory.consolidated import ACCOUNT, DAY, REGION, days_before, deliver

PAGE = Path(__file__).resolve().parents[2] / "docs" / "queries.md"
INTRODUCTION = """# Queries

What can be asked of inventories by name, in a harvest or with `a360 inventory query`. They are written in Trino's
dialect and run on Athena and on the embedded engine alike. `{ATHENA_TABLE}` is the table, or the view of a harvest.
One's own SQL may name it too, and `{NAME}` for each argument that it is given.

"""
GB = 2**30
KB = 2**10
CURRENT = {"is_latest": True, "is_delete_marker": False}
OLD = {"is_latest": False, "is_delete_marker": False}
MARKER = {"is_latest": True, "is_delete_marker": True}
FILLED = {"source": "one", "backup": "two", "hashes": ["00"]}
"""Of the parameters that have no default."""

Rows = Sequence[Mapping[str, Any]]


def ask(root: Path, sql: str) -> list[dict[str, Any]]:
    with Duck({"t": root}) as duck:
        execution = finish(duck, duck.start(sql, ""), patience=60)
        assert execution.state is QueryState.SUCCEEDED, execution.reason
        rows: list[dict[str, Any]] = duck.result(execution).to_pylist()
        return rows


def acl(uri: str) -> str:
    grants = {"grants": [{"uri": uri, "permission": "READ", "type": "Group"}]}
    return base64.b64encode(json.dumps(grants).encode()).decode()


def text_of(acl_: str) -> str:
    return base64.b64decode(acl_).decode()


EVERYBODY = acl("http://acs.amazonaws.com/groups/global/AllUsers")
LOGS = acl("http://acs.amazonaws.com/groups/s3/LogDelivery")
AT = days_before(10)
NAIVE = AT.replace(tzinfo=None)

CASES: list[tuple[str, dict[str, Any], dict[str, Rows], list[tuple[Any, ...]]]] = [
    (
        "large_objects",
        {"min_bytes": 100, "most": 2},
        {
            "one": [
                {"key": "a", "size": 100, "storage_class": "STANDARD", "last_modified_date": AT},
                {"key": "b", "size": 300, "last_modified_date": AT, **CURRENT},
                {"key": "c", "size": 99},
                {"key": "d", "size": 900, **OLD},
            ],
            "two": [{"key": "e", "size": 200}],
        },
        [("one", "b", 300, None, NAIVE), ("two", "e", 200, None, None)],
    ),
    (
        "secrets_by_extension",
        {},
        {"one": [{"key": "x/id.PEM", "size": 1}, {"key": "pem"}, {"key": "a.pem/b"}, {"key": "c.pem", **OLD}]},
        [("one", "x/id.PEM", 1, None)],
    ),
    (
        "secrets_by_name",
        {},
        {
            "one": [
                {"key": key}
                for key in (".env", "a/.env.prod", "a/ID_RSA", "a/id_rsa.pub", "my.env", "b/secrets.yaml", "secretly/x")
            ]
        },
        [("one", key, None, None) for key in (".env", "a/.env.prod", "a/ID_RSA", "b/secrets.yaml")],
    ),
    (
        "source_executables_documents",
        {"documents": "pdf,Doc"},
        {
            "one": [
                {"key": "a.py", "size": 1},
                {"key": "b.PY", "size": 2},
                {"key": "c.pdf", "size": 4},
                {"key": "d.xyz"},
            ]
        },
        [("one", "documents", 1, 4), ("one", "source", 2, 3)],
    ),
    (
        "counts_by_extension",
        {},
        {"one": [{"key": "a.gz", "size": 5}, {"key": "plain", "size": 1}], "two": [{"key": "b.GZ", "size": 6}]},
        [("gz", 2, 11, 2), (None, 1, 1, 1)],
    ),
    (
        "distinct_extensions",
        {},
        {"one": [{"key": "a.gz"}, {"key": "b.GZ"}, {"key": "c.csv"}, {"key": "plain"}], "two": [{"key": "plain"}]},
        [("one", 2, "csv gz")],
    ),
    (
        "unexpected_content",
        {"bucket": "log%", "expected": ["gz"]},
        {"logs": [{"key": "a.gz"}, {"key": "b.exe"}, {"key": "c"}, {"key": "folder/"}], "two": [{"key": "b.exe"}]},
        [("logs", "b.exe", None, None), ("logs", "c", None, None)],
    ),
    ("banned_content", {}, {"one": [{"key": "a.MP3"}, {"key": "mp3"}]}, [("one", "a.MP3", None, None)]),
    (
        "backup_verification",
        {"source": "one", "backup": "two", "prefix": "b/"},
        {
            "one": [
                {"key": "same", "size": 1, "e_tag": "aa"},
                {"key": "missing", "size": 1, "e_tag": "bb"},
                {"key": "shorter", "size": 3, "e_tag": "cc"},
                {"key": "other", "size": 1, "e_tag": "dd", "encryption_status": "SSE-S3"},
                {"key": "parts", "size": 1, "e_tag": "ee-2"},
                {"key": "kms", "size": 1, "e_tag": "ff", "encryption_status": "SSE-KMS"},
                {"key": "gone", **MARKER},
            ],
            "two": [
                {"key": "b/same", "size": 1, "e_tag": "aa"},
                {"key": "b/shorter", "size": 2, "e_tag": "c2"},
                {"key": "b/other", "size": 1, "e_tag": "d2"},
                {"key": "b/parts", "size": 1, "e_tag": "e2"},
                {"key": "b/kms", "size": 1, "e_tag": "f2"},
                {"key": "b/missing", "size": 1, "e_tag": "bb", **OLD},
            ],
        },
        [
            ("missing", 1, None, "bb", None, "missing"),
            ("other", 1, 1, "dd", "d2", "content differs"),
            ("shorter", 3, 2, "cc", "c2", "size differs"),
        ],
    ),
    (
        "etag_match",
        {"hashes": ["AB12", "ffff"]},
        {"one": [{"key": "a", "e_tag": "ab12"}, {"key": "b", "e_tag": "AB12", **OLD}, {"key": "c", "e_tag": "ab"}]},
        [("one", "a", None, "ab12", None), ("one", "b", None, "ab12", None)],
    ),
    (
        "not_replicated",
        {},
        {
            "one": [
                {"key": "a", "size": 1, "replication_status": "COMPLETED"},
                {"key": "b", "size": 2, "replication_status": "REPLICA"},
                {"key": "c", "size": 4},
                {"key": "d", "size": 8, **OLD},
            ],
            "two": [{"key": "a", "replication_status": "COMPLETED"}],
        },
        [("one", 3, 1, 1, 1, 4)],
    ),
    (
        "not_encrypted_as_required",
        {"allowed": "SSE-KMS"},
        {
            "one": [
                {"key": "b", "size": 1, "encryption_status": "SSE-S3"},
                {"key": "a", "size": 2, "encryption_status": "SSE-S3"},
                {"key": "c", "encryption_status": "SSE-KMS"},
                {"key": "d"},
                {"key": "e", "size": 5, "encryption_status": "NOT-SSE"},
            ]
        },
        [("one", "NOT-SSE", 1, 5, "e"), ("one", "SSE-S3", 2, 3, "a")],
    ),
    (
        "stale_buckets",
        {"days": 100},
        {
            "old": [{"key": "a", "size": 1, "last_modified_date": days_before(100)}],
            "nearly": [{"key": "a", "size": 1, "last_modified_date": days_before(99.99)}],
            "mixed": [{"key": "a", "last_modified_date": days_before(500)}, {"key": "b", "last_modified_date": AT}],
        },
        [("old", days_before(100).replace(tzinfo=None), 100, 1, 1)],
    ),
    (
        "stale_prefixes",
        {"days": 100, "min_bytes": 1},
        {
            "one": [
                {"key": "old/a/b", "size": 4, "last_modified_date": days_before(200)},
                {"key": "old/c", "size": 4, "last_modified_date": days_before(100.5)},
                {"key": "new/a", "size": 9, "last_modified_date": AT},
                {"key": "top", "size": 2, "last_modified_date": days_before(300)},
                {"key": "none/a", "size": 0, "last_modified_date": days_before(300)},
            ]
        },
        [
            ("one", "old/", days_before(100.5).replace(tzinfo=None), 100, 2, 8),
            ("one", "", days_before(300).replace(tzinfo=None), 300, 1, 2),
        ],
    ),
    (
        "objects_created_per_day",
        {},
        {
            "one": [
                {"key": "a", "size": 1, "last_modified_date": days_before(1)},
                {"key": "b", "size": 2, "last_modified_date": days_before(0.01), **OLD},
                {"key": "c", "size": 4, "last_modified_date": days_before(2)},
                {"key": "d", "last_modified_date": days_before(2), **MARKER},
            ]
        },
        [("one", dt.date(2026, 1, 29), 1, 4), ("one", dt.date(2026, 1, 30), 2, 3)],
    ),
    (
        "object_lock_compliance",
        {"modes": ["COMPLIANCE"], "days": 30},
        {
            "one": [
                {"key": "a", "size": 1},
                {"key": "b", "size": 1, "object_lock_legal_hold_status": "On"},
                {
                    "key": "c",
                    "size": 2,
                    "object_lock_mode": "GOVERNANCE",
                    "object_lock_retain_until_date": days_before(-99),
                },
                {
                    "key": "d",
                    "size": 4,
                    "object_lock_mode": "COMPLIANCE",
                    "object_lock_retain_until_date": days_before(-29),
                },
                {
                    "key": "e",
                    "size": 8,
                    "object_lock_mode": "COMPLIANCE",
                    "object_lock_retain_until_date": days_before(-30),
                },
            ]
        },
        [("one", "another mode", 1, 2, "c"), ("one", "ends too soon", 1, 4, "d"), ("one", "no retention", 1, 1, "a")],
    ),
    (
        "storage_class_candidates",
        {"days": 90, "target": "GLACIER_IR"},
        {
            "one": [
                {"key": "a", "size": 100 * GB, "storage_class": "STANDARD", "last_modified_date": days_before(90)},
                {"key": "b", "size": 100 * GB, "storage_class": "STANDARD", "last_modified_date": days_before(89)},
                {"key": "c", "size": 100 * GB, "storage_class": "DEEP_ARCHIVE", "last_modified_date": days_before(90)},
                {"key": "d", "size": KB, "storage_class": "STANDARD", "last_modified_date": days_before(90)},
            ]
        },
        # 100 GB at $0.023 and at $0.004.
        [("one", "STANDARD", 1, 100 * GB, 2.3, 1.9)],
    ),
    (
        "incomplete_replication",
        {},
        {
            "one": [
                {"key": "a", "replication_status": "FAILED", "last_modified_date": days_before(0)},
                {"key": "b", "replication_status": "PENDING", "last_modified_date": days_before(1)},
                {"key": "c", "replication_status": "PENDING", "last_modified_date": days_before(0.99)},
                {"key": "d", "replication_status": "COMPLETED", "last_modified_date": days_before(9)},
            ]
        },
        [
            ("one", "b", None, "PENDING", days_before(1).replace(tzinfo=None)),
            ("one", "a", None, "FAILED", days_before(0).replace(tzinfo=None)),
        ],
    ),
    (
        "noncurrent_version_waste",
        {},
        {
            "one": [
                {"key": "a", "size": 10 * GB, "storage_class": "STANDARD", **CURRENT},
                {"key": "a", "size": 60 * GB, "storage_class": "STANDARD", "last_modified_date": AT, **OLD},
                {"key": "b", "size": 40 * GB, "storage_class": "STANDARD", **OLD},
                {"key": "c", "size": 1, "storage_class": "OUTPOSTS", **OLD},
                {"key": "d", **MARKER, "is_latest": False},
            ],
            "two": [{"key": "unversioned", "size": 1, "storage_class": "STANDARD"}],
        },
        [("one", "STANDARD", 2, 100 * GB, NAIVE, 2.3), ("one", "OUTPOSTS", 1, 1, None, None)],
    ),
    (
        "delete_marker_litter",
        {},
        {
            "one": [
                {"key": "hidden", **MARKER},
                {"key": "hidden", **OLD},
                {"key": "lone", **MARKER},
                {"key": "lone", **MARKER, "is_latest": False},
                {"key": "back", **CURRENT},
                {"key": "back", **MARKER, "is_latest": False},
                {"key": "plain", **CURRENT},
            ]
        },
        [("one", 4, 1, 1)],
    ),
    (
        "duplicates",
        {"min_bytes": 10},
        {
            "one": [{"key": "a", "size": 10, "e_tag": "x"}, {"key": "b", "size": 11, "e_tag": "x"}],
            "two": [
                {"key": "c", "size": 10, "e_tag": "x"},
                {"key": "d", "size": 10, "e_tag": "x"},
                {"key": "e", "size": 10, "e_tag": "x", **OLD},
                {"key": "f", "size": 9, "e_tag": "y"},
                {"key": "g", "size": 9, "e_tag": "y"},
            ],
        },
        [("x", 10, 3, 2, 20, "one/a")],
    ),
    (
        "small_object_overhead",
        {},
        {
            "one": [
                {"key": "a", "size": KB, "storage_class": "STANDARD_IA"},
                {"key": "b", "size": 200 * KB, "storage_class": "STANDARD_IA"},
                {"key": "c", "size": KB, "storage_class": "STANDARD"},
                *({"key": f"d{number}", "size": KB, "storage_class": "DEEP_ARCHIVE"} for number in range(1024)),
            ]
        },
        # 1024 objects have 32 MB at $0.00099 and 8 MB at $0.023 of metadata; one is billed for 127 KB more at $0.0125.
        [
            ("one", "DEEP_ARCHIVE", 1024, 0, 1024 * KB, 0, 1024 * 40 * KB, 0.000211),
            ("one", "STANDARD_IA", 2, 1, 201 * KB, 127 * KB, 0, 0.000002),
        ],
    ),
    (
        "public_looking_acls",
        {},
        {
            "one": [
                {"key": "a", "size": 1, "object_access_control_list": EVERYBODY},
                {"key": "b", "object_access_control_list": LOGS},
                {"key": "c", "object_access_control_list": "no base64!"},
                {"key": "d", "object_access_control_list": EVERYBODY, **OLD},
            ]
        },
        [("one", "a", 1, "everybody", text_of(EVERYBODY))],
    ),
]


@pytest.mark.parametrize(("name", "arguments", "truth", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_query_finds_what_it_says(
    name: str, arguments: dict[str, Any], truth: dict[str, Rows], expected: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    for bucket, rows in truth.items():
        deliver(tmp_path, bucket, rows)
    found = ask(tmp_path, render(name, "t", arguments))
    where = {"snapshot_date": DAY, "account": ACCOUNT, "region": REGION}
    for row in found:
        assert {key: row[key] for key in where if key in row}.items() <= where.items()
    assert [tuple(value for key, value in row.items() if key not in where) for row in found] == expected


def test_growth_is_that_between_the_first_and_the_last_snapshot(tmp_path: Path) -> None:
    """I16. Deliveries of different days are kept apart, and can be compared."""
    for days, sizes in ((2, [1]), (1, [1, 10]), (0, [100])):
        rows = [{"key": str(number), "size": size} for number, size in enumerate(sizes)]
        deliver(tmp_path, "one", rows, day=DAY - dt.timedelta(days=days))
    deliver(tmp_path, "once", [{"key": "a", "size": 5}])
    first, second = DAY - dt.timedelta(days=2), DAY - dt.timedelta(days=1)
    row = {"account": ACCOUNT, "region": REGION, "bucketname": "one", "first_date": first, "first_objects": 1}
    assert ask(tmp_path, render("growth", "t")) == [
        {**row, "last_date": DAY, "last_objects": 1, "first_bytes": 1, "last_bytes": 100, "grown_bytes": 99}
    ]
    assert ask(tmp_path, render("growth", "t", {"before": second.isoformat()})) == [
        {**row, "last_date": second, "last_objects": 2, "first_bytes": 1, "last_bytes": 11, "grown_bytes": 10}
    ]


# --- The whole library


def test_every_query_that_is_asked_for_is_there_and_is_tested() -> None:
    assert {*(case[0] for case in CASES), "growth"} == set(QUERIES)
    assert len(QUERIES) == 24


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_says_what_it_is_for_and_what_it_takes(name: str) -> None:
    query = QUERIES[name]
    assert query.purpose.endswith(".")
    assert len(query.purpose) > 20
    assert "|" not in query.purpose
    for parameter in query.parameters:
        assert parameter.type in TYPES
        assert parameter.meaning.endswith(".")
        assert f"{{{parameter.name}}}" in query.sql
        if parameter.default is not None:
            parameter.literal(parameter.default)
    assert "-- parameter" not in query.sql


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_runs_on_both_engines_over_few_columns(name: str) -> None:
    """The files hold 24 columns; the queries of the library read eight at most."""
    needed = {
        parameter.name: FILLED[parameter.name] for parameter in QUERIES[name].parameters if parameter.default is None
    }
    sql = render(name, "t", needed)
    schema = {"t": COLUMNS}
    assert "{" not in qualified(sql, schema)
    assert translate(qualified(sql, schema), schema) == translate(sql, schema)
    read = columns_used(sql, schema)["t"] - {"snapshot_date", "account", "region", "bucketname"}
    assert 1 <= len(read) <= 8
    assert "SELECT *" not in sql


# --- Arguments


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("large_objects", {"size": 1}, "large_objects has no parameter size; it has min_bytes, most"),
        ("public_looking_acls", {"most": 1}, "it has none"),
        ("large_objects", {"min_bytes": "much"}, "min_bytes is 'much': a whole number is expected."),
        ("large_objects", {"min_bytes": 1.5}, "a whole number is expected"),
        ("large_objects", {"min_bytes": True}, "a whole number is expected"),
        ("large_objects", {"min_bytes": 2**63}, "a whole number is expected"),
        ("growth", {"after": "yesterday"}, "a date such as 2026-01-31 is expected"),
        ("unexpected_content", {"bucket": 5}, "a text is expected"),
        ("unexpected_content", {"expected": [1]}, "a list of texts"),
        ("backup_verification", {"source": "one"}, "backup_verification has to be told backup"),
        ("large_object", {}, "the library has backup_verification"),
        ("SELECT 1", {}, "nor SQL that names {ATHENA_TABLE}"),
        ("SELECT 1 FROM {ATHENA_TABLE}", {"days": 1}, "does not name {days}"),
    ],
)
def test_a_wrong_argument_is_told_with_what_is_allowed(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongQuery) as caught:
        render(name, "t", arguments)
    assert said in str(caught.value)


def test_arguments_are_data_and_never_sql(tmp_path: Path) -> None:
    deliver(tmp_path, "one", [{"key": "a", "e_tag": "x"}, {"key": "b", "e_tag": "it's') OR ('1' = '1"}])
    hostile = "it's') OR ('1' = '1"
    assert [
        row["key"] for row in ask(tmp_path, render("etag_match", "t", {"hashes": [hostile, "{ATHENA_TABLE}"]}))
    ] == ["b"]
    for table in ("t; DROP TABLE t", 't"', "a.b c", ""):
        with pytest.raises(WrongQuery, match="no name of a table"):
            render("large_objects", table)


def test_ones_own_sql_takes_arguments_of_any_type_and_keeps_its_braces(tmp_path: Path) -> None:
    deliver(tmp_path, "one", [{"key": "a12", "size": 5}, {"key": "b12", "size": 9}, {"key": "a1", "size": 5}])
    sql = (
        "SELECT key FROM {ATHENA_TABLE} WHERE regexp_like(key, '[0-9]{2}') AND size < {most} AND size > {least} "
        "AND substr(key, 1, 1) IN ({letters}) AND snapshot_date = {day} AND key <> {other}"
    )
    arguments = {"most": 7, "least": 0.5, "letters": ["a", "c"], "day": DAY, "other": "x"}
    assert ask(tmp_path, render(sql, "t", arguments)) == [{"key": "a12"}]


def test_the_page_of_queries_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == INTRODUCTION + library_page(), (
        "docs/queries.md is made from the library: "
        "write it anew with `.venv/bin/python -m a360_pipeline_tests.inventory.test_library`."
    )


if __name__ == "__main__":
    PAGE.write_text(INTRODUCTION + library_page(), encoding="utf-8")
