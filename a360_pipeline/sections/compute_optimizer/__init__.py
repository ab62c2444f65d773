"""Section `compute_optimizer`: which resources are larger or smaller than they need be, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

from a360_pipeline.aws.accounts import Account, payer_of
from a360_pipeline.aws.errors import AWS_ERRORS, error_code
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.compute_optimizer.kinds import LISTINGS, rows_of
from a360_pipeline.sections.compute_optimizer.table import COMPUTE_OPTIMIZER
from a360_pipeline.sections.model import AccountRows, History, Operation, Payload, Row, Scope, Section, Window

SERVICE = "compute-optimizer"
NOT_ENROLLED = "OptInRequiredException"
ABOUT_ORGANIZATIONS = (
    "organizations:DescribeAccount",
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Compute Optimizer's recommendations of every kind, where GetEnrollmentStatus says that it is enrolled."""
    status = aws.call(SERVICE, "get_enrollment_status")["status"]
    if status != "Active":
        raise Unavailable(Status.NOT_ENABLED, f"Compute Optimizer is {status.lower()} in this account")
    return _recommendations(aws)


def collect_members(aws: AccountSession, _window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What the management account is told of a region, by account: asked of each account, for it takes one a request.

    Compute Optimizer GetEnrollmentStatusesForOrganization, then the recommendations of the accounts that are
    enrolled. Those that are not are left out.
    """
    own = aws.account_id or payer_of(accounts)
    statuses = aws.pages(SERVICE, "get_enrollment_statuses_for_organization", "accountEnrollmentStatuses")
    enrolled = {each["accountId"] for each in statuses if each["status"] == "Active"}
    if aws.call(SERVICE, "get_enrollment_status")["status"] == "Active" and own is not None:
        enrolled.add(own)
    return {
        account.id: _recommendations(aws, None if account.id == own else account.id)
        for account in accounts
        if account.id in enrolled
    }


def _recommendations(aws: AccountSession, member: str | None = None) -> list[Row]:
    """The rows of the session's account, or of a member that it answers for. Raises ClientError if not enrolled."""
    of_member = {} if member is None else {"accountIds": [member]}
    rows: list[Row] = []
    for listing in LISTINGS:
        try:
            for found in aws.pages(SERVICE, listing.method, listing.result, **of_member):
                rows += rows_of(listing, found)
        except AWS_ERRORS as error:
            # It holds for all kinds alike, where any other refusal may be of the one.
            if error_code(error) == NOT_ENROLLED:
                raise
            with aws.part(f"{listing.operation} of {member}" if member else listing.operation):
                raise
    return rows


SECTION = Section(
    name="compute_optimizer",
    title="Compute Optimizer recommendations",
    wire="compute_optimizer",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation(SERVICE, "GetEnrollmentStatus"),
        Operation(SERVICE, "GetEnrollmentStatusesForOrganization", also=ABOUT_ORGANIZATIONS),
        *(Operation(SERVICE, listing.operation, also=listing.also) for listing in LISTINGS),
    ),
    tables=(COMPUTE_OPTIMIZER,),
    collect=collect,
    collect_members=collect_members,
    errors={NOT_ENROLLED: Status.NOT_ENABLED},
    status_field="compute_optimizer",
)
