"""What Elastic Load Balancing answers about classic load balancers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.chosen import chosen, serves_only
from a360_pipeline.sandbox.facts.listed import Resource
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

LOAD_BALANCERS = Paging(
    default=8, most=8, invalid="ValidationError", cursor="Marker", next_cursor="NextMarker", size="PageSize"
)
MEMBERS = {
    "LoadBalancerName": "resource_name",
    "DNSName": "dns_name",
    "CreatedTime": "creation_date",
    "Scheme": "scheme",
    "VPCId": "vpc_id",
}


def describe_load_balancers(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    serves_only(params, ("LoadBalancerNames", "Marker", "PageSize"), "elasticloadbalancing:DescribeLoadBalancers")
    here = organization.resources(caller.account_id, caller.region)
    wanted = chosen(
        here.classic_load_balancers,
        params.get("LoadBalancerNames"),
        lambda load_balancer: load_balancer.resource_name,
        "LoadBalancerNotFound",
        "load balancer",
    )
    page, more = LOAD_BALANCERS.page(caller, params, wanted)
    return {
        "LoadBalancerDescriptions": [_described(load_balancer, here.instances) for load_balancer in page],
    } | more


def _described(load_balancer: Resource, instances: tuple[Resource, ...]) -> dict[str, Any]:
    return members(load_balancer, MEMBERS) | {
        "AvailabilityZones": str(load_balancer.availability_zone).split(","),
        "Instances": [{"InstanceId": each.resource_id} for each in instances[: load_balancer.instance_count]],
    }


ANSWERS = {("elb", "DescribeLoadBalancers"): describe_load_balancers}
