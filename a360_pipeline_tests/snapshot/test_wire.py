"""Snapshots read and written: bad ones refused with a reason, ours come back as they were, the field's judged."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a360_pipeline.coverage import GLOBAL, MAX_FIGURE, Effort, SectionCoverage, Status
from a360_pipeline.sections.model import Scope
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey
from a360_pipeline.snapshot.wire import MAX_DEPTH, Snapshot, count_rows, facts, read_snapshot, write_snapshot

ACCOUNT = "123456789012"
KEY = SnapshotKey(ACCOUNT, "eu-west-1", dt.date(2026, 3, 2))
EXAMPLES: dict[str, tuple[Any, int]] = {
    "account": (
        {
            "account_id": ACCOUNT,
            "account_name": "Zahlungen \u00e9\u20ac\U0001f600",
            "region": "eu-west-1",
            "contact_info": {"city": "Seattle"},
            "alternate_contacts": {"billing": {"name": "Jo"}, "security": {"name": "Sam"}, "operations": {}},
        },
        3,
    ),
    "application": ([{"service_name": "a", "key_attributes": {"Name": "a"}}], 1),
    "certificate_manager": ([{"arn": "a"}], 1),
    "cloudtrail": ([{"arn": "a", "is_multi_region": True}, {"arn": "b"}], 2),
    "compute_optimizer": ([{"resource_arn": "a"}], 1),
    "config": (
        {
            "total_rules": 3,
            "non_compliant_resources": [
                {"rule_name": "a", "compliance_type": "NON_COMPLIANT"},
                {"rule_name": "b", "compliance_type": "INSUFFICIENT_DATA"},
            ],
        },
        2,
    ),
    "config_inventory": ([{"resource_id": "a"}], 1),
    "cost": (
        {
            "current_period_cost": 0.75,
            "top_services": [{"service": "AWS Lambda", "cost": 0.5}],
            "period": {"start": "2026-03-01", "end": "2026-03-02", "granularity": "DAILY"},
            "forecast": [{"amount": 12.5, "period": {"start": "2026-03-02", "end": "2026-04-01"}}],
        },
        3,
    ),
    "guard_duty": ([{"id": "1"}, {"id": "2"}], 2),
    "health": ([{"arn": "a"}], 1),
    "inspector": ([{"finding_arn": "a"}], 1),
    "inventory": (
        {
            "instances": [{"instance_id": "i-1"}],
            "applications": [{"instance_id": "i-1", "name": "vim"}],
            "patches": [{"instance_id": "i-1", "title": "KB1"}, {"instance_id": "i-1", "title": "KB2"}],
        },
        4,
    ),
    "kms": ([{"key_id": "k", "arn": "a"}], 1),
    "logs": (
        {
            **{
                f"{name}_status": "Pass"
                for name in sorted({s.status_field for s in SECTIONS.values() if s.status_field})
            },
            "message": [],
        },
        1,
    ),
    "marketplace": ([{"product_code": "a"}], 1),
    "resilience_hub": ([{"app_arn": "a"}], 1),
    "ri_sp_savings": ([{"subscription_id": "a"}], 1),
    "secrets_manager": ([{"arn": "a", "rotation_enabled": None}], 1),
    "security_hub": ([{"service": "Security Hub", "findings": [{"finding_id": "a"}, {"finding_id": "b"}]}], 3),
    "service": ([{"service": "AWS Lambda", "cost": 0.5}, {"service": "AWS Glue", "cost": 0.25}], 2),
    "service_resources": ([{"service_name": "S3", "resource_id": "a"}, {"resource_id": "b"}], 2),
    "support_tickets": ([{"case_id": "1"}], 1),
    "trusted_advisor": ([{"check_name": "a"}], 1),
    "waf": ([{"id": "a", "scope": "CLOUDFRONT"}], 1),
    "waf_rules": ([{"rule_name": "a", "web_acl_name": "b"}], 1),
}
"""Of each section a small payload as senders write it, and how many rows of facts it holds."""
ROWS = {name: rows for name, (_, rows) in EXAMPLES.items()}
REPORTED = [name for name, section in SECTIONS.items() if section.status_field]
"""The sections that senders give a status; the others are judged by what they hold."""
BASICS = {"account", "logs"}
"""Without the first nobody knows whose snapshot it is, without the second nothing passes."""
ABSENT = SectionCoverage(Status.FAILED, message="the sender sent nothing for this section")


def place(content: dict[str, Any], name: str, payload: Any) -> dict[str, Any]:
    """The content with a payload at a section's place."""
    outer, _, inner = SECTIONS[name].wire.partition(".")
    return {**content, outer: {**content.get(outer, {}), inner: payload} if inner else payload}


