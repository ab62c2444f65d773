"""The policies of the member role and of the hub: just what a whole day calls, and what they are written down as.

`python -m a360_pipeline_tests.collection.test_policy` writes infra/member-role-policy.json anew.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from a360_pipeline.aws.accounts import Account, discover_organization
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection import policy
from a360_pipeline.collection.collect import ask_organization, collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shelf import Folder
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.watch import administrator
from a360_pipeline.sections.model import Operation, Scope
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Selection
from a360_pipeline_tests.sections.organizations import sessions_in

FILE = Path(__file__).resolve().parents[2] / "infra" / "member-role-policy.json"
MANAGED_POLICY = 6144
"""The characters that IAM lets a managed policy have, white space apart."""
TODAY = dt.datetime.now(dt.UTC).date()
SIZES = Sizes(keys=2, instances=2, applications=1, patches=1, others=2)
ASKED_BY_MANAGEMENT = ("compute_optimizer", "config", "config_inventory", "health")
REGION = "us-east-1"
ONLY_IN_PATTERNS = {"config:describeaggregatecompliancebyconformancepacks"}
"""Actions of the service authorization reference that AWS's own policies allow by a pattern alone."""
TURNED_OFF = "ap-south-2"
"""A region that accounts have turned off since they were discovered."""


def statements(made: policy.Policy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made["Statement"]
    return found


def actions(made: policy.Policy) -> list[str]:
    return [action for statement in statements(made) for action in statement["Action"]]


# --- What a day calls


@contextmanager
def sandbox() -> Iterator[StandIn]:
    organization = Organization.seeded(accounts=2, regions=(REGION,), sizes=SIZES)
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as stand_in:
        yield stand_in


def calls(stand_in: StandIn) -> set[str]:
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return set(json.load(response)["by_action"]) - {policy.ASSUME_ROLE}


def declared(operations: Iterable[Operation]) -> set[str]:
    return {f"{operation.service}:{operation.name}" for operation in operations}


def day_of(accounts: list[Account]) -> Order:
    """Everything that can be asked for, whatever it costs."""
    return Order(accounts, accounts, TODAY, TODAY, daily_paid_usd=Decimal(100))


def sessions_that_ask_for_all(stand_in: StandIn) -> Sessions:
    return sessions_in(stand_in, max_attempts=1, forecast_accounts=1, seller_product_codes=("5sxvk1m",))


@pytest.fixture(scope="module")
def hub_calls(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is called to discover the organization, and to ask what is asked once for all of it."""
    with sandbox() as stand_in:
        sessions = sessions_that_ask_for_all(stand_in)
        selection = Selection(include_ous=(stand_in.organization.units.id_of("Root"),))
        order = day_of(discover_organization(sessions.hub(), selection).accounts)
        ask_organization(sessions, Folder(tmp_path_factory.mktemp("hub")), order)
        return calls(stand_in)


@pytest.fixture(scope="module")
def member_calls(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is called of accounts: of each by itself, and of administrators for all others."""
    with sandbox() as stand_in:
        sessions = sessions_that_ask_for_all(stand_in)
        accounts = [
            Account(one.id, one.name, arn=one.arn, regions=dict.fromkeys((REGION, TURNED_OFF), True))
            for one in stand_in.organization.accounts
        ]
        order = replace(day_of(accounts), regions=(REGION,))
        own = {name for name, section in SECTIONS.items() if section.scope is not Scope.ORGANIZATION}
        of_all = administrators(stand_in.organization)
        for each in (
            replace(order, sections=order.sections & own),
            replace(order, sections=frozenset({"kms"}), regions=(TURNED_OFF,)),
            replace(order, accounts=accounts[:1], sections=frozenset(of_all), administrators=of_all),
        ):
            list(collect_accounts(sessions, Folder(tmp_path_factory.mktemp("members")), each))
        return calls(stand_in)


def administrators(organization: Organization) -> dict[str, str]:
    able = [name for name, section in SECTIONS.items() if section.collect_members is not None]
    security, management = administrator(organization).id, organization.management.id
    return {name: management if name in ASKED_BY_MANAGEMENT else security for name in able}


def test_the_member_role_may_do_what_a_day_calls_of_it_and_nothing_else(member_calls: set[str]) -> None:
    assert member_calls == declared(policy.member_operations())


def test_the_hub_may_do_what_a_day_calls_of_it_and_nothing_else(hub_calls: set[str]) -> None:
    assert hub_calls == declared(policy.hub_operations())


# --- What the policies say


def test_listings_are_allowed_on_everything_for_on_less_they_are_not_allowed() -> None:
    """S26."""
    made = policy.member_policy()
    assert "kms:ListKeys" in actions(made)
    assert {statement["Resource"] for statement in statements(made)} == {"*"}


def test_nothing_is_allowed_by_a_pattern_and_nothing_twice() -> None:
    for made in (policy.member_policy(), policy.hub_policy("a360-member")):
        named = actions(made)
        assert [name for name in named if not re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", name)] == []
        assert len(set(named)) == len(named)
        assert {statement["Effect"] for statement in statements(made)} == {"Allow"}


def test_a_statement_holds_the_actions_of_one_service_in_their_order() -> None:
    for made in (policy.member_policy(), policy.hub_policy("a360-member")):
        for statement in statements(made):
            assert len({action.partition(":")[0] for action in statement["Action"]}) == 1
            assert statement["Action"] == sorted(statement["Action"])
        sids = [statement["Sid"] for statement in statements(made)]
        assert len(set(sids)) == len(sids)
        assert all(sid.isalnum() for sid in sids)


def test_the_hub_assumes_the_member_role_alone() -> None:
    last = statements(policy.hub_policy("reader", partition="aws-cn"))[-1]
    assert (last["Action"], last["Resource"]) == (["sts:AssumeRole"], "arn:aws-cn:iam::*:role/reader")
    assert "sts:AssumeRole" not in actions(policy.member_policy())


def test_an_operation_may_take_actions_of_other_services() -> None:
    found = set(actions(policy.member_policy()))
    assert {"ecs:ListClusters", "cognito-idp:ListResourcesForWebACL", "organizations:ListAccounts"} <= found


@pytest.mark.parametrize("made", [policy.member_policy(), policy.hub_policy("a360-member")], ids=["member", "hub"])
def test_every_action_is_one_that_a_policy_of_awss_own_names(made: policy.Policy) -> None:
    assert set(map(str.lower, actions(made))) - named_by_aws() - ONLY_IN_PATTERNS == set()


def named_by_aws() -> set[str]:
    """Every action that a managed policy names in full; IAM does not mind the case."""
    named: set[str] = set()
    for each in json.loads(aws_managed_policies_data).values():
        told = each["Document"]["Statement"]
        for statement in told if isinstance(told, list) else [told]:
            action = statement.get("Action", [])
            named.update(map(str.lower, [action] if isinstance(action, str) else action))
    return named


def test_the_policy_fits_into_one_managed_policy() -> None:
    text = policy.to_text(policy.member_policy())
    assert len("".join(text.split())) <= MANAGED_POLICY


@pytest.mark.parametrize("make", [policy.member_policy, lambda: policy.hub_policy("a360-member")])
def test_the_same_sections_make_the_same_text(make: Callable[[], policy.Policy]) -> None:
    assert policy.to_text(make()) == policy.to_text(make())
    assert json.loads(policy.to_text(make())) == make()


def test_the_file_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == policy.to_text(policy.member_policy()), (
        "run `python -m a360_pipeline_tests.collection.test_policy`"
    )


if __name__ == "__main__":
    FILE.write_text(policy.to_text(policy.member_policy()), encoding="utf-8")
