"""The stacks of a harvest: made once, changed where they differ, removed with all they hold, each region by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import pytest
from moto.cloudformation.models import cloudformation_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from a360_pipeline.inventory.harvest.planned import destination_bucket
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.stack import Pace
from a360_pipeline.inventory.harvest.stacks import RegionOutcome, delete_region, deploy_region, listen
from a360_pipeline.inventory.harvest.states import RegionState
from a360_pipeline.inventory.harvest.template import QUEUE
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.warehouse.connection import WarehouseUnavailable
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store, asked_for, planned

# moto makes no policies and no subscriptions of a stack, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S")

OPT_IN = "eu-central-2"
NAME = "a360-harvest-spring"
AT_ONCE = Pace(pause=1, seconds=3, sleep=lambda _: None)


def deploy(means: Means, region: str = HOME) -> RegionOutcome:
    return deploy_region(means, "spring", region, AT_ONCE)


def delete(means: Means, region: str = HOME) -> RegionOutcome:
    return delete_region(means, "spring", region, AT_ONCE)


@pytest.fixture
def place(means: Means) -> str:
    """The destination bucket of the home region."""
    return destination_bucket("spring", means.hub_account, HOME)


@pytest.fixture
def harvest(means: Means, registry: Registry) -> Registry:
    """A planned harvest of two regions."""
    plan = planned("spring", regions=(OPT_IN, HOME))
    named = tuple(
        replace(one, destination_bucket=destination_bucket("spring", means.hub_account, one.region))
        for one in plan.regions
    )
    registry.create(asked_for(), replace(plan, regions=named))
    return registry


@pytest.fixture
def stack_of(means: Means) -> Callable[[str], Any]:
    """The stack as the stand-in has it, to be made to stand otherwise; None where there is none."""

    def find(region: str = HOME) -> Any:
        held = cloudformation_backends[means.hub_account][region].stacks.values()
        return next((one for one in held if one.name == NAME), None)

    return find


def buckets(means: Means) -> Any:
    return s3_backends[means.hub_account]["aws"].buckets


def calls(stand_in: StandIn) -> Counter[str]:
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return Counter(json.load(response)["by_action"])


def test_a_region_gets_its_stack_and_its_bucket(
    means: Means, harvest: Registry, stack_of: Callable[..., Any], place: str
) -> None:
    assert deploy(means) == RegionOutcome(HOME, RegionState.READY)
    assert stack_of().tags == {"a360:harvest": "spring"}
    assert buckets(means)[place].region_name == HOME
    assert {one.region: one.state for one in harvest.regions("spring")} == {
        HOME: RegionState.READY,
        OPT_IN: RegionState.PLANNED,
    }


def test_deploying_again_changes_nothing(means: Means, harvest: Registry, stand_in: StandIn) -> None:
    first = deploy(means)
    before = calls(stand_in)
    assert deploy(means) == first
    made = calls(stand_in) - before
    assert "cloudformation:CreateStack" not in made
    assert "cloudformation:UpdateStack" not in made


def test_a_stack_that_differs_is_updated(
    means: Means, harvest: Registry, stack_of: Callable[..., Any], connection: Any
) -> None:
    deploy(means)
    connection.execute("UPDATE harvests SET plan = jsonb_set(plan, '{source_accounts}', '[\"300000000003\"]'::jsonb)")
    assert deploy(means).state is RegionState.READY
    assert stack_of().status == "UPDATE_COMPLETE"
    assert "300000000003" in stack_of().template


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stack_past_repair_is_made_anew(
    means: Means, harvest: Registry, stack_of: Callable[..., Any], status: str
) -> None:
    deploy(means)
    old = stack_of()
    old.status = status
    assert deploy(means).state is RegionState.READY
    assert stack_of().stack_id != old.stack_id
    assert stack_of().status == "CREATE_COMPLETE"


def test_a_stack_that_does_not_come_to_rest_is_looked_at_later(
    means: Means, harvest: Registry, stack_of: Callable[..., Any]
) -> None:
    deploy(means)
    stack_of().status = "UPDATE_IN_PROGRESS"
    told = deploy(means)
    assert (told.state, told.is_good) == (RegionState.DEPLOYING, False)
    assert told.message == f"stack {NAME} is still UPDATE_IN_PROGRESS: look again later"
    stack_of().status = "UPDATE_COMPLETE"
    assert deploy(means).is_good


def test_a_stack_of_another_is_neither_adopted_nor_removed(
    means: Means, harvest: Registry, stack_of: Callable[..., Any]
) -> None:
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    means.hub("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    for told in (deploy(means), delete(means)):
        assert told.state is RegionState.FAILED
        assert "without the tag a360:harvest=spring" in told.message
    assert stack_of().status == "CREATE_COMPLETE"


def test_one_regions_failure_is_its_own(means: Means, harvest: Registry) -> None:
    """I19. The others are still made, and still removed."""
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    means.hub("cloudformation", OPT_IN).create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    assert [deploy(means, region).state for region in (OPT_IN, HOME)] == [RegionState.FAILED, RegionState.READY]
    assert [delete(means, region).state for region in (OPT_IN, HOME)] == [RegionState.FAILED, RegionState.GONE]
    told = {one.region: one for one in harvest.regions("spring")}
    assert told[HOME].state is RegionState.GONE
    assert told[OPT_IN].message is not None
    assert "is somebody else's and is left alone" in told[OPT_IN].message


def test_a_denial_is_the_regions_outcome(means: Means, harvest: Registry, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={means.hub_account: ["cloudformation:CreateStack"]})
    told = deploy(means)
    assert told.state is RegionState.FAILED
    assert "CreateStack" in told.message


def test_a_region_that_the_plan_does_not_have_fails_alone(means: Means, harvest: Registry) -> None:
    told = deploy(means, "eu-west-3")
    assert (told.state, told.is_good) == (RegionState.FAILED, False)
    assert "has nothing in eu-west-3" in told.message


def test_without_a_registry_nothing_is_made(means: Means, harvest: Registry, stack_of: Callable[..., Any]) -> None:
    def unreachable() -> Any:
        raise WarehouseUnavailable("the warehouse does not answer")

    told = deploy(replace(means, warehouse=unreachable))
    assert told == RegionOutcome(HOME, RegionState.FAILED, "WarehouseUnavailable: the warehouse does not answer")
    assert stack_of() is None


def test_a_region_goes_with_every_version_it_holds(
    means: Means, harvest: Registry, stack_of: Callable[..., Any], place: str
) -> None:
    deploy(means)
    backend = s3_backends[means.hub_account]["aws"]
    backend.put_bucket_versioning(place, "Enabled")
    for number in range(1_005):
        backend.put_object(place, f"spring/{number}", b"")
    backend.delete_object(place, "spring/1")
    means.hub("s3").create_multipart_upload(Bucket=place, Key="spring/unfinished")
    told = delete(means)
    assert (told.state, told.message) == (RegionState.GONE, "1007 versions removed with the bucket")
    assert place not in buckets(means)
    assert stack_of() is None
    assert harvest.regions("spring")[1].state is RegionState.GONE


def test_removing_again_finds_nothing_to_remove(means: Means, harvest: Registry) -> None:
    deploy(means)
    delete(means)
    assert delete(means) == RegionOutcome(HOME, RegionState.GONE)


def test_a_bucket_that_outlived_its_stack_goes_too(
    means: Means, harvest: Registry, store_of_buckets: Store, place: str
) -> None:
    s3 = store_of_buckets.make(means.hub_account, place, objects=2)
    s3.put_bucket_tagging(Bucket=place, Tagging={"TagSet": [{"Key": "a360:harvest", "Value": "spring"}]})
    assert delete(means).state is RegionState.GONE
    assert place not in buckets(means)


def test_a_bucket_without_the_tag_is_not_emptied(
    means: Means, harvest: Registry, store_of_buckets: Store, place: str
) -> None:
    s3 = store_of_buckets.make(means.hub_account, place, objects=2)
    # moto remembers the tags of a bucket of this name that is gone.
    s3.delete_bucket_tagging(Bucket=place)
    told = delete(means)
    assert told.state is RegionState.FAILED
    assert f"a bucket {place} is there without the tag" in told.message
    assert len(buckets(means)[place].keys) == 2


def queue(means: Means, policy: dict[str, Any] | None = None) -> Callable[[], dict[str, Any]]:
    """Gives the hub's queue a policy, or none; reads what it has."""
    sqs = means.hub("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy) if policy else ""})
    return lambda: json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])


