"""What Application Signals answers about the services of the caller's account and region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from a360_pipeline.sandbox.errors import invalid, not_served
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

SERVICES = Paging(default=10, most=10, invalid="ValidationException")
"""AWS gives up to 100 a page; far less makes a small account page too."""
NAMES = ("checkout", "ledger", "parcel-events", "route-planner", "labels", "customs")
NAMESPACE = "ApplicationSignals"
METRICS = (("LATENCY", "Latency"), ("FAULT", "Fault"), ("ERROR", "Error"))
HOUR = dt.timedelta(hours=1)


@lru_cache(maxsize=4096)
def _summaries(seed: int, account_id: str, region: str, count: int) -> tuple[dict[str, Any], ...]:
    """Services as AWS tells them, at work day and night: pairs of one name in two environments, and what AWS omits."""
    return tuple(_summary(seed, account_id, region, number) for number in range(count))


def _summary(seed: int, account_id: str, region: str, number: int) -> dict[str, Any]:
    rng = chance(seed, account_id, region, "service", number)
    pair, is_second = divmod(number, 2)
    name = f"{NAMES[pair % len(NAMES)]}-{pair}"
    cluster = f"northlight-{'staging' if is_second else 'prod'}"
    environment = f"eks:{cluster}/{NAMES[pair % len(NAMES)]}" if number % 3 else "lambda:default"
    if number % 3 == 0 and is_second:
        environment = "ec2:default"
    dimensions = [{"Name": "Environment", "Value": environment}, {"Name": "Service", "Value": name}]
    summary: dict[str, Any] = {
        "KeyAttributes": {"Type": "Service", "Name": name, "Environment": environment},
        # One that nobody called has no metrics.
        "MetricReferences": []
        if number % 7 == 5
        else [
            {"Namespace": NAMESPACE, "MetricType": kind, "MetricName": metric, "Dimensions": dimensions}
            for kind, metric in METRICS
        ],
    }
    if number % 5 != 4:
        summary["AttributeMaps"] = _attributes(number, cluster, name, f"opentelemetry,1.{rng.randrange(20, 40)}.0,java")
    if number % 4 == 1:
        group = {"GroupName": "BusinessUnit", "GroupValue": "Freight", "GroupSource": "TAG"}
        summary["ServiceGroups"] = [group | {"GroupIdentifier": "BusinessUnit=Freight"}]
    return summary


def _attributes(number: int, cluster: str, name: str, sdk: str) -> list[dict[str, str]]:
    platform = {"PlatformType": "AWS::EKS", "EKS.Cluster": cluster, "K8s.Workload": name}
    telemetry = {"Telemetry.SDK": sdk, "Telemetry.Source": "OpenTelemetry"}
    # A workload that moves runs in two clusters for a while.
    moving = [platform | {"EKS.Cluster": f"{cluster}-next"}] if number % 6 == 2 else []
    return [platform, *moving, telemetry] if number % 3 else [{"PlatformType": "AWS::Lambda"}]


def _all(organization: Organization, account_id: str, region: str) -> tuple[dict[str, Any], ...]:
    if not organization.region_enabled(account_id, region):
        return ()
    return _summaries(organization.seed, account_id, region, organization.share(account_id, region, "services"))


def list_services(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    if params.get("IncludeLinkedAccounts") or "AwsAccountId" in params:
        raise not_served("application-signals:ListServices of linked accounts")
    start, end = (_to_the_hour(params[name]) for name in ("StartTime", "EndTime"))
    if start >= end:
        raise invalid("application-signals", "StartTime must be before EndTime.")
    page, more = SERVICES.page(caller, params, _all(organization, caller.account_id, caller.region))
    return {"StartTime": start, "EndTime": end, "ServiceSummaries": page} | more


def _to_the_hour(instant: dt.datetime) -> dt.datetime:
    nearest = instant + HOUR / 2
    return nearest.replace(minute=0, second=0, microsecond=0)


def services_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `application_signals`."""
    return [_row(summary) for summary in _all(organization, account_id, region)]


def _row(summary: Mapping[str, Any]) -> dict[str, Any]:
    key, maps = summary["KeyAttributes"], summary.get("AttributeMaps", [])
    merged: dict[str, str] = {}
    for attributes in maps:
        merged = attributes | merged
    return {
        "service_name": key["Name"],
        "namespace": NAMESPACE if summary["MetricReferences"] else None,
        "key_attributes": key,
        "service_key": f"Environment={key['Environment']},Name={key['Name']},Type={key['Type']}",
        "attribute_map": merged,
        "attribute_maps": maps,
        "metric_references": summary["MetricReferences"],
        "service_groups": summary.get("ServiceGroups", []),
    }


ANSWERS = {("application-signals", "ListServices"): list_services}

TRUTH = {"application_signals": services_truth}
