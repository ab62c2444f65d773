"""What Cost Optimization Hub answers: who is enrolled, and what each account could save."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, invalid
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

PAGES = Paging(
    default=10,
    most=100,
    invalid="ValidationException",
    cursor="nextToken",
    next_cursor="nextToken",
    size="maxResults",
)
HOME = "us-east-1"


@lru_cache(maxsize=4096)
def savings(seed: int, account_id: str, most: int) -> tuple[int, Decimal]:
    """Recommendations of an account, and what they would save a month if none excluded another."""
    rng = chance(seed, account_id, "savings")
    count = rng.randrange(most + 1)
    return count, Decimal(sum(rng.randrange(100, 40_000) for _ in range(count))).scaleb(-2)


def list_enrollment_statuses(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    _check(organization, caller)
    asked = params.get("accountId", caller.account_id)
    listed = sorted(organization.by_id) if params.get("includeOrganizationInfo") else [asked]
    page, more = PAGES.page(caller, params, listed)
    items = [{"accountId": account_id, "status": "Active"} for account_id in page]
    return {"items": items, "includeMemberAccounts": True} | more


def list_recommendation_summaries(
    organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> dict[str, Any]:
    _check(organization, caller)
    if params["groupBy"] != "AccountId":
        raise invalid("cost-optimization-hub", f"The sandbox does not group by {params['groupBy']}.")
    found = {account_id: of(organization, account_id) for account_id in sorted(organization.by_id)}
    saving = [(account_id, *each) for account_id, each in found.items() if each[0]]
    page, more = PAGES.page(caller, params, saving)
    return {
        "estimatedTotalDedupedSavings": float(sum(monthly for _, _, monthly in saving)),
        "items": [
            {"group": account_id, "estimatedMonthlySavings": float(monthly), "recommendationCount": count}
            for account_id, count, monthly in page
        ],
        "groupBy": "AccountId",
        "currencyCode": "USD",
    } | more


def of(organization: Organization, account_id: str) -> tuple[int, Decimal]:
    """`savings` of an account of the organization."""
    return savings(organization.seed, account_id, organization.sizes.others)


def _check(organization: Organization, caller: Caller) -> None:
    if caller.region != HOME or caller.account_id != organization.management.id:
        raise AwsError("AccessDeniedException", f"Only the management account may ask, and in {HOME}.")


ANSWERS = {
    ("cost-optimization-hub", "ListEnrollmentStatuses"): list_enrollment_statuses,
    ("cost-optimization-hub", "ListRecommendationSummaries"): list_recommendation_summaries,
}
