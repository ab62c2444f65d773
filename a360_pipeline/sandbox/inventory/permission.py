"""Whether S3 may deliver an inventory to where its configuration says."""

from __future__ import annotations

from moto.kms.models import kms_backends

from a360_pipeline.sandbox.identity import PARTITION
from a360_pipeline.sandbox.inventory.delivery import Delivery
from a360_pipeline.sandbox.policies import allows

S3 = "s3.amazonaws.com"


def refusal(delivery: Delivery) -> str | None:
    """Why S3 does not deliver; None where it does. AWS says it to nobody but the console."""
    destination = delivery.configuration["Destination"]["S3BucketDestination"]
    source = delivery.source
    try:
        target = delivery.target
    except KeyError:
        return f"the destination {destination['Bucket']} does not exist"
    if destination.get("AccountId", target.account_id) != target.account_id:
        return f"the destination {target.name} is not of account {destination['AccountId']}"
    if target.region_name != source.region_name:
        return f"the destination {target.name} is in {target.region_name}, not in {source.region_name}"
    kms_key = destination.get("Encryption", {}).get("SSEKMS", {}).get("KeyId")
    context = {
        "aws:principalisawsservice": "true",
        "aws:securetransport": "true",
        "aws:sourceaccount": source.account_id,
        "aws:sourcearn": f"arn:{PARTITION}:s3:::{source.name}",
        "aws:sourceorgid": delivery.organization.id,
        "s3:tlsversion": "1.3",
        "s3:x-amz-acl": "bucket-owner-full-control",
        "s3:x-amz-server-side-encryption": "aws:kms" if kms_key else "AES256",
    }
    resource = f"arn:{PARTITION}:s3:::{target.name}/{delivery.manifest_key}"
    if not allows(target.policy, S3, "s3:PutObject", resource, context):
        return f"the policy of {target.name} does not let S3 write for {source.name} of account {source.account_id}"
    return _kms_refusal(delivery, kms_key, context) if kms_key else None


def _kms_refusal(delivery: Delivery, arn: str, context: dict[str, str]) -> str | None:
    region, owner, key_id = (*arn.split(":")[3:5], arn.rsplit("/", 1)[-1])
    if not arn.startswith("arn:") or region != delivery.target.region_name:
        return f"{arn} is not the ARN of a key in {delivery.target.region_name}"
    seeded = delivery.organization.keys(owner, region).get(key_id)
    if seeded is not None:
        # Of those nobody ever writes a policy: what an administrator can use, S3 can.
        usable = seeded.enabled and seeded.key_manager == "CUSTOMER" and seeded.key_usage == "ENCRYPT_DECRYPT"
        return None if usable else f"the key {arn} cannot be used by S3"
    held = kms_backends[owner][region].keys.get(key_id)
    if held is None or not allows(held.policy, S3, "kms:GenerateDataKey", arn, context):
        return f"the policy of the key {arn} does not let S3 use it"
    return None
