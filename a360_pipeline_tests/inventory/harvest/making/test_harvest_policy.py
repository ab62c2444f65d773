"""The policies of harvests: just what planning, making and removing call.

`python -m a360_pipeline_tests.inventory.harvest.making.test_harvest_policy` writes infra/harvest-role-policy.json anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from moto.cloudformation.models import cloudformation_backends

from a360_pipeline.aws.accounts import Account
from a360_pipeline.collection.policy import ASSUME_ROLE, to_text
from a360_pipeline.inventory.harvest import plan as planning
from a360_pipeline.inventory.harvest.configurations import configure, deconfigure
from a360_pipeline.inventory.harvest.plan import plan_harvest
from a360_pipeline.inventory.harvest.policy import OF_MEMBERS, OF_THE_HUB, harvest_role_policy
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.stack import Pace
from a360_pipeline.inventory.harvest.stacks import delete_region, deploy_region
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.faults import Calls
from a360_pipeline.sections.model import Operation
from a360_pipeline_tests.collection.test_policy import actions, named_by_aws
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store, asked_for
from a360_pipeline_tests.inventory.harvest.making.test_plan import configuration, put

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S")

FILE = Path(__file__).resolve().parents[4] / "infra" / "harvest-role-policy.json"
AT_ONCE = Pace(pause=1, seconds=3, sleep=lambda _: None)


def declared(operations: Iterable[Operation]) -> set[str]:
    return {f"{operation.service}:{operation.name}" for operation in operations}


def test_harvests_call_what_is_declared_and_nothing_else(
    means: Means,
    accounts: list[Account],
    registry: Registry,
    store_of_buckets: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member, hub = accounts[1].id, means.hub_account
    store_of_buckets.make(hub, "their-inventories").put_object(Bucket="their-inventories", Key="inv/held/daily/x")
    put(store_of_buckets.make(member, "held", objects=3), "held", configuration("their-inventories"))
    store_of_buckets.make(member, "large", objects=3)
    called: set[tuple[str, str]] = set()
    monkeypatch.setattr(Calls, "add", lambda _, account_id, action: called.add((account_id, action)))
    # An account that does not tell the regions of its buckets.
    listed = planning._Listed
    monkeypatch.setattr(planning, "_Listed", lambda account, choice, name, _: listed(account, choice, name, None))
    asked = asked_for(accounts=[{"account_id": member, "include": ["held", "large"]}], listed_objects=2)
    plan = plan_harvest(means, asked, accounts)
    registry.create(asked, plan)
    (region,) = plan.regions
    deploy_region(means, "spring", HOME, AT_ONCE)
    registry.set_region("spring", HOME, "deploying")
    (stack,) = cloudformation_backends[hub][HOME].stacks.values()
    stack.template = "{}"
    deploy_region(means, "spring", HOME, AT_ONCE)
    (large,) = [row for row in registry.buckets("spring") if row.bucket == "large"]
    deconfigure(means, "spring", configure(means, "spring", large))
    s3 = means.hub("s3")
    s3.put_object(Bucket=region.destination_bucket, Key="x")
    s3.create_multipart_upload(Bucket=region.destination_bucket, Key="y")
    called -= {(hub, "s3:PutObject"), (hub, "s3:CreateMultipartUpload")}
    delete_region(means, "spring", HOME, AT_ONCE)
    assert {action for account_id, action in called if account_id == member} == declared(OF_MEMBERS)
    assert {action for account_id, action in called if account_id == hub} <= declared(OF_THE_HUB) | {ASSUME_ROLE}
    assert declared(OF_THE_HUB) - {action for account_id, action in called if account_id == hub} == {
        # Asked where a stack failed, or left its bucket behind; and once, of whoever the hub is.
        "cloudformation:DescribeStackEvents",
        "s3:DeleteBucket",
        "sts:GetCallerIdentity",
    }


def test_the_harvest_role_reads_no_object_and_removes_none() -> None:
    assert set(actions(harvest_role_policy())) == {
        "s3:GetBucketLocation",
        "s3:GetInventoryConfiguration",
        "s3:ListAllMyBuckets",
        "s3:ListBucketVersions",
        "s3:PutInventoryConfiguration",
    }


def test_every_action_is_one_that_a_policy_of_awss_own_names() -> None:
    """I20. A misspelt one would be refused, or grant nothing."""
    told = {action for operation in (*OF_MEMBERS, *OF_THE_HUB) for action in operation.actions}
    assert {action.lower() for action in told} - named_by_aws() == set()


def test_the_file_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == to_text(harvest_role_policy()), (
        "run `python -m a360_pipeline_tests.inventory.harvest.making.test_harvest_policy`"
    )


if __name__ == "__main__":
    FILE.write_text(to_text(harvest_role_policy()), encoding="utf-8")
