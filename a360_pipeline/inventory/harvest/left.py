"""What is left of a harvest: everything that it made is looked for, and a look that fails proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import AWS_ERRORS, error_code, error_message, explain
from a360_pipeline.inventory.harvest.planned import configuration_id
from a360_pipeline.inventory.harvest.rows import BucketRow, RegionRow
from a360_pipeline.inventory.harvest.states import Way
from a360_pipeline.inventory.harvest.template import TAG
from a360_pipeline.inventory.means import Means

THREADS = 8
NOT_THERE = frozenset({"404", "NoSuchBucket", "NoSuchConfiguration", "NotFound", "NotFoundException", "NoSuchTopic"})


def left_of(means: Means, harvest_id: str, regions: Sequence[RegionRow], buckets: Sequence[BucketRow]) -> list[str]:
    """Everything of a harvest that is there, by name, and everything that could not be looked for, with the reason.

    Stacks and destination buckets are looked for by name (CloudFormation DescribeStacks, S3 HeadBucket), the rest of
    what is tagged by its tag (Resource Groups Tagging API GetResources), configurations at each bucket that may have
    one (S3 GetBucketInventoryConfiguration).
    """
    looks: list[tuple[str, Callable[[], Iterable[str]]]] = [
        *((f"what is tagged in {row.region}", _tagged(means, harvest_id, row.region)) for row in regions),
        *((f"stack {row.stack_name} in {row.region}", _stack(means, harvest_id, row)) for row in regions),
        *((f"bucket {row.destination_bucket} in {row.region}", _destination(means, row)) for row in regions),
        *(
            (f"configuration of {row.bucket} in account {row.account_id}", _configuration(means, harvest_id, row))
            for row in buckets
            if row.way is Way.CONFIGURED
        ),
    ]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="left") as pool:
        found = [line for lines in pool.map(lambda look: _looked(*look), looks) for line in lines]
    return list(dict.fromkeys(found))


def _looked(what: str, look: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(look())
    except AWS_ERRORS as error:
        return [f"{what}: it cannot be looked for: {explain(error)}"]


def _stack(means: Means, harvest_id: str, row: RegionRow) -> Callable[[], Iterable[str]]:
    def look() -> Iterator[str]:
        client = means.hub("cloudformation", row.region)
        try:
            stacks = client.describe_stacks(StackName=row.stack_name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no code of its own for it.
            if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
                return
            raise
        for stack in stacks:
            if stack["StackStatus"] != "DELETE_COMPLETE" and is_tagged(stack.get("Tags", ()), harvest_id):
                yield f"stack {row.stack_name} in {row.region} is {stack['StackStatus']}"

    return look


def _destination(means: Means, row: RegionRow) -> Callable[[], Iterable[str]]:
    def look() -> Iterator[str]:
        client = means.hub("s3", row.region)
        if _is_there(lambda: client.head_bucket(Bucket=row.destination_bucket)):
            yield f"bucket {row.destination_bucket} in {row.region}"

    return look


def _configuration(means: Means, harvest_id: str, row: BucketRow) -> Callable[[], Iterable[str]]:
    def look() -> Iterator[str]:
        client = means.member("s3", row.account_id, row.region or means.settings.home_region)
        name = row.configuration_id or configuration_id(harvest_id)
        if _is_there(lambda: client.get_bucket_inventory_configuration(Bucket=row.bucket, Id=name)):
            yield f"configuration {name} of bucket {row.bucket} in account {row.account_id}"

    return look


def _tagged(means: Means, harvest_id: str, region: str) -> Callable[[], Iterable[str]]:
    def look() -> Iterator[str]:
        for arn, _ in tagged_in(means, region, harvest_id):
            if is_really_there(means, region, arn):
                yield arn

    return look


def tagged_in(means: Means, region: str, harvest_id: str | None = None) -> Iterator[tuple[str, str]]:
    """ARNs of what is tagged with a harvest, or with any, and the harvest's id: GetResources, to its last page."""
    client = means.hub("resourcegroupstaggingapi", region)
    wanted = {"Key": TAG, **({"Values": [harvest_id]} if harvest_id else {})}
    for page in client.get_paginator("get_resources").paginate(TagFilters=[wanted]):
        for found in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
            if TAG in tags:
                yield found["ResourceARN"], tags[TAG]


def is_really_there(means: Means, region: str, arn: str) -> bool:
    """Tags are told of for a while after what bore them is gone: what can be asked is asked. Raises ClientError."""
    service, _, name = arn.split(":", 2)[2].partition(":")
    match service:
        case "s3":
            return _is_there(lambda: means.hub("s3", region).head_bucket(Bucket=name.rpartition(":")[2]))
        case "sns":
            return _is_there(lambda: means.hub("sns", region).get_topic_attributes(TopicArn=arn))
        case "cloudformation":
            stacks = means.hub("cloudformation", region).describe_stacks(StackName=arn)["Stacks"]
            return any(stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks)
    return True


def is_tagged(tags: Iterable[dict[str, Any]], harvest_id: str) -> bool:
    """Whether a list of tags says that this harvest made it."""
    return any(tag["Key"] == TAG and tag["Value"] == harvest_id for tag in tags)


def _is_there(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except ClientError as error:
        if error_code(error) in NOT_THERE:
            return False
        raise
    return True
