"""What a harvest makes in a region of the hub's account: a destination bucket that tells the hub's queue of deliveries.

The template is data; so is the policy by which the hub's queue takes what the topics of harvests say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from a360_pipeline.inventory.harvest.planned import OURS

TAG = "a360:harvest"
"""What everything that a harvest makes is tagged with; the value is the harvest's id."""
QUEUE = "a360-inventory"
"""Name of the hub's queue, in its home region."""
MANIFEST = "manifest.checksum"
"""S3 writes it last: the rest of a delivery is there."""
DAYS_KEPT = 14
"""Days after its time limit in which a delivery can still be looked at: the second net below clean-up."""
LARGEST_POLICY = 20 * 1024
"""Bytes that S3 takes as a bucket policy."""
WITHOUT_OPT_IN = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Regions of the partition `aws` that every account has. No other will ever join them: all since 2019 are opt-in."""

Template = dict[str, Any]
Policy = dict[str, Any]


class TooManyAccounts(ValueError):
    """A bucket policy cannot name so many accounts. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of a region, as its template makes it."""

    harvest_id: str
    region: str
    partition: str
    hub_account: str
    bucket: str
    source_accounts: tuple[str, ...]
    """Those whose buckets may deliver."""
    queue_arn: str | None
    """Of the hub's queue; None: nobody is told, and deliveries are found by listing."""
    kms_key: str | None
    days: int
    """After how many days whatever is left there expires."""

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def topic_name(self) -> str:
        return topic_name(self.harvest_id)


def topic_name(harvest_id: str) -> str:
    """Of the topic that a harvest has in each of its regions."""
    return f"{OURS}harvest-{harvest_id}"


def topics_of_harvests(partition: str, hub_account: str) -> str:
    """A pattern that the ARNs of the topics of all harvests have, and no other."""
    return f"arn:{partition}:sns:*:{hub_account}:{topic_name('*')}"


def region_template(to: Destination) -> Template:
    """The CloudFormation template of a region. Raises TooManyAccounts."""
    subscription = {} if to.queue_arn is None else {"Subscription": _subscription(to.queue_arn)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Destination of the S3 inventories of harvest {to.harvest_id} in {to.region}",
        "Resources": {
            "Destination": _bucket(to),
            "DestinationPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Destination"}, "PolicyDocument": bucket_policy(to)},
            },
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"TopicName": to.topic_name, "Tags": _tags(to)},
            },
            "TopicPolicy": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": _topic_policy(to)},
            },
            **subscription,
        },
        "Outputs": {"Bucket": {"Value": {"Ref": "Destination"}}, "Topic": {"Value": {"Ref": "Topic"}}},
    }


def _tags(to: Destination) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": to.harvest_id}]


def _bucket(to: Destination) -> dict[str, Any]:
    own = {"SSEAlgorithm": "AES256"}
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": to.kms_key}
    rule = {"ServerSideEncryptionByDefault": key if to.kms_key else own, "BucketKeyEnabled": bool(to.kms_key)}
    return {
        "Type": "AWS::S3::Bucket",
        # S3 tries the topic when it is told of it, so S3 has to be allowed to publish by then.
        "DependsOn": ["TopicPolicy"],
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "BucketName": to.bucket,
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "SecondNet",
                        "Status": "Enabled",
                        "ExpirationInDays": to.days,
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    }
                ]
            },
            "NotificationConfiguration": {
                "TopicConfigurations": [
                    {
                        "Event": "s3:ObjectCreated:*",
                        "Topic": {"Ref": "Topic"},
                        "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": MANIFEST}]}},
                    }
                ]
            },
            "Tags": _tags(to),
        },
    }


def bucket_policy(to: Destination) -> Policy:
    """Only over TLS, and S3 itself writes only for the accounts of the harvest. Raises TooManyAccounts."""
    policy = _policy(
        {
            "Sid": "TlsAlone",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [to.bucket_arn, f"{to.bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "InventoriesOfTheHarvest",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{to.bucket_arn}/{to.harvest_id}/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": sorted(to.source_accounts)},
                "ArnLike": {"aws:SourceArn": f"arn:{to.partition}:s3:::*"},
            },
        },
    )
    size = len(json.dumps(policy, separators=(",", ":")))
    if size > LARGEST_POLICY:
        raise TooManyAccounts(
            f"the policy of {to.bucket} would name {len(to.source_accounts)} accounts in {size} bytes, and S3 takes "
            f"{LARGEST_POLICY}: divide the accounts between harvests"
        )
    return policy


def _topic_policy(to: Destination) -> Policy:
    return _policy(
        {
            "Sid": "TheDestinationAlone",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": {"Ref": "Topic"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": to.hub_account},
                "ArnEquals": {"aws:SourceArn": to.bucket_arn},
            },
        }
    )


def _subscription(queue_arn: str) -> dict[str, Any]:
    return {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": queue_arn},
    }


def queue_policy(queue_arn: str, topic_arns: Iterable[str], regions: Iterable[str]) -> Policy:
    """The policy by which a queue takes messages of topics, whose ARNs may be patterns.

    A topic of an opt-in region comes under the name of SNS in that region; of all others SNS has one name.
    """
    own = sorted(f"sns.{region}.amazonaws.com" for region in regions if is_opt_in(queue_arn.split(":")[1], region))
    return _policy(
        {
            "Sid": "TopicsOfHarvests",
            "Effect": "Allow",
            "Principal": {"Service": ["sns.amazonaws.com", *own]},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnLike": {"aws:SourceArn": sorted(topic_arns)}},
        }
    )


def is_opt_in(partition: str, region: str) -> bool:
    """Whether accounts have to enable the region."""
    return partition == "aws" and region not in WITHOUT_OPT_IN


def _policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}
