"""Resources of stacks as CloudFormation makes them: moto skips some, and of others most properties.

moto finds these classes by itself, and takes the last of a type, so this has to be imported before the first stack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.s3.cloud_formation import cfn_to_api_encryption
from moto.s3.models import FakeBucket, PublicAccessBlock, s3_backends
from moto.sns.models import Topic, sns_backends

from a360_pipeline.sandbox.identity import PARTITION
from a360_pipeline.sandbox.policies import allows

S3 = "s3.amazonaws.com"
LARGEST_POLICY = 20 * 1024
"""Bytes of a bucket's policy."""
NOTIFIED = (("TopicConfigurations", "Topic"), ("QueueConfigurations", "Queue"))
TOPIC_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId")

Properties = Mapping[str, Any]


class NotMade(Exception):
    """A resource cannot be made, changed or removed. The message is CloudFormation's reason."""


class StackBucket(CloudFormationModel):
    """AWS::S3::Bucket, whose instances are moto's buckets."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "BucketName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::Bucket"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return FakeBucket.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_kwargs: Any
    ) -> FakeBucket:
        if resource_name in s3_backends.bucket_accounts:
            raise NotMade(f"{resource_name} already exists")
        properties = cloudformation_json["Properties"]
        _require_publishable(account_id, resource_name, properties)
        bucket = s3_backends[account_id][PARTITION].create_bucket(resource_name, region_name)
        configure_bucket(bucket, properties)
        return bucket

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: FakeBucket,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> FakeBucket:
        properties = cloudformation_json["Properties"]
        if properties.get("BucketName", original_resource.name) != original_resource.name:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            cls.delete_from_cloudformation_json(original_resource.name, cloudformation_json, account_id, region_name)
            return made
        _require_publishable(account_id, original_resource.name, properties)
        configure_bucket(original_resource, properties)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's signature
        account_id: str,
        region_name: str,  # noqa: ARG003 - others need it
    ) -> None:
        s3 = s3_backends[account_id][PARTITION]
        if resource_name in s3.buckets and s3.delete_bucket(resource_name) is None:
            problem = "The bucket you tried to delete is not empty"
            raise NotMade(f"{problem} (Service: S3, Status Code: 409, Request ID: {resource_name})")


class StackTopic(CloudFormationModel):
    """AWS::SNS::Topic, whose instances are moto's topics. moto makes a changed one anew and loses who listens."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "TopicName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::Topic"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return Topic.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_kwargs: Any
    ) -> Topic:
        sns, properties = sns_backends[account_id][region_name], cloudformation_json["Properties"]
        if any(topic.name == resource_name for topic in sns.topics.values()):
            raise NotMade(f"{resource_name} already exists")
        topic = sns.create_topic(resource_name, _topic_attributes(properties))
        for each in properties.get("Subscription", ()):
            sns.subscribe(topic.arn, each["Endpoint"], each["Protocol"])
        return topic

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Topic,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Topic:
        properties = cloudformation_json["Properties"]
        if properties.get("TopicName", original_resource.name) != original_resource.name:
            original_resource.delete(account_id, region_name)
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        for name, value in (dict.fromkeys(TOPIC_ATTRIBUTES, "") | _topic_attributes(properties)).items():
            sns_backends[account_id][region_name].set_topic_attribute(original_resource.arn, _snake(name), value)
        return original_resource


