"""What could be saved: Cost Optimization Hub's estimates, each saving counted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Operation

SERVICE = "cost-optimization-hub"
OPERATIONS = (
    Operation(SERVICE, "ListEnrollmentStatuses"),
    Operation(SERVICE, "ListRecommendationSummaries"),
)


@dataclass(frozen=True, slots=True)
class Saving:
    """What an account could save a month, in USD, by how many recommendations."""

    monthly: Decimal = Decimal(0)
    recommendations: int = 0


def ask_savings(hub: AccountSession) -> Mapping[str, Saving]:
    """The accounts that are enrolled, and what each could save; of the others nothing is known.

    Cost Optimization Hub ListEnrollmentStatuses and ListRecommendationSummaries by account, in which
    recommendations that exclude one another count once.
    """
    statuses = hub.pages(SERVICE, "list_enrollment_statuses", "items", includeOrganizationInfo=True)
    enrolled = {each["accountId"] for each in statuses if each.get("status") == "Active"}
    if not enrolled:
        return {}
    found = {
        each["group"]: Saving(Decimal(str(each["estimatedMonthlySavings"])), each["recommendationCount"])
        for each in hub.pages(SERVICE, "list_recommendation_summaries", "items", groupBy="AccountId")
    }
    return {account_id: found.get(account_id, Saving()) for account_id in enrolled | set(found)}
