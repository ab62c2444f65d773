"""The stacks of a harvest: what it has in each region is made and removed, and a region that fails stops no other."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code, explain
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.asking import partition_of
from a360_pipeline.inventory.harvest.emptiness import Emptied, empty
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import Harvest, RegionRow
from a360_pipeline.inventory.harvest.stack import (
    CHANGEABLE,
    PACE,
    Pace,
    Stack,
    StackFailed,
    StackOfAnother,
    StillWorking,
)
from a360_pipeline.inventory.harvest.states import RegionState
from a360_pipeline.inventory.harvest.template import (
    DAYS_KEPT,
    QUEUE,
    TAG,
    Destination,
    Policy,
    TooManyAccounts,
    queue_policy,
    region_template,
    topics_of_harvests,
)
from a360_pipeline.inventory.means import Means

log = logging.getLogger(__name__)

NO_BUCKET = frozenset({"NoSuchBucket", "404"})
NO_TAGS = frozenset({"NoSuchTagSet", "NoSuchTagSetError"})
NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
OURS_TO_SAY = (StackFailed, StackOfAnother, StillWorking, TooManyAccounts)
"""Errors whose message is for people as it is."""


@dataclass(frozen=True, slots=True)
class RegionOutcome:
    """What came of a region: `ready` or `gone` where it went well; `deploying` or `deleting` where it still goes on."""

    region: str
    state: RegionState
    message: str = ""

    @property
    def is_good(self) -> bool:
        return self.state in (RegionState.READY, RegionState.GONE)


Work = Callable[[Means, Harvest, RegionRow, Pace], RegionOutcome]


def deploy_region(means: Means, harvest_id: str, region: str, pace: Pace = PACE) -> RegionOutcome:
    """Makes the stack of a region, or brings it to what the plan says; again it changes nothing.

    Operations, in the hub's account: CloudFormation DescribeStacks, CreateStack, GetTemplate, UpdateStack,
    DescribeStackEvents and what `delete_region` takes, for a stack that is past repair; SQS GetQueueUrl,
    GetQueueAttributes, SetQueueAttributes. Raises nothing: whatever went wrong is in the outcome and the registry.
    """
    return _recorded(means, harvest_id, region, RegionState.DEPLOYING, _deploy, pace)


def delete_region(means: Means, harvest_id: str, region: str, pace: Pace = PACE) -> RegionOutcome:
    """Empties the destination of a region and removes its stack; where nothing is left, that is so at once.

    Operations, in the hub's account: CloudFormation DescribeStacks, DeleteStack, DescribeStackEvents; S3
    GetBucketTagging, DeleteBucket, and those that emptying takes. Raises nothing, as `deploy_region`.
    """
    return _recorded(means, harvest_id, region, RegionState.DELETING, _delete, pace)


def _recorded(means: Means, harvest_id: str, region: str, during: RegionState, work: Work, pace: Pace) -> RegionOutcome:
    try:
        with means.connect() as connection:
            registry = Registry(connection)
            harvest, row = registry.harvest(harvest_id), registry.set_region(harvest_id, region, during)
        outcome = _outcome(means, harvest, row, during, work, pace)
        with means.connect() as connection:
            Registry(connection).set_region(harvest_id, region, outcome.state, outcome.message)
    except Exception as error:  # The registry is out of reach: the other regions have their own try.
        log.error("harvest %s, %s: %s", harvest_id, region, error, exc_info=True)
        return RegionOutcome(region, RegionState.FAILED, f"{type(error).__name__}: {error}")
    return outcome


def _outcome(
    means: Means, harvest: Harvest, row: RegionRow, during: RegionState, work: Work, pace: Pace
) -> RegionOutcome:
    try:
        return work(means, harvest, row, pace)
    except OURS_TO_SAY as error:
        state = during if isinstance(error, StillWorking) else RegionState.FAILED
        return RegionOutcome(row.region, state, str(error))
    except Exception as error:  # Whatever it is, it is this region's, and the registry says so.
        log.error("harvest %s, %s: %s", harvest.harvest_id, row.region, error, exc_info=True)
        return RegionOutcome(row.region, RegionState.FAILED, explain(error))


def _deploy(means: Means, harvest: Harvest, row: RegionRow, pace: Pace) -> RegionOutcome:
    hub = means.sessions.hub().at(row.region)
    queue_arn = listen(means, [one["region"] for one in harvest.plan["regions"]])
    template = region_template(_destination(means, harvest, row, queue_arn))
    stack = Stack(hub, row.stack_name, harvest.harvest_id, pace)
    status = stack.status()
    if status is not None and status not in CHANGEABLE:
        _remove(stack, hub, means.hub_account, harvest.harvest_id, row.destination_bucket)
        status = None
    if status is None:
        stack.make(template)
    else:
        stack.change(template)
    unheard = f"there is no queue {QUEUE} in {means.settings.home_region}: deliveries are found by listing"
    return RegionOutcome(row.region, RegionState.READY, unheard if queue_arn is None else "")


def _destination(means: Means, harvest: Harvest, row: RegionRow, queue_arn: str | None) -> Destination:
    planned = next(one for one in harvest.plan["regions"] if one["region"] == row.region)
    return Destination(
        harvest_id=harvest.harvest_id,
        region=row.region,
        partition=partition_of(means),
        hub_account=means.hub_account,
        bucket=row.destination_bucket,
        source_accounts=tuple(harvest.plan["source_accounts"]),
        queue_arn=queue_arn,
        kms_key=planned["kms_key"],
        days=ceil(harvest.request["time_limit_hours"] / 24) + DAYS_KEPT,
    )


def _delete(means: Means, harvest: Harvest, row: RegionRow, pace: Pace) -> RegionOutcome:
    hub = means.sessions.hub().at(row.region)
    stack = Stack(hub, row.stack_name, harvest.harvest_id, pace)
    # Whose it is comes first: nothing of another's is emptied.
    is_there = stack.status() is not None
    place = (hub, means.hub_account, harvest.harvest_id, row.destination_bucket)
    emptied = _remove(stack, *place) if is_there else _empty_ours(*place)
    if emptied is None:
        return RegionOutcome(row.region, RegionState.GONE)
    if _empty_ours(*place) is not None:
        hub.call("s3", "delete_bucket", Bucket=row.destination_bucket, ExpectedBucketOwner=means.hub_account)
    return RegionOutcome(row.region, RegionState.GONE, f"{emptied.removed} versions removed with the bucket")


def _remove(stack: Stack, hub: AccountSession, owner: str, harvest_id: str, bucket: str) -> Emptied | None:
    """Empties the stack's bucket and removes the stack; once more where a delivery came in between."""
    emptied = _empty_ours(hub, owner, harvest_id, bucket)
    try:
        stack.remove()
    except StackFailed as error:
        again = _empty_ours(hub, owner, harvest_id, bucket)
        try:
            stack.remove()
        except StackFailed:
            told = "; ".join([str(error), *(again.problems if again else ())])
            raise StackFailed(told) from error
    return emptied


