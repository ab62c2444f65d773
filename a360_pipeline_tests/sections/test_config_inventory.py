"""Section `config_inventory`: what AWS Config records, asked in one query, of one account and of all."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.config_resources import inventory_truth
from a360_pipeline.sections.config_inventory import CONFIG_INVENTORY, QUERY, SECTION, collect, collect_members
from a360_pipeline.sections.model import Window
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.stage import Frame, Staged, add_rows

HERE, THERE = "us-east-1", "eu-central-2"
RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "api" / "cloud-custodian-placebo"
WINDOW = Window.daily(dt.date(2026, 11, 22))


@pytest.fixture
def aws(sessions: Sessions, stand_in: StandIn) -> AccountSession:
    return sessions.account(stand_in.organization.management.id, HERE)


def keys(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return sorted((row["resource_type"], row["resource_id"], row["region"]) for row in rows)


def answering(aws: AccountSession, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    """Lets some operations, by method, answer what they are given; all others are asked as ever."""
    asked = aws.call
    monkeypatch.setattr(
        aws,
        "call",
        lambda service, method, **given: answers[method] if method in answers else asked(service, method, **given),
    )


def test_nothing_is_cut_however_many_pages_there_are() -> None:
    """S3: Config's inventory is collected, all of it."""
    organization = Organization.seeded(accounts=1, sizes=Sizes(1, 5, 1, 1, others=120))
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as large:
        settings = load_settings(
            endpoint_url=large.endpoint_url,
            access_key_id=large.access_key_id,
            secret_access_key=large.secret_access_key,
            external_id=large.external_id,
        )
        aws = Sessions(settings).account(organization.management.id, HERE)
        rows = collect(aws, WINDOW)
    truth = inventory_truth(organization, organization.management.id, HERE)
    assert len(truth) > 7 * 120
    assert keys(rows) == keys(truth)


def test_rows_say_what_config_says_and_the_warehouse_takes_them(aws: AccountSession, stand_in: StandIn) -> None:
    """S19: the instance type is EC2's."""
    rows = collect(aws, WINDOW)
    truth = {row["resource_id"]: row for row in inventory_truth(stand_in.organization, aws.account_id or "", HERE)}
    compared = ("state", "instance_type", "size_gb", "vpc_id", "engine", "service_name", "availability_zone", "arn")
    assert {row["resource_id"]: [row[name] for name in compared] for row in rows} == {
        name: [row[column] for column in compared] for name, row in truth.items()
    }
    staged = Staged(CONFIG_INVENTORY)
    add_rows(staged, 0, [Frame()], rows)
    assert (staged.rejected, len(staged.columns[0]), staged.unknown) == ([], len(rows), {})


def test_what_config_thinks_of_resources_is_no_resource(aws: AccountSession) -> None:
    assert "AWS::Config::ResourceCompliance" not in {row["resource_type"] for row in collect(aws, WINDOW)}


def test_no_secret_of_a_functions_environment_is_asked_for(aws: AccountSession) -> None:
    rows = collect(aws, WINDOW)
    assert "AWS::Lambda::Function" in {row["resource_type"] for row in rows}
    assert "environment" not in QUERY
    assert "hunter2" not in json.dumps(rows)