def without_rows(name: str) -> Any:
    """A payload of the section's shape that holds no facts."""
    payload = EXAMPLES[name][0]
    if name == "account":
        return {"account_id": ACCOUNT}
    return {} if isinstance(payload, dict) else []


CONTENT: dict[str, Any] = {}
for each, (example, _) in EXAMPLES.items():
    CONTENT = place(CONTENT, each, example)

figures = st.integers(0, MAX_FIGURE)
coverages = st.builds(
    SectionCoverage,
    status=st.sampled_from(Status),
    rows=figures,
    message=st.none() | st.text(st.characters()),
    effort=st.builds(
        Effort, figures, figures, figures, figures, st.integers(0, 10**9).map(lambda thousandth: thousandth / 1000)
    ),
)
money = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(-40, 40),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def read(content: Any, key: SnapshotKey = KEY) -> Snapshot:
    return read_snapshot(key.path, json.dumps(content).encode())


def field(**changes: Any) -> dict[str, Any]:
    """What a sender in the field writes, some sections replaced."""
    return {**copy.deepcopy(CONTENT), **changes}


def with_payload(name: str, payload: Any, **logs: Any) -> dict[str, Any]:
    """What a sender writes, one section replaced, and what it logs."""
    return place(field(logs={**CONTENT["logs"], **logs}), name, payload)


def others(*names: str) -> dict[str, int]:
    """How many rows the example holds of all other sections; logs change with what is logged."""
    return {name: rows for name, rows in ROWS.items() if name not in (*names, "logs")}


def stands(snapshot: Snapshot, *names: str) -> bool:
    """Whether all other sections are as they are in the example."""
    return all(snapshot.coverage[name] == SectionCoverage(Status.OK, rows) for name, rows in others(*names).items())


def reason(body: bytes, key: SnapshotKey = KEY) -> str:
    with pytest.raises(BadSnapshot) as caught:
        read_snapshot(key.path, body)
    return str(caught.value)


def test_these_tests_know_every_section() -> None:
    assert set(EXAMPLES) == set(SECTIONS)
    assert set(SECTIONS) - set(REPORTED) == {"logs"}


# --- What is no snapshot


def test_a_snapshot_cut_off_anywhere_is_refused() -> None:
    """R35: what is cut off is set apart with a reason, not tried again for ever."""
    body = json.dumps({name: CONTENT[name] for name in ("account", "cost")}, ensure_ascii=False).encode()
    assert read_snapshot(KEY.path, body).content["account"] == CONTENT["account"]
    for size in range(1, len(body)):
        assert "cut off" in reason(body[:size])


