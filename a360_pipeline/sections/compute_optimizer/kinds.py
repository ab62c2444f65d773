"""What Compute Optimizer lists, kind by kind, and how its members become the columns of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.sections.compute_optimizer.table import COMPUTE_OPTIMIZER
from a360_pipeline.sections.model import Row

Members = Mapping[str, str]
"""Columns, each with the dotted path of the member that fills it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource: of whose recommendation `found` fills columns, and of whose best option `best` does."""

    resource_type: str
    options: str
    found: Members
    best: Members
    percentages: Members = field(default_factory=dict)
    """Metrics in per cent, by column: name and statistic."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One operation, and the kinds of row that each of its recommendations yields."""

    operation: str
    method: str
    result: str
    kinds: tuple[Kind, ...]
    also: tuple[str, ...] = ()
    """See Operation: who may not see resources of a kind is not told of them here either."""


OF_EVERY_ONE = {
    "account_id": "accountId",
    "finding": "finding",
    "finding_reason_codes": "findingReasonCodes",
    "current_performance_risk": "currentPerformanceRisk",
    "last_refresh_timestamp": "lastRefreshTimestamp",
}
OF_EVERY_OPTION = {
    "performance_risk": "performanceRisk",
    "migration_effort": "migrationEffort",
    "savings_opportunity_percentage": "savingsOpportunity.savingsOpportunityPercentage",
    "estimated_monthly_savings_usd": "savingsOpportunity.estimatedMonthlySavings.value",
    "currency": "savingsOpportunity.estimatedMonthlySavings.currency",
    "savings_after_discounts_percentage": "savingsOpportunityAfterDiscounts.savingsOpportunityPercentage",
    "estimated_monthly_savings_after_discounts_usd": "savingsOpportunityAfterDiscounts.estimatedMonthlySavings.value",
}
PERCENTAGES = {
    "cpu_utilization_max": "Cpu Maximum",
    "memory_utilization_max": "Memory Maximum",
    "memory_utilization_avg": "Memory Average",
}

EC2 = Kind(
    "EC2",
    "recommendationOptions",
    {
        "resource_arn": "instanceArn",
        "resource_name": "instanceName",
        "current_instance_type": "currentInstanceType",
        "look_back_period_days": "lookBackPeriodInDays",
    },
    {"recommended_instance_type": "instanceType"},
    PERCENTAGES,
)
EBS = Kind(
    "EBS",
    "volumeRecommendationOptions",
    {
        "resource_arn": "volumeArn",
        "current_volume_type": "currentConfiguration.volumeType",
        "current_volume_size": "currentConfiguration.volumeSize",
        "look_back_period_days": "lookBackPeriodInDays",
    },
    {"recommended_volume_type": "configuration.volumeType", "recommended_volume_size": "configuration.volumeSize"},
)
LAMBDA = Kind(
    "Lambda",
    "memorySizeRecommendationOptions",
    {
        "resource_arn": "functionArn",
        "current_memory_size": "currentMemorySize",
        "look_back_period_days": "lookbackPeriodInDays",
    },
    {"recommended_memory_size": "memorySize"},
)
AUTO_SCALING = Kind(
    "AutoScaling",
    "recommendationOptions",
    {
        "resource_arn": "autoScalingGroupArn",
        "resource_name": "autoScalingGroupName",
        "current_instance_type": "currentConfiguration.instanceType",
        "look_back_period_days": "lookBackPeriodInDays",
    },
    {"recommended_instance_type": "configuration.instanceType"},
    PERCENTAGES,
)
ECS = Kind(
    "ECS",
    "serviceRecommendationOptions",
    {
        "resource_arn": "serviceArn",
        "current_memory_size": "currentServiceConfiguration.memory",
        "current_cpu_units": "currentServiceConfiguration.cpu",
        "look_back_period_days": "lookbackPeriodInDays",
    },
    {"recommended_memory_size": "memory", "recommended_cpu_units": "cpu"},
    PERCENTAGES,
)
RDS = Kind(
    "RDS",
    "instanceRecommendationOptions",
    {
        "resource_arn": "resourceArn",
        "finding": "instanceFinding",
        "finding_reason_codes": "instanceFindingReasonCodes",
        "current_performance_risk": "currentInstancePerformanceRisk",
        "current_instance_type": "currentDBInstanceClass",
        "look_back_period_days": "lookbackPeriodInDays",
    },
    {"recommended_instance_type": "dbInstanceClass"},
    {"cpu_utilization_max": "CPU Maximum", "memory_utilization_max": "Memory Maximum"},
)
RDS_STORAGE = Kind(
    "RDSStorage",
    "storageRecommendationOptions",
    {
        "resource_arn": "resourceArn",
        "finding": "storageFinding",
        "finding_reason_codes": "storageFindingReasonCodes",
        "current_volume_type": "currentStorageConfiguration.storageType",
        "current_volume_size": "currentStorageConfiguration.allocatedStorage",
        "look_back_period_days": "lookbackPeriodInDays",
    },
    {
        "recommended_volume_type": "storageConfiguration.storageType",
        "recommended_volume_size": "storageConfiguration.allocatedStorage",
    },
)