class Attachment:
    """What belongs to another resource: put there when it is made and when it changes, taken away when it goes."""

    def __init__(self, resource_name: str, properties: Properties, account_id: str, region_name: str) -> None:
        self.physical_resource_id = self.attach(resource_name, properties, account_id, region_name)
        self.properties = properties

    def attach(self, name: str, properties: Properties, account_id: str, region_name: str) -> str:
        """Puts it where it belongs, and returns its physical id."""
        raise NotImplementedError

    def delete(self, account_id: str, region_name: str) -> None:
        raise NotImplementedError

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's signature
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_kwargs: Any
    ) -> Attachment:
        return cls(resource_name, cloudformation_json["Properties"], account_id, region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Attachment,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Attachment:
        original_resource.delete(account_id, region_name)
        return cls(new_resource_name, cloudformation_json["Properties"], account_id, region_name)


class BucketPolicy(Attachment, CloudFormationModel):
    """AWS::S3::BucketPolicy."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    def attach(self, name: str, properties: Properties, account_id: str, region_name: str) -> str:  # noqa: ARG002 - others need it
        written = json.dumps(properties["PolicyDocument"], separators=(",", ":")).encode()
        if len(written) > LARGEST_POLICY:
            raise NotMade("Policy exceeds the maximum allowed document size. (Service: S3, Status Code: 400)")
        bucket = s3_backends[account_id][PARTITION].buckets.get(properties["Bucket"])
        if bucket is None:
            raise NotMade("The specified bucket does not exist (Service: S3, Status Code: 404)")
        bucket.policy = written
        return str(properties["Bucket"])

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - others need it
        bucket = s3_backends[account_id][PARTITION].buckets.get(self.properties["Bucket"])
        if bucket is not None:
            bucket.policy = None


class TopicPolicy(Attachment, CloudFormationModel):
    """AWS::SNS::TopicPolicy."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::TopicPolicy"

    def attach(self, name: str, properties: Properties, account_id: str, region_name: str) -> str:
        for arn in properties["Topics"]:
            sns_backends[account_id][region_name].get_topic(arn).policy = json.dumps(properties["PolicyDocument"])
        return name

    def delete(self, account_id: str, region_name: str) -> None:
        topics = sns_backends[account_id][region_name].topics
        for arn in self.properties["Topics"]:
            if arn in topics:
                own = topics[arn]._create_default_topic_policy(region_name, account_id, topics[arn].name)
                topics[arn].policy = json.dumps(own)


class Subscription(Attachment, CloudFormationModel):
    """AWS::SNS::Subscription, also to a queue of another region."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::Subscription"

    def attach(self, name: str, properties: Properties, account_id: str, region_name: str) -> str:  # noqa: ARG002 - others need it
        sns = sns_backends[account_id][region_name]
        made = sns.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
        # moto takes any word for yes, "false" as well.
        if str(properties.get("RawMessageDelivery", "")).lower() == "true":
            sns.set_subscription_attributes(made.arn, "RawMessageDelivery", "true")
        return made.arn

    def delete(self, account_id: str, region_name: str) -> None:
        sns_backends[account_id][region_name].unsubscribe(self.physical_resource_id)


def configure_bucket(bucket: FakeBucket, properties: Properties) -> None:
    """Everything that the properties say, and nothing more, is how the bucket is then."""
    encryption = properties.get("BucketEncryption")
    bucket.encryption = cfn_to_api_encryption(encryption) if encryption else None
    if encryption and bucket.encryption:
        asked = encryption["ServerSideEncryptionConfiguration"][0].get("BucketKeyEnabled", False)
        bucket.encryption["Rule"]["BucketKeyEnabled"] = str(asked).lower() == "true"
    blocked = properties.get("PublicAccessBlockConfiguration")
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    bucket.public_access_block = PublicAccessBlock(*(blocked.get(name, False) for name in names)) if blocked else None
    owned = properties.get("OwnershipControls", {}).get("Rules")
    bucket.ownership_rule = owned[0]["ObjectOwnership"] if owned else None
    bucket.set_lifecycle([_rule(rule) for rule in properties.get("LifecycleConfiguration", {}).get("Rules", ())])
    if "VersioningConfiguration" in properties:
        bucket.versioning_status = properties["VersioningConfiguration"]["Status"]
    notified = properties.get("NotificationConfiguration", {})
    bucket.set_notification_configuration(
        {
            f"{target}Configuration": [
                {"Event": [each["Event"]], target: each[target], "Filter": _filter(each)} for each in notified[member]
            ]
            for member, target in NOTIFIED
            if member in notified
        }
    )


def tag(resource: Any, account_id: str, tags: Mapping[str, str]) -> None:
    """Replaces the tags of a bucket or a topic; what else there is has none."""
    if isinstance(resource, FakeBucket):
        s3_backends[account_id][PARTITION].put_bucket_tagging(resource.name, dict(tags))
    elif isinstance(resource, Topic):
        resource._tags = dict(tags)


def _require_publishable(account_id: str, bucket: str, properties: Properties) -> None:
    """S3 tries every topic when it is told of it: raises NotMade where it may not publish."""
    context = {
        "aws:sourceaccount": account_id,
        "aws:sourcearn": f"arn:{PARTITION}:s3:::{bucket}",
        "aws:principalisawsservice": "true",
        "aws:securetransport": "true",
    }
    for each in properties.get("NotificationConfiguration", {}).get("TopicConfigurations", ()):
        arn = each["Topic"]
        topic = sns_backends[arn.split(":")[4]][arn.split(":")[3]].topics.get(arn)
        if topic is None or not allows(topic.policy, S3, "sns:Publish", arn, context):
            problem = "Unable to validate the following destination configurations"
            raise NotMade(f"{problem} (Service: S3, Status Code: 400): {arn}")


def _rule(rule: Properties) -> dict[str, Any]:
    """A lifecycle rule as the S3 API has it, from how CloudFormation has it."""
    expiration = {"Days": rule["ExpirationInDays"]} if "ExpirationInDays" in rule else None
    made = {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Expiration": expiration,
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
    }
    return {name: value for name, value in made.items() if value is not None}


def _filter(notification: Properties) -> dict[str, Any]:
    rules = notification.get("Filter", {}).get("S3Key", {}).get("Rules", ())
    return {"S3Key": {"FilterRule": [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]}}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _topic_attributes(properties: Properties) -> dict[str, Any]:
    return {name: properties[name] for name in TOPIC_ATTRIBUTES if name in properties}
