"""Who is asked on a harvest's behalf, and what a refusal makes of a bucket."""

from __future__ import annotations

from a360_pipeline.aws.errors import code_of, explain, status_of
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.inventory.harvest.states import BucketState
from a360_pipeline.inventory.means import Means

LOST = frozenset({"403", "AllAccessDisabled", "InvalidAccessKeyId", "ExpiredToken"})
"""How S3 says besides AccessDenied that one may not, HEAD among it, whose answers have no code but the status."""


def session_of(means: Means, account_id: str, region: str | None = None) -> AccountSession:
    """The harvest role of an account in a region; in the hub's own account the hub itself."""
    region = region or means.settings.home_region
    if account_id == means.hub_account:
        return means.sessions.hub().at(region)
    return means.sessions.account(account_id, region)


def partition_of(means: Means) -> str:
    """The partition that the hub is in: aws, aws-cn or aws-us-gov."""
    return means.sessions.role_arn(means.hub_account).split(":")[1]


def is_denial(error: Exception) -> bool:
    """Whether it was understood, and not permitted."""
    code = code_of(getattr(error, "response", {}))
    return status_of(error) in (Status.DENIED, Status.SCP_DENIED) or code in LOST


def refused(error: Exception) -> tuple[BucketState, str]:
    """The state of a bucket that cannot be asked, and why."""
    return BucketState.ACCESS_LOST if is_denial(error) else BucketState.NOT_AVAILABLE, explain(error)