LISTINGS = (
    Listing(
        "GetEC2InstanceRecommendations",
        "get_ec2_instance_recommendations",
        "instanceRecommendations",
        (EC2,),
        also=("ec2:DescribeInstances",),
    ),
    Listing(
        "GetEBSVolumeRecommendations",
        "get_ebs_volume_recommendations",
        "volumeRecommendations",
        (EBS,),
        also=("ec2:DescribeVolumes",),
    ),
    Listing(
        "GetLambdaFunctionRecommendations",
        "get_lambda_function_recommendations",
        "lambdaFunctionRecommendations",
        (LAMBDA,),
        also=("lambda:ListFunctions", "lambda:ListProvisionedConcurrencyConfigs"),
    ),
    Listing(
        "GetAutoScalingGroupRecommendations",
        "get_auto_scaling_group_recommendations",
        "autoScalingGroupRecommendations",
        (AUTO_SCALING,),
        also=("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"),
    ),
    Listing(
        "GetECSServiceRecommendations",
        "get_ecs_service_recommendations",
        "ecsServiceRecommendations",
        (ECS,),
        also=("ecs:ListClusters", "ecs:ListServices"),
    ),
    Listing(
        "GetRDSDatabaseRecommendations",
        "get_rds_database_recommendations",
        "rdsDBRecommendations",
        (RDS, RDS_STORAGE),
        also=("rds:DescribeDBClusters", "rds:DescribeDBInstances"),
    ),
)


def rows_of(listing: Listing, found: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of one recommendation: of a database without a word on its storage just the one."""
    for kind in listing.kinds:
        if len(listing.kinds) == 1 or at(found, kind.found["finding"]) is not None:
            yield _row(kind, found)


def _row(kind: Kind, found: Mapping[str, Any]) -> Row:
    row: dict[str, Any] = {column.name: None for column in COMPUTE_OPTIMIZER.values}
    row["resource_type"] = kind.resource_type
    for name, path in {**OF_EVERY_ONE, **kind.found}.items():
        row[name] = at(found, path)
    best = _best(found.get(kind.options) or ())
    for name, path in {**OF_EVERY_OPTION, **kind.best}.items():
        row[name] = at(best, path)
    told = found.get("utilizationMetrics") or ()
    metrics = {f"{each.get('name')} {each.get('statistic')}": each.get("value") for each in told}
    for name, metric in kind.percentages.items():
        row[name] = metrics.get(metric)
    refreshed = row["last_refresh_timestamp"]
    row["last_refresh_timestamp"] = refreshed.isoformat() if refreshed else None
    return row


def _best(options: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The option that is ranked first; where none is ranked, the first there is."""
    return min(options, key=lambda option: option.get("rank", 1), default={})


def at(found: Mapping[str, Any], path: str) -> Any:
    """The member at a dotted path; None where any part of it is missing."""
    value: Any = found
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
