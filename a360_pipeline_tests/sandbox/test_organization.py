"""The made-up organization: the same for the same seed, and true to itself."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sandbox.facts.model import Application, Region, Sizes
from a360_pipeline.sandbox.organization import Organization

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TINY = Sizes(keys=12, instances=9, applications=6, patches=12)


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization.seeded(now=NOW)


def regions(organization: Organization) -> list[Region]:
    return [region for account in organization.accounts for region in account.regions]


def test_the_same_arguments_make_the_same_truth(organization: Organization) -> None:
    again = Organization.seeded(now=NOW)
    assert again == organization
    assert again.truth() == organization.truth()
    assert Organization.seeded(seed=8, now=NOW).truth() != organization.truth()


def test_another_account_changes_none_that_was_there(organization: Organization) -> None:
    assert Organization.seeded(accounts=6, now=NOW).accounts[:4] == organization.accounts


def test_what_was_made_once_is_the_same_on_another_day(organization: Organization) -> None:
    later = Organization.seeded(now=NOW + dt.timedelta(days=1))
    for before, after in zip(organization.accounts, later.accounts, strict=True):
        assert before.joined_timestamp == after.joined_timestamp
        for then, now in zip(before.regions, after.regions, strict=True):
            assert (then.applications, then.patches) == (now.applications, now.patches)
            assert [key.creation_date for key in then.kms_keys] == [key.creation_date for key in now.kms_keys]
            assert [one.instance_id for one in then.instances] == [one.instance_id for one in now.instances]


def test_the_truth_is_plain_json(organization: Organization) -> None:
    truth = organization.truth()
    assert json.loads(json.dumps(truth)) == truth
    first = truth["accounts"][organization.management.id]
    assert first["tags"]["environment"] == "prod"
    assert dt.datetime.fromisoformat(first["joined_timestamp"]).utcoffset() == dt.timedelta(0)
    assert len(first["regions"]["us-east-1"]["kms_keys"]) == 65


def test_account_ids_have_twelve_digits_and_one_begins_with_zero(organization: Organization) -> None:
    ids = [account.id for account in organization.accounts]
    assert all(len(one) == 12 and one.isdecimal() for one in ids)
    assert len(set(ids)) == 4
    assert ids[1].startswith("0")


def test_one_account_has_no_product_and_one_has_several(organization: Organization) -> None:
    products = [dict(account.tags).get("product") for account in organization.accounts]
    assert products[0] is None
    assert products[1] == "identity,build,observability"


def test_one_account_has_nobody_for_security(organization: Organization) -> None:
    kinds = [{contact.type for contact in account.alternate_contacts} for account in organization.accounts]
    assert [sorted({"BILLING", "OPERATIONS", "SECURITY"} - kind) for kind in kinds] == [
        [],
        ["SECURITY"],
        [],
        [],
    ]


def test_the_default_organization_needs_paging_and_stays_small(organization: Organization) -> None:
    assert max(len(region.kms_keys) for region in regions(organization)) >= 60
    assert max(len(region.instances) for region in regions(organization)) > 50
    rows = sum(
        len(region.kms_keys) + len(region.instances) + len(region.applications) + len(region.patches)
        for region in regions(organization)
    )
    assert 15_000 <= rows <= 25_000


def test_what_is_installed_is_installed_on_an_instance_that_exists(organization: Organization) -> None:
    for region in regions(organization):
        instances = {instance.instance_id for instance in region.instances}
        assert {application.instance_id for application in region.applications} == instances
        assert {patch.instance_id for patch in region.patches} == instances


def test_applications_have_the_oddities_of_real_ones(organization: Organization) -> None:
    applications = [application for region in regions(organization) for application in region.applications]
    assert any(application.version is None for application in applications)
    assert any(application.architecture is None for application in applications)
    assert any("\x00" in application.publisher for application in applications)
    by_instance: dict[tuple[str, str], list[Application]] = {}
    for application in applications:
        by_instance.setdefault((application.instance_id, application.name), []).append(application)
    versions = [{one.version for one in same} for same in by_instance.values() if len(same) > 1]
    assert versions
    assert all(len(different) == 2 for different in versions)


def test_patches_come_in_every_state_and_only_installed_ones_have_a_time(organization: Organization) -> None:
    patches = [patch for region in regions(organization) for patch in region.patches]
    assert {patch.state for patch in patches} == {"Installed", "Missing", "Failed", "NotApplicable"}
    assert all((patch.state == "Installed") == (patch.installed_time is not None) for patch in patches)


def test_keys_come_in_every_kind_whose_answers_differ(organization: Organization) -> None:
    here, there = organization.management.regions
    assert {key.key_state for key in here.kms_keys} == {"Enabled", "Disabled", "PendingDeletion"}
    assert {key.key_manager for key in here.kms_keys} == {"AWS", "CUSTOMER"}
    assert {key.key_rotation_enabled for key in here.kms_keys} == {True, False, None}
    shared = {key.key_id for key in here.kms_keys} & {key.key_id for key in there.kms_keys}
    assert [key_id[:4] for key_id in shared] == ["mrk-"]


def test_costs_add_up_over_services_and_days_to_ten_decimals(organization: Organization) -> None:
    account_id = organization.accounts[1].id
    days = [dt.date(2026, 2, 25) + dt.timedelta(days=day) for day in range(7)]
    by_service = [sum(organization.cost(account_id, service, day) for day in days) for service in SERVICES]
    by_day = [sum(organization.cost(account_id, service, day) for service in SERVICES) for day in days]
    assert sum(by_service) == sum(by_day) > 0
    assert organization.cost(account_id, SERVICES[0], days[0]).as_tuple().exponent == -10


def test_not_every_account_uses_every_service(organization: Organization) -> None:
    day = dt.date(2026, 11, 20)
    unused = [
        (account.name, service)
        for account in organization.accounts
        for service in SERVICES
        if organization.cost(account.id, service, day) == 0
    ]
    assert 0 < len(unused) < len(SERVICES) * 4 / 2
    assert organization.cost("999999999999", SERVICES[0], day) == Decimal(0)


def test_the_planned_gaps_are_part_of_the_truth(organization: Organization) -> None:
    denied, disabled = organization.accounts[2:]
    gaps: list[dict[str, Any]] = tomllib.loads(organization.accepted_gaps_toml())["gap"]
    assert [(gap["account"], gap["region"], gap["section"], gap["status"]) for gap in gaps] == [
        (denied.id, "*", "inventory", "scp_denied"),
        (disabled.id, "eu-central-2", "*", "region_disabled"),
    ]
    assert [gap["expires"] for gap in gaps] == [dt.date(2027, 11, 22)] * 2
    assert all(gap["owner"] and gap["reason"] for gap in gaps)
    assert organization.denied_by_policy(denied.id, "ssm:ListInventoryEntries")
    assert not organization.denied_by_policy(denied.id, "kms:ListKeys")
    assert organization.region_enabled(disabled.id, "us-east-1")
    assert not organization.region_enabled(disabled.id, "eu-central-2")
    assert [region.name for region in disabled.regions] == ["us-east-1"]


def test_sizes_make_a_tiny_organization() -> None:
    tiny = Organization.seeded(accounts=1, regions=("eu-west-1",), now=NOW, sizes=TINY)
    (region,) = tiny.management.regions
    assert (len(region.kms_keys), len(region.instances)) == (12, 9)
    assert tiny.gaps == ()
    assert tiny.accepted_gaps_toml() == ""


def test_an_organization_has_an_account_and_a_region() -> None:
    with pytest.raises(ValueError, match="at least one account"):
        Organization.seeded(accounts=0)
