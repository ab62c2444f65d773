"""Section `config`: all that breaks a rule, whenever it was found, and how far the rules are kept."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sandbox.services.config import packs_truth, reports_truth, results_truth, rules_truth
from a360_pipeline.sections import config
from a360_pipeline.sections.config_tables import result_row
from a360_pipeline.sections.model import Row, Window
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import load
from a360_pipeline_tests.sections.asking import TODAY, Asking, asking
from a360_pipeline_tests.sections.recorded import answers

WINDOW = Window.daily(TODAY)
REGION = "us-east-1"
ACCOUNT = "856763896160"
RULE = {"rule_name": "encrypted-volumes", "resource_type": "AWS::EC2::Volume", "conformance_pack": "Standalone"}


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    with asking() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(asked: Asking) -> Iterator[None]:
    yield
    asked.stand_in.faults.set()


@pytest.fixture(scope="module")
def payload(asked: Asking) -> Row:
    answer = asked.answer("config")
    assert answer.coverage.status is Status.OK, answer.coverage.message
    found: Row = answer.payload
    return found


def truth(asked: Asking, of: Callable[..., list[Any]]) -> list[Any]:
    return of(asked.organization, asked.first, REGION)


def told(row: Row, *instants: str) -> Row:
    """A row of the truth as the snapshot has it."""
    return {name: value.isoformat() if name in instants and value else value for name, value in row.items()}


def same(found: list[Row], wanted: list[Row]) -> bool:
    return Counter(json.dumps(row, sort_keys=True) for row in found) == Counter(
        json.dumps(row, sort_keys=True) for row in wanted
    )


def test_what_breaks_a_rule_is_listed_whatever_day_it_was_found(asked: Asking, payload: Row) -> None:
    """S9. All pages of all rules: the first alone is broken by 120 resources."""
    found = payload["non_compliant_resources"]
    wanted = [told(row, "config_rule_invoked_time") for row in truth(asked, results_truth)]
    assert same(found, [{k: v for k, v in row.items() if k != "status"} for row in wanted])
    assert Counter(row["rule_name"] for row in found).most_common(1)[0][1] == 120
    older = [row for row in found if row["config_rule_invoked_time"] < WINDOW.start.isoformat()]
    assert len(older) > len(found) / 2


def test_what_keeps_a_rule_is_not_among_what_breaks_it(asked: Asking, payload: Row) -> None:
    """R26. A rule that is broken is kept by other resources."""
    broken = payload["non_compliant_resources"]
    assert {row["compliance_type"] for row in broken} == {"NON_COMPLIANT"}
    listed = asked.session(asked.first, REGION).pages(
        *("config", "get_compliance_details_by_config_rule", "EvaluationResults"),
        ConfigRuleName=broken[0]["rule_name"],
    )
    assert {result["ComplianceType"] for result in listed} >= {"COMPLIANT", "NON_COMPLIANT"}


def test_every_rule_and_every_pack_is_listed_to_the_last_page(asked: Asking, payload: Row) -> None:
    assert same(payload["rules"], [told(row, "last_evaluated") for row in truth(asked, rules_truth)])
    assert same(payload["conformance_packs"], [told(row, "last_update_requested") for row in truth(asked, packs_truth)])
    assert (len(payload["rules"]), len(payload["conformance_packs"])) == (120, 30)
    packs = Counter(rule["conformance_pack"] for rule in payload["rules"])
    assert packs["Standalone"] == 30
    assert {pack["name"]: pack["total_rules"] for pack in payload["conformance_packs"]} == {
        name: count for name, count in packs.items() if name != "Standalone"
    }


def test_the_report_counts_what_was_listed_over_the_day_that_senders_report_on(asked: Asking, payload: Row) -> None:
    (wanted,) = truth(asked, reports_truth)
    wanted |= {name: wanted[name].isoformat() for name in ("date_from", "date_to")}
    assert {name: payload[name] for name in wanted} == wanted
    assert payload["date_from"] == (TODAY - dt.timedelta(days=1)).isoformat()
    assert 0 < payload["curr_non_compliant"] < payload["non_compliant_rules"]
    assert payload["compliant_rules"] + payload["non_compliant_rules"] < payload["total_rules"], "some have no data"


def test_without_a_recorder_config_is_not_enabled(asked: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = asked.session(asked.first, REGION)
    monkeypatch.setattr(aws, "call", lambda *_, **__: {"ConfigurationRecorders": []})
    answer = asked.answer("config", aws=aws)
    assert (answer.payload, answer.coverage.status) == (None, Status.NOT_ENABLED)
    assert REGION in str(answer.coverage.message)


def test_a_denied_listing_is_denied_not_empty(asked: Asking) -> None:
    asked.deny("config:DescribeConfigRules")
    assert asked.answer("config").coverage.status is Status.DENIED


@pytest.mark.parametrize(
    ("action", "unknown"),
    [
        ("GetComplianceDetailsByConfigRule", {"non_compliant_resources": []}),
        ("DescribeConfigRuleEvaluationStatus", {"curr_compliant": None, "curr_non_compliant": None}),
        ("DescribeConformancePacks", {"conformance_packs": []}),
    ],
)
def test_a_denied_part_makes_it_partial_and_the_rest_stays(
    asked: Asking, payload: Row, action: str, unknown: Row
) -> None:
    """S5."""
    asked.deny(f"config:{action}")
    answer = asked.answer("config")
    assert answer.coverage.status is Status.PARTIAL
    assert action in str(answer.coverage.message)
    counts = ("total_rules", "compliant_rules", "non_compliant_rules", "compliance_score")
    assert {name: answer.payload[name] for name in (*counts, *unknown)} == {
        **{name: payload[name] for name in counts},
        **unknown,
    }


def test_a_rule_whose_pack_could_not_be_asked_for_is_not_taken_for_one_of_no_pack(asked: Asking) -> None:
    asked.deny("config:DescribeConformancePacks")
    found = {rule["rule_name"]: rule["conformance_pack"] for rule in asked.answer("config").payload["rules"]}
    assert set(found.values()) == {None, "Standalone"}
    assert {name for name, pack in found.items() if pack} == {
        rule["rule_name"] for rule in truth(asked, rules_truth) if rule["conformance_pack"] == "Standalone"
    }


def test_one_pack_that_is_denied_leaves_its_figures_unknown(asked: Asking) -> None:
    asked.deny("config:DescribeConformancePackCompliance", "config:GetConformancePackComplianceSummary")
    packs = asked.answer("config").payload["conformance_packs"]
    assert [pack["name"] for pack in packs] == [pack["name"] for pack in truth(asked, packs_truth)]
    assert {(pack["compliance_status"], pack["total_rules"]) for pack in packs} == {(None, None)}


def test_an_account_without_rules_has_kept_no_share_of_them() -> None:
    report = config._report([], {}, WINDOW)
    assert (report["total_rules"], report["compliance_score"]) == (0, None)


# --- In the warehouse


Tell = Callable[..., None]


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads a day's results: (resource, compliance) pairs, told by us or by the field."""

    def run(day: int, *results: tuple[str, str], ours: bool = True, status: Status = Status.OK) -> None:
        key = SnapshotKey(ACCOUNT, REGION, dt.date(2026, 3, day))
        found = [{**RULE, "resource_id": name, "compliance_type": compliance} for name, compliance in results]
        content = {
            "account": {"account_id": ACCOUNT, "account_name": "a", "region": REGION},
            "config": {
                "date_from": f"2026-03-{day - 1:02}",
                "date_to": f"2026-03-{day:02}",
                "non_compliant_resources": found,
            },
        }
        covered = {"config": SectionCoverage(status, len(found))}
        store.put(
            f"data/{key.path}",
            write_snapshot(Snapshot(key, content, covered, is_ours=True))
            if ours
            else json.dumps({**content, "logs": {"config_status": "Pass"}}).encode(),
        )
        load(store, warehouse_url, list(store.waiting()), batch_files=50, batch_bytes=10**9)

    return run