def test_a_region_without_a_recorder_is_not_enabled(aws: AccountSession, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(aws, monkeypatch, describe_configuration_recorders={"ConfigurationRecorders": []})
    with pytest.raises(Unavailable, match=f"no recorder in {HERE}") as told:
        collect(aws, WINDOW)
    assert told.value.status is Status.NOT_ENABLED


def test_a_recorder_that_stands_still_makes_what_it_once_recorded_partial(
    aws: AccountSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = {"ConfigurationRecordersStatus": [{"name": "default", "recording": False}]}
    answering(aws, monkeypatch, describe_configuration_recorder_status=stopped)
    assert collect(aws, WINDOW)
    (failed,) = aws.failed_parts
    assert failed.startswith("recorder: ")
    assert "stopped" in failed


def test_a_denied_query_is_an_error_and_not_an_empty_inventory(aws: AccountSession, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={stand_in.organization.management.id: ["config:SelectResourceConfig"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        collect(aws, WINDOW)


def test_an_aggregator_answers_for_all_accounts_as_each_does_for_itself(
    sessions: Sessions, aws: AccountSession, stand_in: StandIn
) -> None:
    accounts = discover_accounts(sessions.hub())
    found = collect_members(aws, WINDOW, accounts)
    assert set(found) == {account.id for account in stand_in.organization.accounts}
    for account in accounts:
        itself = collect(sessions.account(account.id, HERE), WINDOW)
        assert keys(found[account.id]) == keys(itself)
    (asked, *_) = accounts
    assert set(collect_members(aws, WINDOW, [asked])) == {asked.id}


def test_an_account_of_which_the_aggregator_knows_nothing_is_left_out(
    sessions: Sessions, aws: AccountSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody told of is unknown: an empty listing would retire all that the account has."""
    first, second, *_ = discover_accounts(sessions.hub())
    one = {"accountId": first.id, "resourceType": "AWS::S3::Bucket", "resourceId": "b", "awsRegion": HERE}
    monkeypatch.setattr("a360_pipeline.sections.config_inventory.aggregator_of", lambda _aws: "organization")
    monkeypatch.setattr(aws, "pages", lambda *_, Expression, **__: [json.dumps(one)] * ("global" not in Expression))
    found = collect_members(aws, WINDOW, [first, second])
    assert {account: keys(rows) for account, rows in found.items()} == {first.id: [("AWS::S3::Bucket", "b", HERE)]}


def test_a_region_without_an_aggregator_is_not_enabled(sessions: Sessions, stand_in: StandIn) -> None:
    elsewhere = sessions.account(stand_in.organization.management.id, THERE)
    with pytest.raises(Unavailable, match="no aggregator in eu-central-2") as told:
        collect_members(elsewhere, WINDOW, [])
    assert told.value.status is Status.NOT_ENABLED


def test_of_several_aggregators_the_organizations_is_asked_if_it_covers_the_region(
    aws: AccountSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[dict[str, Any]] = [
        {"ConfigurationAggregatorName": "other", "AccountAggregationSources": [{"AwsRegions": [THERE]}]},
        {"ConfigurationAggregatorName": "some", "AccountAggregationSources": [{"AllAwsRegions": True}]},
        {"ConfigurationAggregatorName": "all", "OrganizationAggregationSource": {"AwsRegions": [HERE]}},
    ]
    asked: list[str] = []

    def pages(_service: str, method: str, _result: str, **given: Any) -> list[Any]:
        asked.append(given.get("ConfigurationAggregatorName", ""))
        return listed if method == "describe_configuration_aggregators" else []

    monkeypatch.setattr(aws, "pages", pages)
    assert collect_members(aws, WINDOW, []) == {}
    assert set(asked) == {"", "all"}


def test_a_query_selects_only_what_the_table_keeps() -> None:
    fields = QUERY.removeprefix("SELECT ").split(", ")
    assert len(fields) == len(set(fields))
    assert len(QUERY) < 4096, "the longest expression that Config takes"
    assert {operation.name for operation in SECTION.operations} >= {"SelectResourceConfig"}


def test_recordings_of_the_query_become_rows(aws: AccountSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Config really answered: configurations of types that nothing is known of, numbers with a point."""
    if not RECORDINGS.is_dir():
        pytest.skip("recordings of AWS are not at hand")
    results = [
        json.dumps({"resourceType": "AWS::Any::Thing", "resourceId": str(number), **json.loads(result)})
        for number, path in enumerate(sorted(RECORDINGS.glob("*/config.SelectResourceConfig_*.json")))
        for result in json.loads(path.read_text(encoding="utf-8"))["data"].get("Results", ())
    ]
    monkeypatch.setattr(aws, "pages", lambda *_, **__: results)
    rows = collect(aws, WINDOW)
    assert len(rows) == len(results) > 10
    assert {(row["service_name"], row["resource_subtype"], row["state"]) for row in rows} == {("Any", "Thing", None)}
    staged = Staged(CONFIG_INVENTORY)
    add_rows(staged, 0, [Frame()], rows)
    assert staged.rejected == []
