"""Stacks of the sandbox: everything that a template says is there, and how they end when something goes wrong."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.hub import DEAD_LETTER_QUEUE, QUEUE
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.policies import allows
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
TINY = Sizes(keys=6, instances=2, applications=3, patches=3, others=6, objects=40)
REGION = "eu-central-2"
TO = "stack-destination"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    organization = Organization.seeded(now=NOW, sizes=TINY, accounts=2)
    with serve(organization, bucket=BUCKET, member_role=ROLE, inventory_bucket="a360-inventory") as stand_in:
        yield stand_in


@pytest.fixture
def clients(stand_in: StandIn) -> Iterator[Clients]:
    clients = Clients(stand_in)
    yield clients
    clients.close()


def template(account_id: str, *, may_publish: bool = True, raw: bool = False) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}}
    from_bucket = {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{TO if may_publish else 'another'}"}}
    topic_policy = allowed | {"Action": "sns:Publish", "Resource": {"Ref": "Topic"}, "Condition": from_bucket}
    bucket_policy = allowed | {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{TO}/*"}
    notification = {
        "Event": "s3:ObjectCreated:*",
        "Topic": {"Ref": "Topic"},
        "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": "manifest.checksum"}]}},
    }
    rule = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    resources = {
        "Bucket": (
            "AWS::S3::Bucket",
            {
                "BucketName": TO,
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "RestrictPublicBuckets": True},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]},
                "LifecycleConfiguration": {"Rules": [{"Id": "a", "Status": "Enabled", "ExpirationInDays": 9}]},
                "NotificationConfiguration": {"TopicConfigurations": [notification]},
            },
        ),
        "BucketPolicy": (
            "AWS::S3::BucketPolicy",
            {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [bucket_policy]}},
        ),
        "Topic": ("AWS::SNS::Topic", {"TopicName": "stack-topic", "Tags": [{"Key": "own", "Value": "yes"}]}),
        "TopicPolicy": (
            "AWS::SNS::TopicPolicy",
            {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": topic_policy}},
        ),
        "Subscription": (
            "AWS::SNS::Subscription",
            {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": f"arn:aws:sqs:us-east-1:{account_id}:{QUEUE}",
                "RawMessageDelivery": raw,
            },
        ),
    }
    made = {name: {"Type": kind, "Properties": properties} for name, (kind, properties) in resources.items()}
    made["Bucket"]["DependsOn"] = "TopicPolicy"
    return {"Resources": made, "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}}}


def make(stand_in: StandIn, clients: Clients, **how: bool) -> Any:
    """A client of CloudFormation, in a region where the stack was asked for."""
    client = clients.hub("cloudformation", REGION)
    body = json.dumps(template(stand_in.organization.management.id, **how))
    client.create_stack(StackName="one", TemplateBody=body, Tags=[{"Key": "a360:harvest", "Value": "h"}])
    return client


def status(client: Any) -> str:
    return str(client.describe_stacks(StackName="one")["Stacks"][0]["StackStatus"])


def reasons(client: Any) -> list[tuple[str, str, str]]:
    events = client.describe_stack_events(StackName="one")["StackEvents"]
    return [
        (event["LogicalResourceId"], event["ResourceStatus"], event["ResourceStatusReason"])
        for event in events
        if event["ResourceStatus"].endswith("FAILED") and event["LogicalResourceId"] != "one"
    ]


def buckets(clients: Clients) -> set[str]:
    return {each["Name"] for each in clients.hub("s3").list_buckets()["Buckets"]}


def told(clients: Clients) -> list[dict[str, Any]]:
    """The bodies of all messages in the hub's queue."""
    sqs = clients.hub("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    bodies = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def test_what_moto_skips_is_there_and_bears_the_tags_of_the_stack(stand_in: StandIn, clients: Clients) -> None:
    client, s3 = make(stand_in, clients), clients.hub("s3")
    assert status(client) == "CREATE_COMPLETE"
    assert json.loads(s3.get_bucket_policy(Bucket=TO)["Policy"])["Statement"][0]["Resource"] == f"arn:aws:s3:::{TO}/*"
    blocked = s3.get_public_access_block(Bucket=TO)["PublicAccessBlockConfiguration"]
    assert (blocked["BlockPublicAcls"], blocked["IgnorePublicAcls"]) == (True, False)
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=TO)["Rules"]
    assert (rule["ID"], rule["Expiration"]) == ("a", {"Days": 9})
    assert s3.get_bucket_ownership_controls(Bucket=TO)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    (encryption,) = s3.get_bucket_encryption(Bucket=TO)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    tagging = clients.hub("resourcegroupstaggingapi", REGION)
    tagged = tagging.get_resources(TagFilters=[{"Key": "a360:harvest", "Values": ["h"]}])["ResourceTagMappingList"]
    assert {each["ResourceARN"].split(":")[2] for each in tagged} == {"s3", "sns", "cloudformation"}
    topic = next(each for each in tagged if ":sns:" in each["ResourceARN"])
    assert {"Key": "own", "Value": "yes"} in topic["Tags"]
    policy = clients.hub("sns", REGION).get_topic_attributes(TopicArn=topic["ResourceARN"])["Attributes"]["Policy"]
    source = {"aws:sourcearn": f"arn:aws:s3:::{TO}"}
    assert allows(policy, "s3.amazonaws.com", "sns:Publish", topic["ResourceARN"], source)


