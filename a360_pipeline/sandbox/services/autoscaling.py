"""What EC2 Auto Scaling answers about the groups of the caller's account and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.chosen import serves_only
from a360_pipeline.sandbox.facts.listed import Resource
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

GROUPS = Paging(default=8, most=8, invalid="InvalidNextToken", size="MaxRecords")
MEMBERS = {
    "AutoScalingGroupName": "resource_name",
    "AutoScalingGroupARN": "arn",
    "MinSize": "min_size",
    "MaxSize": "max_size",
    "DesiredCapacity": "desired_capacity",
    "CreatedTime": "creation_date",
}
DEFAULT_COOLDOWN = 300


def describe_auto_scaling_groups(
    organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> dict[str, Any]:
    asked = ("AutoScalingGroupNames", "NextToken", "MaxRecords")
    serves_only(params, asked, "autoscaling:DescribeAutoScalingGroups")
    here = organization.resources(caller.account_id, caller.region)
    names = params.get("AutoScalingGroupNames")
    # A name that no group has is no error here: there is just no group of it.
    wanted = [group for group in here.groups if not names or group.resource_name in names]
    page, more = GROUPS.page(caller, params, wanted)
    return {"AutoScalingGroups": [_described(group, here.instances) for group in page]} | more


def _described(group: Resource, instances: tuple[Resource, ...]) -> dict[str, Any]:
    described = members(group, MEMBERS) | {
        "DefaultCooldown": DEFAULT_COOLDOWN,
        "HealthCheckType": "EC2",
        "AvailabilityZones": str(group.availability_zone).split(","),
        "Instances": [
            {
                "InstanceId": each.resource_id,
                "AvailabilityZone": each.availability_zone,
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            }
            for each in instances[: group.instance_count]
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in group.tags or ()],
    }
    # AWS says it only while a group is deleted.
    return described if group.state == "Active" else described | {"Status": group.state}


ANSWERS = {("autoscaling", "DescribeAutoScalingGroups"): describe_auto_scaling_groups}
