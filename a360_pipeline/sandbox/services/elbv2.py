"""What Elastic Load Balancing answers about load balancers of the second generation."""

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
    "LoadBalancerArn": "arn",
    "LoadBalancerName": "resource_name",
    "DNSName": "dns_name",
    "CreatedTime": "creation_date",
    "Scheme": "scheme",
    "VpcId": "vpc_id",
    "Type": "type",
}


def describe_load_balancers(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    serves_only(
        params, ("LoadBalancerArns", "Names", "Marker", "PageSize"), "elasticloadbalancing:DescribeLoadBalancers"
    )
    wanted = chosen(
        organization.resources(caller.account_id, caller.region).load_balancers,
        params.get("LoadBalancerArns"),
        lambda load_balancer: load_balancer.arn,
        "LoadBalancerNotFound",
        "load balancer",
    )
    wanted = chosen(
        wanted,
        params.get("Names"),
        lambda load_balancer: load_balancer.resource_name,
        "LoadBalancerNotFound",
        "load balancer",
    )
    page, more = LOAD_BALANCERS.page(caller, params, wanted)
    return {"LoadBalancers": [_described(load_balancer) for load_balancer in page]} | more


def _described(load_balancer: Resource) -> dict[str, Any]:
    zones = str(load_balancer.availability_zone).split(",")
    return members(load_balancer, MEMBERS) | {
        "State": {"Code": load_balancer.state},
        "AvailabilityZones": [{"ZoneName": zone} for zone in zones],
    }


ANSWERS = {("elbv2", "DescribeLoadBalancers"): describe_load_balancers}
