"""Recollection: a section of an account asked again by hand, without all the others."""

import datetime as dt
from dataclasses import replace

import dagster as dg
from pydantic import Field

from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import UnknownSection
from a360_pipeline.defs.collection import POOL, account_snapshot, coverage_of, reasons_of
from a360_pipeline.defs.hub import Hub
from a360_pipeline.defs.partitions import partition_key


class Recollect(dg.Config):
    """What to ask again today."""

    accounts: list[str] = Field(description="The 12-digit ids of accounts.")
    sections: list[str] = Field(description="Names of sections, such as kms.")
    regions: list[str] = Field(default=[], description="Regions; empty: those of the settings.")


@dg.op(pool=POOL)
def recollect_sections(context: dg.OpExecutionContext, config: Recollect, hub: Hub) -> None:
    """Asks some sections of some accounts again; the warehouse takes what they say in place of what they said.

    The account's partition is observed, not materialized: its other sections were not asked.
    """
    everyone = hub.read_organization().accounts
    accounts = [account for account in everyone if account.id in config.accounts]
    unknown = sorted(set(config.accounts) - {account.id for account in accounts})
    if unknown or not accounts or not config.sections:
        raise dg.Failure(
            f"name accounts of the organization, and sections; not in it: {', '.join(unknown) or 'none'}",
            allow_retries=False,
        )
    day = dt.datetime.now(dt.UTC).date()
    try:
        order = hub.order(accounts, everyone, day, config.sections)
    except UnknownSection as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    order = replace(order, regions=tuple(config.regions) or order.regions)
    collected = [each.without_facts() for each in collect_accounts(hub.sessions, hub.store, order)]
    problems: list[str] = []
    for account in accounts:
        snapshots = [each for each in collected if each.snapshot.key.account == account.id]
        context.log_event(
            dg.AssetObservation(
                account_snapshot.key,
                partition=partition_key(account.id, day.isoformat()),
                metadata={"coverage": coverage_of(snapshots)},
            )
        )
        problems += [f"{account.id}: {reason}" for reason in reasons_of(snapshots, hub.accepted)]
    if problems:
        raise dg.Failure("\n".join(problems), allow_retries=False)


@dg.job(executor_def=dg.in_process_executor, tags={"dagster/max_runtime": str(6 * 3600)})
def recollect() -> None:
    """Asks some sections of some accounts again, named in the run config."""
    recollect_sections()


defs = dg.Definitions(jobs=[recollect])
