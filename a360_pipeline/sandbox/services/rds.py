"""What RDS answers about the databases of the caller's account and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.chosen import chosen, serves_only
from a360_pipeline.sandbox.facts.listed import Resource
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

DATABASES = Paging(
    default=8, most=8, invalid="InvalidParameterValue", cursor="Marker", next_cursor="Marker", size="MaxRecords"
)
MEMBERS = {
    "DBInstanceIdentifier": "resource_id",
    "DBInstanceArn": "arn",
    "DBInstanceClass": "instance_class",
    "DBInstanceStatus": "state",
    "Engine": "engine",
    "EngineVersion": "engine_version",
    "AvailabilityZone": "availability_zone",
    "MultiAZ": "multi_az",
    "StorageType": "volume_type",
    "StorageEncrypted": "encrypted",
    "InstanceCreateTime": "creation_date",
    "Iops": "iops",
    "StorageThroughput": "throughput",
}
OF_A_CLUSTER = 1
"""What RDS gives as the size of a database whose storage is its cluster's."""


def describe_db_instances(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    serves_only(params, ("DBInstanceIdentifier", "Marker", "MaxRecords"), "rds:DescribeDBInstances")
    name = params.get("DBInstanceIdentifier")
    wanted = chosen(
        organization.resources(caller.account_id, caller.region).databases,
        [name] if name else None,
        lambda database: database.resource_id,
        "DBInstanceNotFound",
        "DBInstance",
    )
    page, more = DATABASES.page(caller, params, wanted)
    return {"DBInstances": [_described(database) for database in page]} | more


def _described(database: Resource) -> dict[str, Any]:
    described = members(database, MEMBERS) | {
        "AllocatedStorage": database.size_gb or OF_A_CLUSTER,
        "DBSubnetGroup": {"DBSubnetGroupName": "default", "VpcId": database.vpc_id},
        "TagList": [{"Key": key, "Value": value} for key, value in database.tags or ()],
    }
    if database.dns_name:
        described["Endpoint"] = {"Address": database.dns_name, "Port": 5432}
    return described


ANSWERS = {("rds", "DescribeDBInstances"): describe_db_instances}
