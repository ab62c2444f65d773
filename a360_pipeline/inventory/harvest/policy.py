"""What harvests must be allowed to do: the IAM policy of the harvest role in every account, and the hub's own calls."""

from __future__ import annotations

from a360_pipeline.collection.policy import Policy, allowing, of
from a360_pipeline.sections.model import Operation

READ_CONFIGURATIONS, WRITE_CONFIGURATIONS = "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"

OF_MEMBERS = (
    Operation("s3", "DeleteBucketInventoryConfiguration", WRITE_CONFIGURATIONS),
    Operation("s3", "GetBucketInventoryConfiguration", READ_CONFIGURATIONS),
    Operation("s3", "GetBucketLocation"),
    Operation("s3", "ListBucketInventoryConfigurations", READ_CONFIGURATIONS),
    Operation("s3", "ListBuckets", "s3:ListAllMyBuckets"),
    Operation("s3", "ListObjectVersions", "s3:ListBucketVersions"),
    Operation("s3", "PutBucketInventoryConfiguration", WRITE_CONFIGURATIONS),
)
"""What is asked through the harvest role, which reads no object and changes nothing but inventory configurations."""
OF_THE_HUB = (
    Operation("cloudformation", "CreateStack"),
    Operation("cloudformation", "DeleteStack"),
    Operation("cloudformation", "DescribeStackEvents"),
    Operation("cloudformation", "DescribeStacks"),
    Operation("cloudformation", "GetTemplate"),
    Operation("cloudformation", "UpdateStack"),
    Operation("s3", "AbortMultipartUpload"),
    Operation("s3", "DeleteBucket"),
    Operation("s3", "DeleteObjects", "s3:DeleteObject", also=("s3:DeleteObjectVersion",)),
    Operation("s3", "GetBucketTagging"),
    Operation("s3", "HeadObject", "s3:GetObject"),
    Operation("s3", "ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    Operation("s3", "ListObjectVersions", "s3:ListBucketVersions"),
    Operation("s3", "ListObjectsV2", "s3:ListBucket"),
    Operation("sqs", "GetQueueAttributes"),
    Operation("sqs", "GetQueueUrl"),
    Operation("sqs", "SetQueueAttributes"),
    Operation("sts", "GetCallerIdentity"),
)
"""What planning, stacks and their removal ask of the hub's own account. CloudFormation makes the rest in its name."""


def harvest_role_policy() -> Policy:
    """What the harvest role may do, in every account."""
    return of(allowing({action for operation in OF_MEMBERS for action in operation.actions}))