@pytest.mark.parametrize("body", [b"", b" ", b"\n\t\r\n  "])
def test_nothing_is_said_to_be_empty(body: bytes) -> None:
    """R35."""
    assert reason(body) == "it is empty"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"null", "null"),
        (b"[]", "a list"),
        (b'[{"account": {}}]', "a list"),
        (b'"text"', "a string"),
        (b"true", "a boolean"),
        (b"17", "a number"),
        (b"1.5", "a number"),
        (b"1e400000", "a number"),
    ],
)
def test_json_that_is_no_object_is_refused_by_what_it_is(body: bytes, kind: str) -> None:
    """R35."""
    assert reason(body) == f"its JSON is {kind}, where an object is expected"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_constant_that_json_does_not_have_is_named(constant: str) -> None:
    body = json.dumps(field(service=[{"cost": "HERE"}])).replace('"HERE"', constant)
    assert f"{constant} is no JSON" in reason(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"{'account': 1}",
        b'{"account": 1,}',
        b"{} {}",
        b"<html>",
        b"\x1f\x8b\x08\x00",
        b"\xff\xfe",
        b"\x00",
        b"\xef\xbb\xbf",
        b'{"account": "\xff"}',
        b'{"account": "\xc3"}',
        json.dumps(CONTENT).encode().replace(b"Seattle", b"S\xe9attle"),
    ],
)
def test_what_is_no_json_or_no_utf_8_is_refused(body: bytes) -> None:
    assert "no valid JSON" in reason(body)


