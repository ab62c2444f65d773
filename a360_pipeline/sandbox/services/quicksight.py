"""What QuickSight answers about the subscription of the hub's account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization

Params = Mapping[str, Any]


def describe_account_subscription(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    management = organization.management
    wanted = params["AwsAccountId"]
    if wanted != caller.account_id:
        raise AwsError("AccessDeniedException", f"Account {caller.account_id} may not ask of account {wanted}.", 401)
    if wanted != management.id:
        raise AwsError("ResourceNotFoundException", f"Account {wanted} is not signed up for QuickSight.", 404)
    return {
        "AccountInfo": {
            "AccountName": management.name,
            "Edition": "ENTERPRISE",
            "NotificationEmail": management.email,
            "AuthenticationType": "IDENTITY_POOL",
            "AccountSubscriptionStatus": "ACCOUNT_CREATED",
        },
    }


ANSWERS = {("quicksight", "DescribeAccountSubscription"): describe_account_subscription}
