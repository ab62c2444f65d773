"""Section `config` asked of an aggregator: what each account would say itself, and what cannot be known so."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.collection.answers import Answer, Day, ask, of_many
from a360_pipeline.collection.spending import Purse
from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sections.config import SECTION, collect_members
from a360_pipeline.sections.config_aggregate import UNTOLD
from a360_pipeline.sections.model import Row, Window
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import load
from a360_pipeline_tests.sections.asking import NO_NOTES, TODAY, Asking, asking
from a360_pipeline_tests.sections.scripted import Scripted, refusal

WINDOW = Window.daily(TODAY)
REGION, ELSEWHERE = "us-east-1", "eu-central-2"
ONE, TWO, THREE = (Account(digit * 12, "a") for digit in "123")


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    with asking() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(asked: Asking) -> Iterator[None]:
    yield
    asked.stand_in.faults.set()


def of_all(aws: AccountSession, accounts: list[Account]) -> dict[str, Answer]:
    """What the aggregator tells of each account, and how it went."""
    day = Day(None, WINDOW, TODAY, Purse(NO_NOTES, TODAY, Decimal(0)))
    outcome = ask(day, SECTION, aws, partial(collect_members, aws, WINDOW, accounts))
    return dict(of_many(SECTION, outcome, accounts, "left out"))


def everyone(asked: Asking) -> list[Account]:
    return [Account(each.id, each.name) for each in asked.organization.accounts]


def some(rows: list[Row], *names: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in names) for row in rows)


RESULT = (
    *("rule_name", "resource_type", "resource_id", "compliance_type", "annotation", "evaluation_mode"),
    "config_rule_invoked_time",
)
PACK = ("name", "compliance_status", "total_rules", "compliant_rules", "non_compliant_rules")


def test_an_aggregator_says_of_each_account_what_it_says_itself(asked: Asking) -> None:
    """To the last page: the first account has 120 rules and 30 packs, and 120 resources that break one rule."""
    found = of_all(asked.session(asked.first, REGION), everyone(asked))
    assert len(found) == 2
    for account_id, answer in found.items():
        itself, told = asked.answer("config", account_id).payload, answer.payload
        assert some(told["non_compliant_resources"], *RESULT) == some(itself["non_compliant_resources"], *RESULT)
        assert some(told["conformance_packs"], *PACK) == some(itself["conformance_packs"], *PACK)
        with_results = [rule for rule in itself["rules"] if rule["compliance_type"] != "INSUFFICIENT_DATA"]
        assert some(told["rules"], "rule_name", "compliance_type") == some(with_results, "rule_name", "compliance_type")
        known = ("date_from", "date_to", "compliant_rules", "non_compliant_rules")
        assert [told[name] for name in known] == [itself[name] for name in known]
    first = found[asked.first].payload
    assert [len(first[name]) for name in ("rules", "conformance_packs")] == [90, 30]
    assert max(Counter(row["rule_name"] for row in first["non_compliant_resources"]).values()) == 120


def test_what_an_aggregator_cannot_know_is_null_and_the_section_says_so(asked: Asking) -> None:
    """Rules that have no result yet are not told of, so how many there are is not known."""
    answer = of_all(asked.session(asked.first, REGION), everyone(asked))[asked.first]
    assert (answer.coverage.status, answer.coverage.message) == (Status.PARTIAL, UNTOLD)
    told = answer.payload
    unknown = ("total_rules", "compliance_score", "curr_compliant", "curr_non_compliant")
    assert {told[name] for name in unknown} == {None}
    assert {row["conformance_pack"] for row in told["non_compliant_resources"]} == {None}
    of_rules = ("rule_arn", "description", "source_identifier", "state", "conformance_pack", "last_evaluated")
    assert {row[name] for row in told["rules"] for name in of_rules} == {None}
    assert {row[name] for row in told["conformance_packs"] for name in ("arn", "last_update_requested")} == {None}


def test_without_an_aggregator_in_the_region_it_is_not_enabled(asked: Asking) -> None:
    found = of_all(asked.session(asked.first, ELSEWHERE), everyone(asked))
    told = {(each.coverage.status, each.coverage.message, each.payload) for each in found.values()}
    assert told == {(Status.NOT_ENABLED, f"Config has no aggregator in {ELSEWHERE} that covers it", None)}


def test_a_denied_listing_of_rules_is_denied_for_all(asked: Asking) -> None:
    asked.deny("config:DescribeAggregateComplianceByConfigRules")
    found = of_all(asked.session(asked.first, REGION), everyone(asked))
    assert {each.coverage.status for each in found.values()} == {Status.DENIED}


# --- What the sandbox's aggregator does not do


def rule(account: Account, name: str, compliance: str) -> Row:
    return {"ConfigRuleName": name, "Compliance": {"ComplianceType": compliance}, "AccountId": account.id}


def result(name: str, resource: str) -> Row:
    qualifier = {"ConfigRuleName": name, "ResourceType": "AWS::S3::Bucket", "ResourceId": resource}
    identifier = {"EvaluationResultQualifier": qualifier}
    return {"EvaluationResultIdentifier": identifier, "ComplianceType": "NON_COMPLIANT"}


def late(source: str, region: str = REGION, kind: str = "ACCOUNT") -> Row:
    return {"SourceId": source, "SourceType": kind, "AwsRegion": region, "LastUpdateStatus": "OUTDATED"}


def scripted(*late_sources: Row, **said: Any) -> Scripted:
    aggregator = {
        "ConfigurationAggregatorName": "all",
        "OrganizationAggregationSource": {"RoleArn": "r", "AllAwsRegions": True},
    }
    rules = [rule(ONE, "a", "NON_COMPLIANT"), rule(ONE, "b", "COMPLIANT"), rule(TWO, "a", "NON_COMPLIANT")]
    script = {
        "describe_configuration_aggregators": {"ConfigurationAggregators": [aggregator]},
        "describe_configuration_aggregator_sources_status": {"AggregatedSourceStatusList": list(late_sources)},
        "describe_aggregate_compliance_by_config_rules": {"AggregateComplianceByConfigRules": rules},
        "describe_aggregate_compliance_by_conformance_packs": {"AggregateComplianceByConformancePacks": []},
        "get_aggregate_compliance_details_by_config_rule": lambda AccountId, **_: {
            "AggregateEvaluationResults": [result("a", f"of {AccountId}")]
        },
    }
    return Scripted(script | said, ONE.id)


def open_in(found: Mapping[str, Answer]) -> dict[str, bool | None]:
    """Whether all that is open is listed, by account; None of those left out."""
    return {name: each.payload and each.payload["lists_all_open"] for name, each in found.items()}


def test_an_account_that_did_not_come_is_a_gap_and_not_empty() -> None:
    found = of_all(scripted(), [ONE, TWO, THREE])
    assert (found[THREE.id].payload, found[THREE.id].coverage) == (
        None,
        SectionCoverage(Status.FAILED, message="left out"),
    )
    assert open_in(found) == {ONE.id: True, TWO.id: True, THREE.id: None}
    assert [each["resource_id"] for each in found[TWO.id].payload["non_compliant_resources"]] == [f"of {TWO.id}"]


def test_only_broken_rules_are_asked_about_and_only_of_accounts_that_are_wanted() -> None:
    aws = scripted()
    of_all(aws, [ONE])
    details = [given for name, given in aws.asked if name.endswith("details_by_config_rule")]
    assert [(each["AccountId"], each["AwsRegion"], each["ConfigRuleName"]) for each in details] == [
        (ONE.id, REGION, "a")
    ]
    assert {each["ComplianceType"] for each in details} == {"NON_COMPLIANT"}


@pytest.mark.parametrize(
    ("source", "whole"),
    [
        (late(TWO.id), [True, False]),
        (late(TWO.id, ELSEWHERE), [True, True]),
        (late("o-1", kind="ORGANIZATION"), [False, False]),
    ],
    ids=["of the account", "of another region", "of the organization"],
)
def test_what_the_aggregator_has_of_an_earlier_day_is_said_to_be(source: Row, whole: list[bool]) -> None:
    found = of_all(scripted(source), [ONE, TWO])
    assert [each.payload["lists_all_open"] for each in found.values()] == whole
    assert ["not of now: OUTDATED" not in str(each.coverage.message) for each in found.values()] == whole


def test_where_it_is_not_known_who_is_up_to_date_nobody_is_taken_to_be() -> None:
    refused = {"describe_configuration_aggregator_sources_status": refusal("AccessDeniedException")}
    found = of_all(scripted(**refused), [ONE, TWO])
    assert open_in(found) == {ONE.id: False, TWO.id: False}
    assert all("of whom the aggregator is up to date" in str(each.coverage.message) for each in found.values())


def test_results_that_did_not_come_are_missing_in_their_account_alone() -> None:
    def details(**given: Any) -> Any:
        name = given["AccountId"]
        return refusal("InternalError") if name == ONE.id else {"AggregateEvaluationResults": [result("a", name)]}

    found = of_all(scripted(get_aggregate_compliance_details_by_config_rule=details), [ONE, TWO])
    assert open_in(found) == {ONE.id: False, TWO.id: True}
    assert [len(each.payload["non_compliant_resources"]) for each in found.values()] == [0, 1]
    assert f"results of a in {ONE.id}" in str(found[ONE.id].coverage.message)


# --- In the warehouse


Tell = Callable[[int, Scripted], None]


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads what an aggregator tells of the first account on a day of March."""

    def run(day: int, aws: Scripted) -> None:
        answer = of_all(aws, [ONE])[ONE.id]
        key = SnapshotKey(ONE.id, REGION, dt.date(2026, 3, day))
        days = {"date_from": f"2026-03-{day - 1:02}", "date_to": f"2026-03-{day:02}"}
        account = {"account_id": ONE.id, "account_name": "a", "region": REGION}
        content = {"account": account, "config": answer.payload | days}
        snapshot = Snapshot(key, content, {"config": answer.coverage}, is_ours=True)
        store.put(f"data/{key.path}", write_snapshot(snapshot))
        outcome = load(store, warehouse_url, list(store.waiting()), batch_files=50, batch_bytes=10**9)
        assert (outcome.rejected, outcome.not_taken.total()) == (0, 0)

    return run