@given(st.binary())
def test_no_bytes_break_the_reader(body: bytes) -> None:
    assert reason(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 900, 5_000, 200_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_json_nested_too_deeply_is_refused(depth: int, opens: str, closes: str) -> None:
    """It would break what walks it later, a rejected row's jsonb for one, and with it every batch it is in."""
    deep = f"{opens * depth}1{closes * depth}"
    body = json.dumps(field(service=[{"service": "HERE"}])).replace('"HERE"', deep)
    assert reason(body.encode()) == "its JSON is nested too deeply to be a snapshot"


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_json_nested_as_deeply_as_rules_of_firewalls_are_is_read(opens: str, closes: str) -> None:
    depth = MAX_DEPTH - 3
    deep = f"{opens * depth}1{closes * depth}"
    body = json.dumps(field(service=[{"service": "HERE"}])).replace('"HERE"', deep)
    assert read_snapshot(KEY.path, body.encode()).coverage["service"].rows == 1


@pytest.mark.parametrize("number", ["1e400000", "-1e-400000", "9" * 4000, "1." + "3" * 5000])
def test_a_number_of_absurd_size_is_left_to_its_row(number: str) -> None:
    body = json.dumps(field(service=[{"service": "s", "cost": "HERE"}])).replace('"HERE"', number)
    payload = read_snapshot(KEY.path, body.encode()).content["service"]
    assert payload == [{"service": "s", "cost": Decimal(number)}]


@pytest.mark.parametrize("number", ["1e99999999999999999999", "9" * 5000])
def test_a_number_that_no_number_here_can_hold_is_refused(number: str) -> None:
    body = json.dumps(field(service=[{"service": "s", "cost": "HERE"}])).replace('"HERE"', number)
    assert "no valid JSON" in reason(body.encode())


@pytest.mark.parametrize(
    "account",
    [None, [], {}, "123456789012", 5, {"account_id": None}, {"account_id": ""}, {"account_name": "payments"}],
)
def test_a_snapshot_without_an_account_is_refused(account: Any) -> None:
    assert reason(json.dumps(field(account=account)).encode()) == "it has no account.account_id"


def test_a_snapshot_that_has_no_such_key_as_account_is_refused() -> None:
    """R34: what has no account cannot be filed, and is not reported loaded."""
    content = field()
    del content["account"]
    assert reason(json.dumps(content).encode()) == "it has no account.account_id"


@pytest.mark.parametrize("account_id", ["210987654321", 123456789012, "123456789012 ", ["123456789012"], True])
def test_an_account_that_disagrees_with_its_name_is_refused(account_id: Any) -> None:
    """R2: rows are never filed under another account."""
    said = reason(json.dumps(field(account={"account_id": account_id})).encode())
    assert said == f"it says account {account_id!r}, its name says {ACCOUNT}"


@pytest.mark.parametrize("region", ["us-east-1", "", "Global", 5])
def test_a_region_that_disagrees_with_its_name_is_refused(region: Any) -> None:
    said = reason(json.dumps(field(account={"account_id": ACCOUNT, "region": region})).encode())
    assert said == f"it says region {region!r}, its name says eu-west-1"


@pytest.mark.parametrize("account", [{}, {"region": None}, {"region": "eu-west-1"}])
def test_a_region_may_be_left_to_the_name(account: dict[str, Any]) -> None:
    assert read(field(account={"account_id": ACCOUNT, **account})).key == KEY


def test_a_bad_name_is_refused_before_its_content_is_looked_at() -> None:
    with pytest.raises(BadSnapshot, match="its name"):
        read_snapshot("readme.txt", b"{")


# --- Ours


@given(st.dictionaries(st.sampled_from(sorted(SECTIONS)), coverages), money)
def test_ours_comes_back_as_it_was_written(coverage: dict[str, SectionCoverage], cost: Decimal) -> None:
    content = {"account": CONTENT["account"], "service": [{"service": "s\x00\ud800", "cost": cost, "unit": None}]}
    written = write_snapshot(Snapshot(KEY, content, coverage, is_ours=True))
    back = read_snapshot(KEY.path, written)
    assert back.key == KEY
    assert back.is_ours
    assert back.coverage == coverage
    assert back.sha256 == hashlib.sha256(written).hexdigest()
    assert {name: what for name, what in back.content.items() if name != "coverage"} == content


@given(money)
def test_money_keeps_its_digits_up_to_fifteen_of_them(cost: Decimal) -> None:
    """R32: nothing is rounded on its way."""
    content = {"account": {"account_id": ACCOUNT}, "cost": {"current_period_cost": cost}}
    back = read_snapshot(KEY.path, write_snapshot(Snapshot(KEY, content, {}, is_ours=True)))
    assert back.content["cost"]["current_period_cost"] == cost


@pytest.mark.parametrize("value", [float("nan"), Decimal("Infinity"), dt.date(2026, 3, 2), b"bytes", {1, 2}])
def test_what_json_does_not_have_cannot_be_written(value: Any) -> None:
    content = {"account": {"account_id": ACCOUNT}, "service": [{"cost": value}]}
    with pytest.raises((TypeError, ValueError)):
        write_snapshot(Snapshot(KEY, content, {}, is_ours=True))


def test_coverage_of_a_section_that_nothing_here_knows_is_left_out() -> None:
    back = read(field(coverage={"kms": {"status": "denied"}, "quantum": {"status": "ok", "rows": 3}}))
    assert back.coverage == {"kms": SectionCoverage(Status.DENIED)}


@pytest.mark.parametrize(
    "coverage",
    [
        [],
        "ok",
        5,
        False,
        {"kms": None},
        {"kms": "ok"},
        {"kms": {}},
        {"kms": {"status": "Pass"}},
        {"kms": {"status": "ok", "rows": -1}},
        {"kms": {"status": "ok", "rows": "many"}},
        {"kms": {"status": "ok", "calls": 10**30}},
    ],
)
def test_coverage_that_cannot_be_read_makes_a_bad_snapshot(coverage: Any) -> None:
    assert reason(json.dumps(field(coverage=coverage)).encode()).startswith("its coverage cannot be read")


@pytest.mark.parametrize("name", ["rows", "calls", "seconds"])
@pytest.mark.parametrize("number", ["1e400", "1e999999999"])
def test_coverage_with_a_figure_of_absurd_size_makes_a_bad_snapshot(name: str, number: str) -> None:
    body = json.dumps(field(coverage={"kms": {"status": "ok", name: "HERE"}})).replace('"HERE"', number)
    assert reason(body.encode()).startswith("its coverage cannot be read")


# --- The field's


def test_a_snapshot_of_the_field_is_not_ours() -> None:
    snapshot = read(field())
    assert not snapshot.is_ours
    assert snapshot.coverage == {name: SectionCoverage(Status.OK, rows) for name, rows in ROWS.items()}


@pytest.mark.parametrize("name", SECTIONS)
def test_pass_with_rows_is_ok(name: str) -> None:
    assert read(field()).coverage[name] == SectionCoverage(Status.OK, ROWS[name])


@pytest.mark.parametrize("name", SECTIONS)
def test_pass_without_rows_is_empty(name: str) -> None:
    assert read(with_payload(name, without_rows(name))).coverage[name] == SectionCoverage(Status.EMPTY)


@pytest.mark.parametrize("name", REPORTED)
def test_pass_with_a_message_hides_a_failure_and_is_partial(name: str) -> None:
    """S4: a failure that a later success overwrote shows."""
    content = field(logs={**CONTENT["logs"], "message": [{SECTIONS[name].status_field: "Rate exceeded"}]})
    assert read(content).coverage[name] == SectionCoverage(Status.PARTIAL, ROWS[name], "Rate exceeded")


@pytest.mark.parametrize("name", REPORTED)
def test_pass_with_a_message_and_no_rows_is_failed(name: str) -> None:
    """S4."""
    content = with_payload(name, without_rows(name), message=[{SECTIONS[name].status_field: "Denied"}])
    assert read(content).coverage[name] == SectionCoverage(Status.FAILED, message="Denied")


@pytest.mark.parametrize("name", REPORTED)
@pytest.mark.parametrize("status", ["Fail", None, "", "pass", "Unknown", 5])
def test_anything_but_pass_is_partial_with_rows_and_failed_without(name: str, status: Any) -> None:
    logs = {f"{SECTIONS[name].status_field}_status": status}
    some = read(field(logs={**CONTENT["logs"], **logs})).coverage[name]
    none = read(with_payload(name, without_rows(name), **logs)).coverage[name]
    said = f"the sender's status is {status!r}"
    assert some == SectionCoverage(Status.PARTIAL, ROWS[name], said)
    assert none == SectionCoverage(Status.FAILED, message=said)


def test_what_senders_report_with_is_judged_by_what_it_holds() -> None:
    """Nobody reports on the logs: no status and no message of another section makes them partial."""
    logs = {"account_status": "Fail", "logs_status": "Fail", "message": [{"cost": "a", "None": "b"}, {"logs": "c"}]}
    assert read(field(logs=logs)).coverage["logs"] == SectionCoverage(Status.OK, 4)


def test_all_messages_of_a_section_are_kept() -> None:
    """R27: one does not overwrite another."""
    messages = [{"inventory": "one", "cost": "two"}, {"inventory": "three"}, {"quantum": "four"}, "five", None]
    snapshot = read(field(logs={**CONTENT["logs"], "message": messages}))
    assert snapshot.coverage["inventory"].message == "one; three"
    assert snapshot.coverage["cost"].message == "two"
    # The report and four messages; what is no object is left to the loader to refuse.
    assert snapshot.coverage["logs"] == SectionCoverage(Status.OK, 7)
    assert stands(snapshot, "inventory", "cost")


def test_the_status_of_security_is_that_of_each_of_its_parts() -> None:
    """R28: a section's failure shows, whatever part of the wire it lies in."""
    parts = {name for name, section in SECTIONS.items() if section.wire.startswith("security.")}
    assert len(parts) > 5
    snapshot = read(field(logs={**CONTENT["logs"], "security_status": "Fail"}))
    assert {snapshot.coverage[name].status for name in parts} == {Status.PARTIAL}
    assert stands(snapshot, *parts)


@pytest.mark.parametrize("name", sorted(set(REPORTED) - {"account"}))
def test_an_absent_section_is_failed_and_its_neighbors_are_not(name: str) -> None:
    """R34, R42: a file without one of its keys loads the others, and says what is missing."""
    content = field()
    outer, _, inner = SECTIONS[name].wire.partition(".")
    del (content[outer] if inner else content)[inner or outer]
    snapshot = read(content)
    assert snapshot.coverage[name] == ABSENT
    assert stands(snapshot, name)


def test_without_security_each_of_its_parts_is_failed() -> None:
    """R34."""
    content = field()
    del content["security"]
    coverage = read(content).coverage
    failed = {name for name, one in coverage.items() if one == ABSENT}
    assert failed == {name for name, section in SECTIONS.items() if section.wire.startswith("security.")}


@pytest.mark.parametrize("wire", sorted(n for n, what in CONTENT.items() if isinstance(what, dict) and n not in BASICS))
@pytest.mark.parametrize("payload", [[], ["text"], "text", 5], ids=repr)
def test_something_else_where_an_object_belongs_is_failed_and_its_neighbors_are_not(wire: str, payload: Any) -> None:
    """R34, R42, S4: senders write [] for a section that failed, and Pass beside it."""
    snapshot = read(field(**{wire: payload}))
    gone = [name for name, section in SECTIONS.items() if section.wire.split(".")[0] == wire]
    for name in gone:
        assert snapshot.coverage[name].status is Status.FAILED
        assert snapshot.coverage[name].message
    assert stands(snapshot, *gone)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("account", {"account_id": ACCOUNT, "alternate_contacts": ["billing"]}),
        ("account", {"account_id": ACCOUNT, "alternate_contacts": "billing"}),
        ("support_tickets", {"error": "AccessDenied"}),
        ("support_tickets", "text"),
    ],
)
def test_a_section_of_another_shape_is_failed_with_the_reason_and_its_neighbors_are_not(
    name: str, payload: Any
) -> None:
    """R42: one section's failure is neither silent nor its neighbors' loss."""
    snapshot = read(with_payload(name, payload))
    assert snapshot.coverage[name].status is Status.FAILED
    assert snapshot.coverage[name].message
    assert stands(snapshot, name)
    for other, rows in others(name).items():
        assert count_rows(SECTIONS[other], snapshot.payload(SECTIONS[other])) == rows


