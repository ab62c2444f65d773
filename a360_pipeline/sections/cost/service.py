"""Section `service`: what each service cost each account in a period."""

from __future__ import annotations

from collections.abc import Sequence

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.sections.cost.usage import GET_COST_AND_USAGE, shared_usage
from a360_pipeline.sections.model import AccountRows, Column, History, Kept, Scope, Section, Table, Type, Window
from a360_pipeline.sections.shapes import ACCOUNT

SERVICES = Table(
    "services",
    "What each service cost an account in a period.",
    columns=(
        ACCOUNT,
        Column("service", Type.TEXT),
        Column("date_from", Type.DATE),
        Column("date_to", Type.DATE, "Exclusive."),
        Column("cost", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("utilization", Type.NUMERIC),
        Column("utilization_unit", Type.TEXT),
        Column("usage_types", Type.TEXT),
    ),
    key=("account_id", "date_from", "date_to", "service", "usage_types"),
    kept=Kept.DATED,
    set_of=("account_id", "date_from", "date_to"),
)


def collect(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """The cost of each service of each account, from the same question as the cost report."""
    usage = shared_usage(hub, window)
    return {
        account.id: [
            {
                "service": service,
                "usage_types": "Aggregated",
                "date_from": window.start.isoformat(),
                "date_to": window.end.isoformat(),
                "cost": cost,
                "currency": usage.currency,
                "utilization": None,
                "utilization_unit": None,
            }
            for service, cost in sorted(usage.services(account.id, window.start, window.end).items())
        ]
        for account in accounts
    }


SECTION = Section(
    name="service",
    title="Cost by service",
    wire="service",
    scope=Scope.ORGANIZATION,
    history=History.TRAILING,
    operations=(GET_COST_AND_USAGE,),
    tables=(SERVICES,),
    collect_all=collect,
    # Cost Explorer says so of an organization that has never turned it on.
    errors={"DataUnavailableException": Status.NOT_ENABLED},
    status_field="service",
)