def listing(*resources: str, rules: tuple[str, ...] = ("a", "b"), stale: tuple[Row, ...] = ()) -> Scripted:
    """An aggregator in which these resources break rule `a`, and in which these rules have results."""
    told = [rule(ONE, name, "NON_COMPLIANT" if name == "a" else "COMPLIANT") for name in rules]
    return scripted(
        *stale,
        describe_aggregate_compliance_by_config_rules={"AggregateComplianceByConfigRules": told},
        get_aggregate_compliance_details_by_config_rule={
            "AggregateEvaluationResults": [result("a", name) for name in resources]
        },
    )


OPEN = "SELECT resource_id FROM view_non_compliant_resources WHERE status = 'OPEN' ORDER BY 1"


def test_what_was_mended_is_no_longer_open_though_the_section_is_partial(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    """S9: of resources the aggregator lists all that break a rule, whatever it does not tell of the rules."""
    tell(2, listing("x", "y"))
    tell(3, listing("x"))
    assert connection.execute(OPEN).fetchall() == [("x",)]
    assert connection.execute("SELECT DISTINCT status FROM coverage").fetchall() == [("partial",)]


def test_a_listing_of_an_earlier_day_closes_nothing(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(2, listing("x", "y"))
    tell(3, listing("x", stale=(late(ONE.id),)))
    assert connection.execute(OPEN).fetchall() == [("x",), ("y",)]


def test_a_rule_that_has_no_result_any_more_is_not_taken_to_be_gone(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(2, listing("x"))
    tell(3, listing("x", rules=("a",)))
    assert connection.execute(
        "SELECT rule_name, last_seen, retired_at FROM config_rules ORDER BY rule_name"
    ).fetchall() == [("a", None, None), ("b", dt.date(2026, 3, 2), None)]