@pytest.mark.parametrize(
    ("name", "payload", "refused"),
    [
        *(
            (name, junk, junk)
            for name, (good, _) in EXAMPLES.items()
            if isinstance(good, list)
            for junk in ("text", 5)
            if name != "support_tickets"
        ),
        ("cost", {"period": {}, "top_services": "text"}, "text"),
        ("cost", {"period": {}, "top_services": [5]}, 5),
        ("cost", {"period": {}, "forecast": 5}, 5),
        ("inventory", {"instances": 5}, 5),
        ("inventory", {"instances": [], "patches": [["nested"]]}, ["nested"]),
        ("account", {"account_id": ACCOUNT, "alternate_contacts": {"billing": "Jo"}}, "Jo"),
        ("account", {"account_id": ACCOUNT, "contact_info": "Seattle"}, "Seattle"),
        ("config", {"total_rules": 1, "non_compliant_resources": "text"}, "text"),
        ("logs", {**CONTENT["logs"], "message": "broken"}, "broken"),
        ("support_tickets", {"tickets": "text"}, "text"),
        ("security_hub", [{"service": "a", "findings": "text"}, {"service": "b", "findings": [{"id": 1}]}], "text"),
    ],
)
def test_something_else_where_rows_belong_is_one_row_to_refuse_and_not_many(
    name: str, payload: Any, refused: Any
) -> None:
    """R42: a text is neither taken for its letters, nor for nothing, nor for the whole section's failure."""
    snapshot = read(with_payload(name, payload))
    rows = [row for table in SECTIONS[name].tables if not table.frames for row in facts(table, payload)]
    assert [row for row in rows if not isinstance(row, dict)] == [refused]
    assert snapshot.coverage[name] == SectionCoverage(Status.OK, len(rows))
    assert stands(snapshot, name)


