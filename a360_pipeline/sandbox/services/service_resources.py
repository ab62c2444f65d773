"""The truth of the table `service_resources`, to which many services contribute."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.facts.buckets import row_of
from a360_pipeline.sandbox.facts.listed import Resource, as_row
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.s3 import existing_buckets


def resources_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `service_resources`: the account's buckets in `Global`, everything else in its region."""
    return [as_row(resource) for resource in _resources(organization, account_id, region)]


def _resources(organization: Organization, account_id: str, region: str) -> Iterator[Resource]:
    if region == GLOBAL:
        return map(row_of, existing_buckets(account_id))
    here = organization.resources(account_id, region)
    return chain(
        here.subnets,
        here.instances,
        here.volumes,
        here.databases,
        here.load_balancers,
        here.classic_load_balancers,
        here.groups,
        here.functions,
    )


TRUTH = {"service_resources": resources_truth}
