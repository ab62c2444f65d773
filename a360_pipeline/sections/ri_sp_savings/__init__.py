"""Section `ri_sp_savings`: reserved instances and Savings Plans, how far they are used and what they save."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import AccountRows, History, Row, Scope, Section, Window
from a360_pipeline.sections.parts import gathered
from a360_pipeline.sections.ri_sp_savings import reservations, savings_plans
from a360_pipeline.sections.ri_sp_savings.table import RI_SP_DAILY_SAVINGS


def collect(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """Each reservation and Savings Plan of the organization in the window, under the account that owns it.

    Either kind is a part of its own.
    """
    rows: dict[str, list[Row]] = defaultdict(list)
    questions = [
        ("reservations", partial(reservations.ask, hub, window)),
        ("Savings Plans", partial(savings_plans.ask, hub, window)),
    ]
    for account_id, row in gathered(hub, questions):
        rows[account_id].append(row)
    return {account.id: rows[account.id] for account in accounts}


SECTION = Section(
    name="ri_sp_savings",
    title="Reserved instances and Savings Plans",
    wire="ri_sp_savings",
    scope=Scope.ORGANIZATION,
    history=History.TRAILING,
    operations=(*reservations.OPERATIONS, *savings_plans.OPERATIONS),
    tables=(RI_SP_DAILY_SAVINGS,),
    collect_all=collect,
    status_field="ri_sp_savings",
)