@settings(max_examples=300)
@given(
    name=st.sampled_from([name for name, (good, _) in EXAMPLES.items() if isinstance(good, list)]),
    payload=st.lists(anything, max_size=6),
)
def test_every_element_of_a_list_is_handed_on_but_for_empty_objects(name: str, payload: list[Any]) -> None:
    """R42: the loader refuses what is no object, one by one, and says so."""
    rows = list(facts(SECTIONS[name].tables[0], payload))
    told = [each for each in payload if each != {}]
    assert [row for row in rows if not isinstance(row, dict)] == [each for each in told if not isinstance(each, dict)]
    assert len(rows) == len(told)


@pytest.mark.parametrize("name", SECTIONS)
def test_an_empty_object_is_no_row(name: str) -> None:
    """R24: a row of nothing but NULLs would be an invented fact."""
    good, _ = EXAMPLES[name]
    payload: Any = [{}, {}] if isinstance(good, list) else {"account_id": ACCOUNT} if name == "account" else {}
    assert read(with_payload(name, payload)).coverage[name] == SectionCoverage(Status.EMPTY)


@pytest.mark.parametrize(
    ("name", "payload", "rows"),
    [
        ("account", {"account_id": ACCOUNT, "contact_info": {}, "alternate_contacts": {"billing": {}}}, 0),
        ("config", {"total_rules": 1, "non_compliant_resources": [{}]}, 1),
        ("cost", {"period": {"start": "2026-03-01"}, "top_services": [{}], "forecast": [{}, {}]}, 1),
        ("inventory", {"instances": [{}], "applications": {}, "patches": [{}]}, 0),
        ("logs", {**CONTENT["logs"], "message": [{}]}, 1),
        ("security_hub", [{"service": "a", "findings": [{}]}], 1),
        ("support_tickets", {"date_from": "2026-03-01", "tickets": [{}]}, 0),
    ],
)
def test_an_empty_object_inside_another_is_no_row_either(name: str, payload: Any, rows: int) -> None:
    """R24: what a row is told of its surroundings does not make a row."""
    assert read(with_payload(name, payload)).coverage[name].rows == rows


