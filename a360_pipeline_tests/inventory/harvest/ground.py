"""A harvest that waits: its destination bucket, the hub's queues, and deliveries in them, as S3 would bring them."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any
from urllib.parse import quote_plus
from urllib.request import urlopen

from a360_pipeline.inventory.harvest.arrivals import Found, find_arrivals
from a360_pipeline.inventory.harvest.keeping import catalog_of
from a360_pipeline.inventory.harvest.notices import DEAD_LETTERS
from a360_pipeline.inventory.harvest.planned import PlannedBucket
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, Way
from a360_pipeline.inventory.harvest.take import take
from a360_pipeline.inventory.harvest.template import QUEUE
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import BucketPlace
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.inventory.deliveries import BARE, ROWS, announce, deliver
from a360_pipeline_tests.inventory.harvest.conftest import HOME, asked_for, planned

DESTINATION = "a360-spring-destination"
DAY = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)


class Ground:
    """The hub with its queues and buckets, and what S3 does there."""

    def __init__(self, means: Means, registry: Registry, destination: str = DESTINATION) -> None:
        self.means, self.registry, self.destination = means, registry, destination
        self.s3, self.sqs = means.hub("s3"), means.hub("sqs")
        self.place = BucketPlace(self.s3, destination)
        for bucket in (destination, means.settings.inventory_bucket):
            self.s3.create_bucket(Bucket=bucket)
        self.queue, self.dead_letters = (
            self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in (QUEUE, DEAD_LETTERS)
        )

    def bucket(self, account_id: str, bucket: str, run_id: str = "spring", way: Way = Way.CONFIGURED) -> PlannedBucket:
        prefix = f"{run_id}/{account_id}/{bucket}/a360-{run_id}/"
        return PlannedBucket(
            account_id,
            bucket,
            HOME,
            way,
            BucketState.IN_PROGRESS,
            configuration_id=f"a360-{run_id}",
            destination_bucket=self.destination,
            destination_prefix=prefix if way is Way.CONFIGURED else f"theirs/{bucket}/daily/",
        )

    def harvest(self, *buckets: PlannedBucket, run_id: str = "spring", **fields: Any) -> list[BucketRow]:
        """A harvest of these buckets that waits for deliveries."""
        self.registry.create(asked_for(run_id, **fields), planned(run_id, *buckets, regions=()))
        self.registry.move(run_id, HarvestState.DEPLOYING)
        self.registry.move(run_id, HarvestState.WAITING)
        return self.registry.buckets(run_id)

    def deliver(self, row: BucketRow, at: dt.datetime = DAY, count: int = 10, **options: Any) -> str:
        """A delivery of so many objects under the bucket's prefix; the key of its manifest."""
        rows = [{**each, "bucket": row.bucket} for each in ROWS[:count]]
        folder = str(row.destination_prefix).rstrip("/")
        key = deliver(self.place, rows, fields=BARE, created=at, folder=folder, **options)
        manifest = json.loads(self.place.read(key))
        return announce(self.place, {**manifest, "sourceBucket": row.bucket}, key)

    def tell(self, manifest_key: str, **options: Any) -> None:
        """What the queue is told of a delivery."""
        self.send(enveloped(event_of(self.destination, f"{manifest_key.removesuffix('json')}checksum", **options)))

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def messages(self, queue: str) -> int:
        """Messages that a queue holds, also those that somebody has received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(told[name]) for name in names)

    def reasons(self) -> list[str]:
        """Why messages lie among the dead letters."""
        found = self.sqs.receive_message(
            QueueUrl=self.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["reason"], VisibilityTimeout=0
        )
        return [one["MessageAttributes"]["reason"]["StringValue"] for one in found.get("Messages", ())]

    def found(self, **options: Any) -> Found:
        return find_arrivals(self.means, self.registry, **options)

    def take_all(self) -> list[DeliveryRow]:
        return [take(self.means, self.registry, arrival) for arrival in self.found().arrivals]

    def state(self, row: BucketRow) -> BucketRow:
        return self.registry.bucket(row.harvest_id, row.account_id, row.bucket)

    def partitions(self, run_id: str = "spring") -> dict[tuple[str, ...], str]:
        """Where each partition of the table points."""
        catalog = catalog_of(self.means, self.registry.harvest(run_id))
        return {tuple(one.values): one.location for one in catalog.partitions()}


def event_of(bucket: str, key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """As S3 tells of an object; keys are encoded as forms are."""
    told = {"bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": {"key": quote_plus(key, safe="/")}}
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": told}]}


def enveloped(event: Any) -> str:
    """As SNS passes it on."""
    text = event if isinstance(event, str) else json.dumps(event)
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": text})


def calls_of(stand_in: StandIn) -> Counter[str]:
    """What was called until now, by action."""
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return Counter(json.load(response)["by_action"])
