"""Discovery: which accounts are collected, with which attributes, and which are skipped and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from a360_pipeline.aws.accounts import (
    Account,
    Discovered,
    Skipped,
    discover,
    discovered_from_json,
    discovered_to_json,
    payer_of,
)
from a360_pipeline.cli import main
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Account as TrueAccount
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import SettingsError, load_settings
from a360_pipeline_tests.conftest import lead_to
from a360_pipeline_tests.sections.organizations import sessions_in, watch

TINY = Sizes(keys=4, instances=3, applications=3, patches=4, others=4)


@pytest.fixture(scope="module")
def organization() -> Organization:
    """So many accounts that listings have a second page."""
    return Organization.seeded(accounts=24, sizes=TINY)


@pytest.fixture
def stand_in(organization: Organization) -> Iterator[StandIn]:
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as running:
        yield running


def found(stand_in: StandIn, **settings: Any) -> Discovered:
    return discover(sessions_in(stand_in, **settings), load_settings(**settings))


def ids(accounts: Any) -> list[str]:
    return sorted(account.id for account in accounts)


def true_tags(account: TrueAccount) -> dict[str, str]:
    return dict(account.tags)


def with_tag(organization: Organization, key: str, value: str) -> list[str]:
    return ids(one for one in organization.accounts if true_tags(one).get(key) == value)


def test_all_that_are_at_work_are_collected_and_a_suspended_one_is_named(
    organization: Organization, stand_in: StandIn
) -> None:
    discovered = found(stand_in)
    assert [one.id for one in discovered.accounts] == ids(organization.accounts)
    (suspended,) = organization.suspended
    assert discovered.skipped == [Skipped(suspended.id, suspended.name, "its state is SUSPENDED")]


def test_attributes_are_the_organizations_tags(organization: Organization, stand_in: StandIn) -> None:
    told = {
        one.id: {
            "customer": one.customer,
            "partner": one.partner,
            "product": one.product,
            "category": one.category,
            "environment": one.environment,
        }
        for one in found(stand_in).accounts
    }
    names = ("customer", "partner", "product", "category", "environment")
    assert told == {one.id: {name: true_tags(one).get(name) for name in names} for one in organization.accounts}
    assert told[organization.management.id]["product"] is None


def test_tags_may_have_other_names(organization: Organization, stand_in: StandIn) -> None:
    discovered = found(stand_in, customer_tag="partner", category_tag="CostCenter")
    partners = {one.id: true_tags(one)["partner"] for one in organization.accounts}
    assert {one.id: one.customer for one in discovered.accounts} == partners
    assert {one.category for one in discovered.accounts} == {None}


def test_each_account_is_asked_which_regions_it_has_enabled(organization: Organization, stand_in: StandIn) -> None:
    for account in found(stand_in).accounts:
        enabled = {region for region, is_enabled in account.regions.items() if is_enabled}
        opted = dict(organization.by_id[account.id].opt_status)
        assert enabled == {region for region, status in opted.items() if status != "DISABLED"}


def test_an_included_unit_brings_all_that_is_below_it(organization: Organization, stand_in: StandIn) -> None:
    discovered = found(stand_in, include_ous=(organization.units.id_of("Workloads"),))
    governed = {organization.management.id, *with_tag(organization, "category", "governance")}
    assert [one.id for one in discovered.accounts] == sorted(set(ids(organization.accounts)) - governed)
    reasons = {one.id: one.reason for one in discovered.skipped}
    assert reasons.pop(organization.suspended[0].id) == "its state is SUSPENDED"
    assert reasons == dict.fromkeys(governed, "it is in no unit that A360_INCLUDE_OUS names")


def test_an_excluded_unit_goes_before_an_included_one_above_or_below_it(
    organization: Organization, stand_in: StandIn
) -> None:
    root, workloads, dev = (organization.units.id_of(name) for name in ("Root", "Workloads", "Dev"))
    discovered = found(stand_in, include_ous=(root,), exclude_ous=(dev,))
    reason = f"it is in {dev}, which A360_EXCLUDE_OUS names"
    left_out = ids(one for one in discovered.skipped if one.reason == reason)
    assert left_out
    assert left_out == ids(
        one
        for one in organization.accounts
        if true_tags(one)["environment"] != "prod" and true_tags(one)["category"] != "governance"
    )
    assert ids(discovered.accounts) == sorted(set(ids(organization.accounts)) - set(left_out))

    below = found(stand_in, include_ous=(dev, organization.units.id_of("Security")), exclude_ous=(workloads,))
    governed = set(with_tag(organization, "category", "governance")) - {organization.management.id}
    assert set(ids(below.accounts)) == governed


def test_units_are_listed_and_not_each_account_asked_for_its_parents(
    organization: Organization, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.close()
    asked = watch(monkeypatch)
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as watched:
        unit = organization.units.id_of("Workloads")
        discovered = found(watched, include_ous=(unit,), exclude_ous=(organization.units.id_of("Dev"),))
    counts = asked.counts("organizations")
    assert (counts["ListAccountsForParent"], counts["ListOrganizationalUnitsForParent"]) == (3, 3)
    assert counts["ListTagsForResource"] == len(discovered.accounts)
    assert asked.counts("account")["ListRegions"] == len(discovered.accounts)


def test_all_wanted_tags_must_match(organization: Organization, stand_in: StandIn) -> None:
    discovered = found(stand_in, account_tags="category=workload, environment=prod")
    wanted = set(with_tag(organization, "category", "workload")) & set(with_tag(organization, "environment", "prod"))
    assert wanted
    assert set(ids(discovered.accounts)) == wanted
    reasons = {one.id: one.reason for one in discovered.skipped}
    assert len(reasons) == len(organization.accounts) - len(wanted) + 1
    assert (
        reasons[organization.management.id] == "its tag category is governance, where A360_ACCOUNT_TAGS wants workload"
    )
    untagged = found(stand_in, account_tags="product=payments").skipped
    assert (
        Skipped(
            organization.management.id,
            organization.management.name,
            "it has no tag product, where A360_ACCOUNT_TAGS wants payments",
        )
        in untagged
    )


def test_a_unit_that_is_not_there_is_an_error_and_no_empty_one(stand_in: StandIn) -> None:
    for name in ("include_ous", "exclude_ous"):
        with pytest.raises(SettingsError) as error:
            found(stand_in, **{name: ("ou-aaaa-bbbbbbbb",)})
        expected = f"A360_{name.upper()} names ou-aaaa-bbbbbbbb, which the organization does not have"
        assert str(error.value) == expected


def test_a_selection_that_leaves_nothing_is_an_error_and_no_green_nothing(stand_in: StandIn) -> None:
    with pytest.raises(SettingsError) as error:
        found(stand_in, account_tags="category=none")
    assert str(error.value) == (
        "none of the 25 accounts of the organization is selected: A360_ACCOUNT_TAGS is category=none"
    )


def test_a_unit_that_may_not_be_listed_is_an_error(organization: Organization, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={organization.management.id: ["organizations:ListAccountsForParent"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        found(stand_in, include_ous=(organization.units.id_of("Workloads"),))


# --- A file in place of the organization


def write(tmp_path: Path, *accounts: dict[str, Any]) -> Path:
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({"account": accounts}))
    return path


def test_accounts_of_a_file_are_asked_for_their_regions_unless_it_lists_them(
    organization: Organization, stand_in: StandIn, tmp_path: Path
) -> None:
    asked, listed = organization.accounts[3], organization.accounts[1]
    path = write(
        tmp_path,
        {"id": asked.id, "name": "asked", "customer": "Halvorsen", "environment": "prod"},
        {"id": listed.id, "name": "listed", "regions": ["eu-central-2"], "product": "a, b", "category": "data"},
    )
    discovered = found(stand_in, accounts_file=path)
    assert discovered.skipped == []
    by_id = {one.id: one for one in discovered.accounts}
    assert by_id == {
        asked.id: Account(
            asked.id,
            "asked",
            customer="Halvorsen",
            environment="prod",
            payer=organization.management.id,
            regions={region: status != "DISABLED" for region, status in asked.opt_status},
        ),
        listed.id: Account(
            listed.id,
            "listed",
            product="a, b",
            category="data",
            payer=organization.management.id,
            regions={"eu-central-2": True},
            regions_listed=True,
        ),
    }
    assert by_id[asked.id].wanted_regions(()) == {"us-east-1": True}
    assert by_id[asked.id].wanted_regions(("us-east-1", "eu-central-2")) == {"us-east-1": True, "eu-central-2": False}
    assert by_id[listed.id].wanted_regions(()) == {"eu-central-2": True}
    assert by_id[listed.id].wanted_regions(("us-east-1",)) == {}


def test_a_file_needs_no_organization(organization: Organization, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.faults.set(denied={organization.management.id: ["organizations:*"]})
    account = organization.accounts[2]
    discovered = found(stand_in, accounts_file=write(tmp_path, {"id": account.id, "name": "one"}))
    assert ids(discovered.accounts) == [account.id]


def test_who_pays_is_said_by_an_arn_or_else_is_who_is_asked() -> None:
    described = Account("222222222222", "one", arn="arn:aws:organizations::111111111111:account/o-ab/222222222222")
    assert payer_of([Account("333333333333", "none"), described]) == "111111111111"
    assert payer_of([Account("333333333333", "own", payer="333333333333")]) == "333333333333"
    assert payer_of([Account("333333333333", "none")]) is None


def test_an_account_of_a_file_that_cannot_be_asked_is_an_error(
    organization: Organization, stand_in: StandIn, tmp_path: Path
) -> None:
    suspended = organization.suspended[0].id
    with pytest.raises(ClientError, match=f"AssumeRole.*{suspended}"):
        found(stand_in, accounts_file=write(tmp_path, {"id": suspended, "name": "gone"}))


# --- What becomes of it


def test_a_listing_is_the_same_after_it_was_kept(stand_in: StandIn) -> None:
    discovered = found(stand_in)
    assert discovered_from_json(discovered_to_json(discovered)) == discovered
    with pytest.raises(ValueError, match="accounts"):
        discovered_from_json(b"{}")


def test_attributes_of_a_file_land_in_the_columns_of_accounts_and_products(
    organization: Organization,
    stand_in: StandIn,
    warehouse_url: str,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = organization.accounts[1]
    lead_to(stand_in, tmp_path, monkeypatch)
    attributes = {"customer": "Halvorsen", "partner": "Blue", "category": "data", "environment": "prod"}
    path = write(tmp_path, {"id": account.id, "name": "lake", "product": "lake,reports", **attributes})
    monkeypatch.setenv("A360_ACCOUNTS_FILE", str(path))
    monkeypatch.setenv("A360_DATABASE_URL", warehouse_url)
    for words in (["collect", "--section", "account", "--out", str(tmp_path / "out")], ["load", str(tmp_path / "out")]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    assert connection.execute(
        "SELECT account_id, region, account_name, customer_name, partner_name, category, account_type, account_arn"
        " FROM accounts"
    ).fetchall() == [(account.id, "Global", "lake", "Halvorsen", "Blue", "data", "prod", None)]
    assert connection.execute("SELECT name FROM products ORDER BY name").fetchall() == [("lake",), ("reports",)]