def _empty_ours(hub: AccountSession, owner: str, harvest_id: str, bucket: str) -> Emptied | None:
    """Empties a bucket that bears the harvest's tag; None where there is none. Raises StackOfAnother."""
    try:
        told = hub.call("s3", "get_bucket_tagging", Bucket=bucket, ExpectedBucketOwner=owner)["TagSet"]
    except ClientError as error:
        if error_code(error) in NO_BUCKET:
            return None
        if error_code(error) not in NO_TAGS:
            raise
        told = []
    if {"Key": TAG, "Value": harvest_id} not in told:
        raise StackOfAnother(f"a bucket {bucket} is there without the tag {TAG}={harvest_id}: it is left alone")
    return empty(hub, owner, bucket)


def listen(means: Means, regions: Iterable[str]) -> str | None:
    """Lets the hub's queue take what the topics of harvests in these regions say; the ARN of the queue.

    Operations: SQS GetQueueUrl, GetQueueAttributes, SetQueueAttributes. None where the hub has no queue. The policy
    only ever names more regions, and whatever others wrote into it stays. Raises ClientError.
    """
    home = means.sessions.hub()
    try:
        url = home.call("sqs", "get_queue_url", QueueName=QUEUE)["QueueUrl"]
    except ClientError as error:
        if error_code(error) in NO_QUEUE:
            return None
        raise
    asked = {"QueueUrl": url, "AttributeNames": ["QueueArn", "Policy"]}
    held = home.call("sqs", "get_queue_attributes", **asked)["Attributes"]
    arn: str = held["QueueArn"]
    pattern = topics_of_harvests(partition_of(means), means.hub_account)
    wanted = queue_policy(arn, [pattern], regions)
    policy = json.loads(held["Policy"]) if held.get("Policy") else None
    merged = _merged(policy, wanted)
    if merged != policy:
        home.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": json.dumps(merged)})
    return arn


def _merged(held: Policy | None, wanted: Policy) -> Policy:
    """The policy that is held with our statement in it, which names the services of both."""
    (ours,) = wanted["Statement"]
    statements: list[dict[str, Any]] = (held or {}).get("Statement", [])
    services = set(ours["Principal"]["Service"])
    for one in statements:
        if one.get("Sid") == ours["Sid"]:
            told = one["Principal"]["Service"]
            services |= {told} if isinstance(told, str) else set(told)
    others = [one for one in statements if one.get("Sid") != ours["Sid"]]
    return {**(held or wanted), "Statement": [*others, {**ours, "Principal": {"Service": sorted(services)}}]}
