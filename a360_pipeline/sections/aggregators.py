"""Aggregators of AWS Config: which of an account's answers for the organization in a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable


def aggregator_of(aws: AccountSession) -> str:
    """The name of an aggregator that covers the region, one of the organization before any of single accounts.

    Config DescribeConfigurationAggregators. Raises Unavailable where there is none.
    """
    listed = aws.pages("config", "describe_configuration_aggregators", "ConfigurationAggregators")
    covering = [each for each in listed if _covers(each, aws.region)]
    if not covering:
        raise Unavailable(Status.NOT_ENABLED, f"Config has no aggregator in {aws.region} that covers it")
    covering.sort(key=lambda each: "OrganizationAggregationSource" not in each)
    name: str = covering[0]["ConfigurationAggregatorName"]
    return name


def _covers(aggregator: Mapping[str, Any], region: str) -> bool:
    organization = aggregator.get("OrganizationAggregationSource")
    sources = [*aggregator.get("AccountAggregationSources", ()), *([organization] if organization else ())]
    return any(source.get("AllAwsRegions") or region in source.get("AwsRegions", ()) for source in sources)