def test_without_a_queue_a_region_is_ready_and_says_that_nobody_is_told(
    means: Means, harvest: Registry, stack_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = sqs_backends[means.hub_account][HOME].queues
    monkeypatch.delitem(held, QUEUE)
    told = deploy(means)
    assert (told.state, told.message) == (
        RegionState.READY,
        "there is no queue a360-inventory in us-east-1: deliveries are found by listing",
    )
    assert "Subscription" not in json.loads(stack_of().template)["Resources"]


def test_the_hubs_queue_takes_what_topics_of_opt_in_regions_say(means: Means, harvest: Registry) -> None:
    policy = queue(means)
    assert deploy(means) == RegionOutcome(HOME, RegionState.READY)
    (ours,) = policy()["Statement"]
    assert ours["Principal"]["Service"] == ["sns.amazonaws.com", f"sns.{OPT_IN}.amazonaws.com"]
    assert ours["Condition"] == {"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:*:{means.hub_account}:a360-harvest-*"]}}


def test_the_queues_policy_grows_and_what_others_wrote_stays(means: Means, stand_in: StandIn) -> None:
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = queue(means, {"Version": "2012-10-17", "Id": "Hub", "Statement": [theirs]})
    listen(means, ["me-south-1"])
    listen(means, [OPT_IN])
    told = policy()
    assert (told["Id"], told["Statement"][0]) == ("Hub", theirs)
    assert told["Statement"][1]["Principal"]["Service"] == [
        "sns.amazonaws.com",
        f"sns.{OPT_IN}.amazonaws.com",
        "sns.me-south-1.amazonaws.com",
    ]
    before = calls(stand_in)
    listen(means, ["me-south-1", HOME])
    assert "sqs:SetQueueAttributes" not in calls(stand_in) - before