@pytest.mark.parametrize("logs", [None, [], "Pass", 5, {}, {"message": "broken"}, {"message": {"cost": "broken"}}])
def test_without_logs_nothing_passes(logs: Any) -> None:
    coverage = read(field(logs=logs)).coverage
    assert {coverage[name].status for name in REPORTED} == {Status.PARTIAL}


@pytest.mark.parametrize(
    ("logs", "status"), [(None, Status.FAILED), ([], Status.FAILED), ("Pass", Status.FAILED), ({}, Status.EMPTY)]
)
def test_logs_that_say_nothing_are_no_report(logs: Any, status: Status) -> None:
    assert read(field(logs=logs)).coverage["logs"].status is status


@settings(max_examples=400)
@given(name=st.sampled_from(sorted(SECTIONS)), payload=anything, logs=anything)
def test_whatever_a_section_holds_its_coverage_is_told_and_its_neighbors_stand(
    name: str, payload: Any, logs: Any
) -> None:
    """R42."""
    if name == "account":
        payload = {**(payload if isinstance(payload, dict) else {"contact_info": payload})}
        payload |= {"account_id": ACCOUNT, "region": "eu-west-1"}
    if name != "logs":
        content = with_payload(name, payload)
        assert stands(read(content), name)
    else:
        content = field()
    assert set(read({**content, "logs": logs}).coverage) == set(SECTIONS)


@given(payload=anything)
def test_rows_are_whatever_is_not_empty_or_the_payload_is_bad(payload: Any) -> None:
    for section in SECTIONS.values():
        for table in section.tables:
            try:
                rows = list(facts(table, payload))
            except BadSnapshot as error:
                assert table.name in str(error)
            else:
                assert {} not in rows


def test_a_section_is_found_at_its_place_or_nowhere() -> None:
    snapshot = read(field(inventory=None))
    assert snapshot.payload(SECTIONS["kms"]) == CONTENT["security"]["kms"]
    assert snapshot.payload(SECTIONS["inventory"]) is None
    assert read(field(security=[])).payload(SECTIONS["kms"]) is None