@pytest.mark.parametrize("raw", [False, True])
def test_a_delivery_is_told_of_in_the_queue_of_another_region(stand_in: StandIn, clients: Clients, raw: bool) -> None:
    """I5, I6. Some events are of multipart uploads, and keys come encoded."""
    make(stand_in, clients, raw=raw)
    s3, organization = clients.hub("s3"), stand_in.organization
    wanted = set()
    for (owner, bucket), content in organization.contents.items():
        if owner == organization.management.id and content.bucket.region == REGION:
            for number in range(4):
                destination = {"Bucket": f"arn:aws:s3:::{TO}", "Format": "CSV", "Prefix": f"a b+{number}"}
                s3.put_bucket_inventory_configuration(
                    Bucket=bucket,
                    Id="x",
                    InventoryConfiguration={
                        "Id": "x",
                        "IsEnabled": True,
                        "IncludedObjectVersions": "All",
                        "Schedule": {"Frequency": "Daily"},
                        "Destination": {"S3BucketDestination": destination},
                    },
                )
                done = stand_in.deliverer.deliver(dt.date(2026, 11, 20 + number))
                wanted |= {each.manifest_key.replace(".json", ".checksum") for each in done.delivered}
    bodies = told(clients)
    if not raw:
        assert {body["Type"] for body in bodies} == {"Notification"}
        bodies = [json.loads(body["Message"]) for body in bodies]
    records = [record for body in bodies for record in body["Records"]]
    keys = [record["s3"]["object"]["key"] for record in records]
    assert {unquote_plus(key) for key in keys} == wanted
    assert len(keys) == len(wanted) > 4
    assert all(key.startswith("a+b%2B") and "/" in key for key in keys)
    assert {record["eventName"] for record in records} == {
        "ObjectCreated:Put",
        "ObjectCreated:CompleteMultipartUpload",
    }


