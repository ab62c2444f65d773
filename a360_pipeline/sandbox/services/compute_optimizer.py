"""What Compute Optimizer answers about the resources of a region, its own or a member account's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts import rightsizing as facts
from a360_pipeline.sandbox.facts.assembly import SETTLED
from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.facts.rightsizing import Advice, Size
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

PAGES = Paging(
    default=10,
    most=1000,
    invalid="InvalidParameterValueException",
    cursor="nextToken",
    next_cursor="nextToken",
    size="maxResults",
)
LOOK_BACK_DAYS = 14.0
Described = dict[str, Any]


def get_enrollment_status(_organization: Organization, _caller: Caller, _params: Mapping[str, Any]) -> Described:
    return {"status": "Active", "memberAccountsEnrolled": True}


def get_enrollment_statuses_for_organization(
    organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> Described:
    if caller.account_id != organization.management.id:
        raise AwsError("AccessDeniedException", "Only the management account may ask for its members.")
    members = [account_id for account_id in sorted(organization.by_id) if account_id != caller.account_id]
    page, more = PAGES.page(caller, params, members)
    return {"accountEnrollmentStatuses": [{"accountId": each, "status": "Active"} for each in page]} | more


def _listing(kind: str, result: str, describe: Callable[[Organization, Advice], Described]) -> Callable[..., Described]:
    def answer(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> Described:
        wanted = params.get("accountIds") or [caller.account_id]
        if len(wanted) > 1 or wanted[0] not in organization.by_id:
            raise AwsError("InvalidParameterValueException", "One account of the organization is expected.")
        if wanted[0] != caller.account_id and caller.account_id != organization.management.id:
            raise AwsError("AccessDeniedException", "Only the management account may ask for its members.")
        page, more = PAGES.page(caller, params, advice_of(organization, wanted[0], caller.region, kind))
        found = [{"accountId": wanted[0], **describe(organization, each)} for each in page]
        return {result: found} | more

    return answer


def advice_of(organization: Organization, account_id: str, region: str, kind: str) -> tuple[Advice, ...]:
    """Of the first region of the first account as many as its size says, elsewhere fewer; none where it is disabled."""
    if not organization.region_enabled(account_id, region):
        return ()
    most = organization.sizes.others
    is_full = (account_id, region) == (organization.management.id, organization.region_names[0])
    count = most if is_full else 1 + draw(organization.seed, account_id, region, kind) % max(1, most // 2)
    machines = organization.region(account_id, region).instances
    ours = tuple(each.instance_id for each in machines if each.instance_type == "EC2Instance")
    settled = min(organization.now, SETTLED)
    return facts.advice(organization.seed, account_id, region, kind, ours, count, settled)


def _common(each: Advice, options: str, finding: str = "finding", reasons: str = "findingReasonCodes") -> Described:
    """What every recommendation has; the option that is ranked first does not come first."""
    described: Described = {finding: each.finding, options: [], "lastRefreshTimestamp": each.refreshed}
    if each.reasons:
        described[reasons] = list(each.reasons)
    if each.recommended is not None:
        described[options] = [_option(each, 2, each.current), _option(each, 1, each.recommended)]
    metrics = {"Cpu": each.cpu_max, "Memory": each.memory_max}
    described["utilizationMetrics"] = [
        {"name": name, "statistic": "Maximum", "value": float(value)}
        for name, value in metrics.items()
        if value is not None
    ]
    return described


def _option(each: Advice, rank: int, size: Size) -> Described:
    share = 1.0 if rank == 1 else 0.25
    option: Described = {"rank": rank, **SHAPES[each.kind](size)}
    if each.performance_risk is not None:
        option["performanceRisk"] = float(each.performance_risk)
    if each.migration_effort is not None:
        option["migrationEffort"] = each.migration_effort
    for member, value in (
        ("savingsOpportunity", each.monthly_savings),
        ("savingsOpportunityAfterDiscounts", each.monthly_savings_after_discounts),
    ):
        if value is not None and each.savings_percentage is not None:
            option[member] = {
                "savingsOpportunityPercentage": float(each.savings_percentage) * share,
                "estimatedMonthlySavings": {"currency": "USD", "value": float(value) * share},
            }
    return option


def _volume(size: Size) -> Described:
    return {"volumeType": size.volume_type, "volumeSize": size.volume_size}


def _storage(size: Size) -> Described:
    return {"storageType": size.volume_type, "allocatedStorage": size.volume_size}


SHAPES: Mapping[str, Callable[[Size], Described]] = {
    "EC2": lambda size: {"instanceType": size.instance_type},
    "EBS": lambda size: {"configuration": _volume(size)},
    "Lambda": lambda size: {"memorySize": size.memory_size},
    "AutoScaling": lambda size: {"configuration": {"instanceType": size.instance_type, "minSize": 1, "maxSize": 4}},
    "ECS": lambda size: {"memory": size.memory_size, "cpu": size.cpu_units},
    "RDS": lambda size: {"dbInstanceClass": size.instance_type},
    "RDSStorage": lambda size: {"storageConfiguration": _storage(size)},
}
"""How an option tells a size, by kind."""


def _instance(_organization: Organization, each: Advice) -> Described:
    named = {} if each.name is None else {"instanceName": each.name}
    return {
        "instanceArn": each.arn,
        "currentInstanceType": each.current.instance_type,
        "lookBackPeriodInDays": LOOK_BACK_DAYS,
        **named,
        **_common(each, "recommendationOptions"),
    }


def _ebs_volume(_organization: Organization, each: Advice) -> Described:
    return {
        "volumeArn": each.arn,
        "currentConfiguration": _volume(each.current),
        "lookBackPeriodInDays": LOOK_BACK_DAYS,
        **_common(each, "volumeRecommendationOptions"),
    }


def _function(_organization: Organization, each: Advice) -> Described:
    return {
        "functionArn": each.arn,
        "functionVersion": "$LATEST",
        "currentMemorySize": each.current.memory_size,
        "lookbackPeriodInDays": LOOK_BACK_DAYS,
        **_common(each, "memorySizeRecommendationOptions"),
    }


def _group(_organization: Organization, each: Advice) -> Described:
    return {
        "autoScalingGroupArn": each.arn,
        "autoScalingGroupName": each.name,
        "currentConfiguration": SHAPES["AutoScaling"](each.current)["configuration"],
        "lookBackPeriodInDays": LOOK_BACK_DAYS,
        **_common(each, "recommendationOptions"),
    }


def _service(_organization: Organization, each: Advice) -> Described:
    described = _common(each, "serviceRecommendationOptions")
    # Those of services are not ranked: there is one.
    ranked = described["serviceRecommendationOptions"][-1:]
    described["serviceRecommendationOptions"] = [
        {name: value for name, value in option.items() if name != "rank"} for option in ranked
    ]
    return {
        "serviceArn": each.arn,
        "currentServiceConfiguration": SHAPES["ECS"](each.current),
        "lookbackPeriodInDays": LOOK_BACK_DAYS,
        **described,
    }


def _database(organization: Organization, each: Advice) -> Described:
    described: Described = {
        "resourceArn": each.arn,
        "engine": "postgres",
        "currentDBInstanceClass": each.current.instance_type,
        "lookbackPeriodInDays": LOOK_BACK_DAYS,
    }
    of_disk = facts.storage(organization.seed, each)
    if of_disk is not None:
        options = "storageRecommendationOptions"
        described |= _common(of_disk, options, "storageFinding", "storageFindingReasonCodes")
        described["currentStorageConfiguration"] = _storage(of_disk.current)
    described |= _common(each, "instanceRecommendationOptions", "instanceFinding", "instanceFindingReasonCodes")
    for metric in described["utilizationMetrics"]:
        metric["name"] = {"Cpu": "CPU"}.get(metric["name"], metric["name"])
    return described


def advice_truth(organization: Organization, account_id: str, region: str) -> Iterator[Described]:
    """Rows of `compute_optimizer`."""
    if region == GLOBAL:
        return
    for kind in facts.KINDS:
        for each in advice_of(organization, account_id, region, kind):
            yield _row(each)
            of_disk = facts.storage(organization.seed, each) if kind == "RDS" else None
            if of_disk is not None:
                yield _row(of_disk)


def _row(each: Advice) -> Described:
    advised = each.recommended or Size()
    return {
        "resource_type": each.kind,
        "resource_arn": each.arn,
        "resource_name": each.name,
        "finding": each.finding,
        "finding_reason_codes": list(each.reasons) or None,
        "current_instance_type": each.current.instance_type,
        "current_memory_size": each.current.memory_size,
        "current_cpu_units": each.current.cpu_units,
        "current_volume_type": each.current.volume_type,
        "current_volume_size": each.current.volume_size,
        "recommended_instance_type": advised.instance_type,
        "recommended_memory_size": advised.memory_size,
        "recommended_cpu_units": advised.cpu_units,
        "recommended_volume_type": advised.volume_type,
        "recommended_volume_size": advised.volume_size,
        "performance_risk": each.performance_risk,
        "migration_effort": each.migration_effort,
        "savings_opportunity_percentage": each.savings_percentage,
        "estimated_monthly_savings_usd": each.monthly_savings,
        "estimated_monthly_savings_after_discounts_usd": each.monthly_savings_after_discounts,
        "cpu_utilization_max": each.cpu_max,
        "memory_utilization_max": each.memory_max,
        "memory_utilization_avg": None,
        "last_refresh_timestamp": each.refreshed,
    }


ANSWERS = {
    ("compute-optimizer", "GetEnrollmentStatus"): get_enrollment_status,
    ("compute-optimizer", "GetEnrollmentStatusesForOrganization"): get_enrollment_statuses_for_organization,
    **{
        ("compute-optimizer", f"Get{name}Recommendations"): _listing(kind, result, describe)
        for name, kind, result, describe in (
            ("EC2Instance", "EC2", "instanceRecommendations", _instance),
            ("EBSVolume", "EBS", "volumeRecommendations", _ebs_volume),
            ("LambdaFunction", "Lambda", "lambdaFunctionRecommendations", _function),
            ("AutoScalingGroup", "AutoScaling", "autoScalingGroupRecommendations", _group),
            ("ECSService", "ECS", "ecsServiceRecommendations", _service),
            ("RDSDatabase", "RDS", "rdsDBRecommendations", _database),
        )
    },
}

TRUTH = {"compute_optimizer": advice_truth}
