"""The template of a region: what CloudFormation is asked for carries the weight, since no stand-in makes all of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from a360_pipeline.inventory.harvest.template import (
    LARGEST_POLICY,
    Destination,
    TooManyAccounts,
    bucket_policy,
    queue_policy,
    region_template,
    topics_of_harvests,
)

HUB, MEMBERS = "100000000001", ("300000000003", "200000000002")


def destination(region: str = "eu-west-1", partition: str = "aws", **fields: Any) -> Destination:
    home = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition]
    made = Destination(
        harvest_id="spring",
        region=region,
        partition=partition,
        hub_account=HUB,
        bucket="a360-spring-0123456789ab",
        source_accounts=MEMBERS,
        queue_arn=f"arn:{partition}:sqs:{home}:{HUB}:a360-inventory",
        kms_key=None,
        days=17,
    )
    return replace(made, **fields)


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


@pytest.mark.parametrize(
    ("region", "partition", "fields"),
    [
        ("us-east-1", "aws", {}),
        ("eu-west-1", "aws", {"kms_key": f"arn:aws:kms:eu-west-1:{HUB}:key/1a2b3c4d-0000-4000-8000-1a2b3c4d5e6f"}),
        ("eu-central-2", "aws", {}),
        ("me-south-1", "aws", {"queue_arn": None}),
        ("cn-northwest-1", "aws-cn", {}),
        ("us-gov-east-1", "aws-us-gov", {}),
    ],
)
def test_the_template_is_one_that_cloudformation_takes(region: str, partition: str, fields: dict[str, Any]) -> None:
    """I20. By AWS's own specification of resources, in every kind of region."""
    text = json.dumps(region_template(destination(region, partition, **fields)))
    assert lint(text, config=ManualArgs(regions=[region], include_checks=["W", "E"])) == []
    assert len(text) < 51_200


def test_the_destination_takes_inventories_of_the_harvests_accounts_alone() -> None:
    """I18. Others let S3 write for whichever account asks it to."""
    (_, allowed) = bucket_policy(destination())["Statement"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Resource"] == "arn:aws:s3:::a360-spring-0123456789ab/spring/*"
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": sorted(MEMBERS)},
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"},
    }


def test_nobody_speaks_with_the_destination_but_over_tls() -> None:
    denied = bucket_policy(destination())["Statement"][0]
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
    assert denied["Resource"] == ["arn:aws:s3:::a360-spring-0123456789ab", "arn:aws:s3:::a360-spring-0123456789ab/*"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_policy_names_accounts_as_many_as_s3_takes_and_no_more() -> None:
    thousand = tuple(f"{number:012}" for number in range(1_000))
    made = bucket_policy(destination(source_accounts=thousand))
    assert len(json.dumps(made, separators=(",", ":"))) <= LARGEST_POLICY
    with pytest.raises(TooManyAccounts, match=r"2000 accounts .* divide the accounts"):
        region_template(destination(source_accounts=tuple(f"{number:012}" for number in range(2_000))))


def test_the_bucket_is_closed_owned_encrypted_and_expires() -> None:
    made = properties(region_template(destination()), "Destination")
    assert set(made["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(made["PublicAccessBlockConfiguration"]) == 4
    assert made["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert made["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 17
    assert "VersioningConfiguration" not in made
    assert made["Tags"] == [{"Key": "a360:harvest", "Value": "spring"}]
    (rule,) = made["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_key_that_is_there_encrypts_and_none_is_made() -> None:
    key = f"arn:aws:kms:eu-west-1:{HUB}:key/ab"
    template = region_template(destination(kms_key=key))
    (rule,) = properties(template, "Destination")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert rule["BucketKeyEnabled"] is True
    assert "AWS::KMS::Key" not in {each["Type"] for each in template["Resources"].values()}


def test_every_kind_of_created_manifest_is_told_of() -> None:
    """I5. Not of those alone that came in one Put."""
    template = region_template(destination())
    (told,) = properties(template, "Destination")["NotificationConfiguration"]["TopicConfigurations"]
    assert told["Event"] == "s3:ObjectCreated:*"
    assert told["Filter"] == {"S3Key": {"Rules": [{"Name": "suffix", "Value": "manifest.checksum"}]}}
    assert template["Resources"]["Destination"]["DependsOn"] == ["TopicPolicy"]


def test_only_the_destination_publishes_and_only_the_hubs_queue_listens() -> None:
    template = region_template(destination())
    (published,) = properties(template, "TopicPolicy")["PolicyDocument"]["Statement"]
    assert published["Condition"] == {
        "StringEquals": {"aws:SourceAccount": HUB},
        "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::a360-spring-0123456789ab"},
    }
    subscribed = properties(template, "Subscription")
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("sqs", f"arn:aws:sqs:us-east-1:{HUB}:a360-inventory")
    assert "Subscription" not in region_template(destination(queue_arn=None))["Resources"]


def test_topics_of_opt_in_regions_come_under_a_name_of_their_own() -> None:
    queue = f"arn:aws:sqs:us-east-1:{HUB}:a360-inventory"
    pattern = topics_of_harvests("aws", HUB)
    (made,) = queue_policy(queue, [pattern], ["us-east-1", "me-south-1", "eu-central-2"])["Statement"]
    assert made["Principal"]["Service"] == [
        "sns.amazonaws.com",
        "sns.eu-central-2.amazonaws.com",
        "sns.me-south-1.amazonaws.com",
    ]
    assert made["Resource"] == queue
    assert made["Condition"] == {"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:*:{HUB}:a360-harvest-*"]}}


def test_partitions_without_opt_in_have_one_name_for_sns() -> None:
    (made,) = queue_policy(f"arn:aws-cn:sqs:cn-north-1:{HUB}:q", ["x"], ["cn-northwest-1"])["Statement"]
    assert made["Principal"]["Service"] == ["sns.amazonaws.com"]