def test_a_stack_stays_while_its_bucket_holds_something_and_says_so(stand_in: StandIn, clients: Clients) -> None:
    client, s3 = make(stand_in, clients), clients.hub("s3")
    s3.put_object(Bucket=TO, Key="left", Body=b"x")
    client.delete_stack(StackName="one")
    assert status(client) == "DELETE_FAILED"
    assert [(name, state) for name, state, _ in reasons(client)] == [("Bucket", "DELETE_FAILED")]
    assert "not empty" in reasons(client)[0][2]
    assert [
        each["LogicalResourceId"] for each in client.list_stack_resources(StackName="one")["StackResourceSummaries"]
    ] == ["Bucket"]
    s3.delete_object(Bucket=TO, Key="left")
    client.delete_stack(StackName="one")
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName="one")
    assert TO not in buckets(clients)
    sns = clients.hub("sns", REGION)
    assert (sns.list_topics()["Topics"], sns.list_subscriptions()["Subscriptions"]) == ([], [])
    # Asked of what is gone, moto would make it once more.
    gone = [each for each in client.list_stacks()["StackSummaries"] if each["StackName"] == "one"]
    assert [each["StackStatus"] for each in gone] == ["DELETE_COMPLETE"]
    client.describe_stacks(StackName=gone[0]["StackId"])
    assert TO not in buckets(clients)


@pytest.mark.parametrize("how", ["fault", "name", "policy"])
def test_a_stack_that_cannot_be_made_is_rolled_back_and_says_why(stand_in: StandIn, clients: Clients, how: str) -> None:
    if how == "fault":
        stand_in.faults.set(failing_stacks={REGION: "the region has no room"})
    if how == "name":
        clients.hub("s3").create_bucket(Bucket=TO)
    client = make(stand_in, clients, may_publish=how != "policy")
    assert status(client) == "ROLLBACK_COMPLETE"
    (reason,) = {reason for _, _, reason in reasons(client)}
    said = {"fault": "no room", "name": "already exists", "policy": "Unable to validate"}
    assert said[how] in reason
    assert (TO in buckets(clients)) == (how == "name")
    assert clients.hub("sns", REGION).list_topics()["Topics"] == []
    with pytest.raises(ClientError, match="can not be updated"):
        client.update_stack(StackName="one", TemplateBody=json.dumps(template("1")))
    with pytest.raises(client.exceptions.AlreadyExistsException):
        make(stand_in, clients)
    elsewhere = clients.hub("cloudformation")
    elsewhere.create_stack(StackName="two", TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}')
    assert elsewhere.describe_stacks(StackName="two")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_a_stack_is_changed_where_it_differs_and_keeps_who_listens(stand_in: StandIn, clients: Clients) -> None:
    client, s3 = make(stand_in, clients), clients.hub("s3")
    changed = template(stand_in.organization.management.id)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        client.update_stack(StackName="one", TemplateBody=json.dumps(changed))
    changed["Resources"]["Topic"]["Properties"]["DisplayName"] = "Deliveries"
    del changed["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]
    tags = [{"Key": "a360:harvest", "Value": "other"}]
    client.update_stack(StackName="one", TemplateBody=json.dumps(changed), Tags=tags)
    assert status(client) == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="lifecycle"):
        s3.get_bucket_lifecycle_configuration(Bucket=TO)
    assert tags[0] in s3.get_bucket_tagging(Bucket=TO)["TagSet"]
    sns = clients.hub("sns", REGION)
    arn = sns.list_topics()["Topics"][0]["TopicArn"]
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Deliveries"
    assert len(sns.list_subscriptions()["Subscriptions"]) == 1


def test_the_hub_has_its_queue_and_a_place_for_dead_letters(stand_in: StandIn, clients: Clients) -> None:
    sqs = clients.hub("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(f":{DEAD_LETTER_QUEUE}")
    assert stand_in.organization.management.id in attributes["RedrivePolicy"]
    assert "a360-inventory" in buckets(clients)


def test_the_role_of_harvests_is_assumed_as_the_member_role_is(stand_in: StandIn, clients: Clients) -> None:
    account_id = stand_in.organization.accounts[1].id
    given = clients.signed(clients.assume(account_id, "a360-harvest"), "sts").get_caller_identity()
    assert given["Account"] == account_id
    with pytest.raises(ClientError) as error:
        clients.assume(account_id, "a360-harvest", "wrong")
    assert error.value.response["Error"]["Code"] == "AccessDenied"