@pytest.mark.parametrize("name", SECTIONS)
def test_facts_of_a_region_are_filed_under_it_and_all_others_under_global(name: str) -> None:
    """R9: what is true of the whole account is not filed once for each region."""
    section = SECTIONS[name]
    if section.scope is not Scope.REGION:
        expected: tuple[str, ...] = (GLOBAL,)
    elif any(table.scope_of for table in section.tables):
        expected = ("eu-west-1", GLOBAL)
    else:
        expected = ("eu-west-1",)
    assert read(field()).filed_under(section) == expected


@pytest.mark.parametrize("name", [name for name, section in SECTIONS.items() if section.collect_account])
def test_what_we_ask_once_an_account_is_filed_from_its_own_snapshot_alone(name: str) -> None:
    """R10: a region of ours that knows nothing of the account's rows does not replace them by none."""
    section, ours = SECTIONS[name], {**field(), "coverage": {}}
    assert read(ours).filed_under(section) == ("eu-west-1",)
    whole = {**ours, "account": {"account_id": ACCOUNT}}
    assert read(whole, SnapshotKey(ACCOUNT, GLOBAL, KEY.date)).filed_under(section) == (GLOBAL,)


def test_an_account_wide_snapshot_is_not_asked_for_facts_of_a_region() -> None:
    key = SnapshotKey(ACCOUNT, GLOBAL, KEY.date)
    coverage = read(field(account={"account_id": ACCOUNT}), key).coverage
    assert set(coverage) == {name for name, section in SECTIONS.items() if section.scope is not Scope.REGION}


# --- What nothing here reads yet


def test_rows_that_nothing_reads_are_counted_by_their_place() -> None:
    """R41: what is skipped is not hidden."""
    snapshot = read(
        field(
            quantum={"total_rules": 3},
            chips=[{"arn": "a"}, {"arn": "b"}, {"arn": "c"}],
            shops=[],
            apps=None,
            tickets={},
            security={
                "kms": [{"arn": "a"}],
                "macie": [1, 2],
                "shield": [],
                "totals": {"total": 7},
                "detective": None,
            },
        )
    )
    assert snapshot.not_taken == {"chips": 3, "quantum": 1, "security.macie": 2, "security.totals": 1}


def test_of_a_snapshot_whose_sections_are_all_read_nothing_is_left() -> None:
    assert read({**field(), "coverage": {}}).not_taken == {}


@pytest.mark.parametrize("name", [name for name, section in SECTIONS.items() if section.parts])
def test_what_else_lies_beside_the_parts_of_a_section_is_counted_by_its_place(name: str) -> None:
    """R41: lists that senders leave empty today may be filled tomorrow."""
    section = SECTIONS[name]
    parts = {part: [{"a": 1}] for part in section.parts}
    more = {"quantum": [1, 2, 3], "chips": {"a": 1}, "shops": [], "apps": None}
    known = {field: 7 for table in section.tables for field in table.ignored}
    snapshot = read(with_payload(name, {**parts, **more, **known}))
    assert snapshot.not_taken == {f"{section.wire}.chips": 1, f"{section.wire}.quantum": 3}


@pytest.mark.parametrize(("security", "count"), [([], {}), ([1, 2], {"security": 2}), ("x", {"security": 1})])
def test_a_security_section_of_another_shape_is_counted_whole(security: Any, count: dict[str, int]) -> None:
    assert read(field(security=security)).not_taken == count


@given(st.dictionaries(st.text(), anything, max_size=5), anything)
def test_whatever_else_a_snapshot_holds_is_counted(more: dict[str, Any], security: Any) -> None:
    content = {**more, "account": CONTENT["account"], "security": security}
    content.pop("coverage", None)
    counts = read(content).not_taken
    assert all(count > 0 for count in counts.values())
    known = {section.wire for section in SECTIONS.values()} | {"coverage", "logs", "security"}
    assert set(more) - known >= set(counts) - {"security", *(n for n in counts if n.startswith("security."))}
    assert all(counts[name] == len(what) for name, what in more.items() if name in counts and isinstance(what, list))