def open_now(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT resource_id FROM view_non_compliant_resources WHERE status = 'OPEN' ORDER BY 1"
    ).fetchall()


def test_what_our_listing_no_longer_has_is_no_longer_open(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    """S9, R16: it complies, or it is gone, or its rule is: of what is listed whole, no result need say so."""
    tell(2, ("a", "NON_COMPLIANT"), ("b", "NON_COMPLIANT"))
    tell(3, ("a", "NON_COMPLIANT"))
    assert open_now(connection) == [("a",)]
    assert connection.execute(
        "SELECT first_seen, retired_at FROM non_compliant_resources WHERE resource_id = 'b'"
    ).fetchall() == [(dt.date(2026, 3, 2), dt.date(2026, 3, 3))]


def test_a_listing_of_ours_with_a_part_missing_closes_nothing(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(2, ("a", "NON_COMPLIANT"), ("b", "NON_COMPLIANT"))
    tell(3, ("a", "NON_COMPLIANT"), status=Status.PARTIAL)
    assert open_now(connection) == [("a",), ("b",)]


def test_a_days_results_of_the_field_close_only_what_they_found_compliant(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    """R26, S9: a sender tells what was evaluated that day; what it does not mention stays as it was."""
    tell(2, ("a", "NON_COMPLIANT"), ("b", "NON_COMPLIANT"), ("c", "NON_COMPLIANT"))
    tell(3, ("b", "COMPLIANT"), ("d", "COMPLIANT"), ours=False)
    tell(4, ("e", "NON_COMPLIANT"), ours=False)
    assert open_now(connection) == [("a",), ("c",), ("e",)]
    assert connection.execute(
        "SELECT resource_id, status FROM non_compliant_resources WHERE resource_id IN ('b', 'd')"
    ).fetchall() == [("b", "RESOLVED")]


# --- What AWS really answered


def test_real_results_keep_their_rule_resource_and_time() -> None:
    results = [
        result
        for answer in answers("*/config.GetComplianceDetailsByConfigRule_*.json")
        for result in answer["EvaluationResults"]
    ]
    rows = [result_row(result, "Standalone") for result in results]
    assert len(rows) > 2
    for row in rows:
        assert row["rule_name"]
        assert row["resource_type"].startswith("AWS::")
        assert row["resource_id"]
        assert dt.datetime.fromisoformat(row["config_rule_invoked_time"]).tzinfo is not None


def test_real_rules_that_no_service_made_are_of_no_pack() -> None:
    rules = [
        rule for answer in answers("*/config.DescribeConfigRules_*.json") for rule in answer.get("ConfigRules", ())
    ]
    rows = [config._rule(rule, {rule["ConfigRuleName"]: "COMPLIANT"}, {}, {}) for rule in rules]
    assert rows
    assert {(row["conformance_pack"], row["last_evaluated"]) for row in rows} == {("Standalone", None)}
    assert {row["source_owner"] for row in rows} <= {"AWS", "CUSTOM_LAMBDA", "CUSTOM_POLICY"}
