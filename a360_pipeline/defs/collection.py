"""Collection: the organization, a snapshot of each account and day, and the schedule that asks for them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from a360_pipeline.aws.accounts import Discovered
from a360_pipeline.collection.collect import Collected, ask_organization, collect_accounts
from a360_pipeline.defs.hub import OWNERS, Hub
from a360_pipeline.defs.partitions import ACCOUNT, ACCOUNT_DAYS, DATE, partition_key, range_tags, ranges
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.sections.registry import SECTIONS

ORGANIZATION_POOL = "organization"
"""APIs that answer once for all accounts, at one rate for the whole organization; some answers are billed."""
POOL = "collection"
"""APIs of each account, at a rate of its own."""
MAX_SHOWN = 50


@dg.asset(group_name="collection", owners=OWNERS, kinds={"aws"}, pool=ORGANIZATION_POOL)
def organization(context: dg.AssetExecutionContext, hub: Hub) -> dg.MaterializeResult[None]:
    """The accounts to collect, with their attributes and the regions they have enabled.

    Asked of AWS Organizations and the Account API, or read from a file. Each account becomes a partition of
    `account_snapshot`; one that is suspended or not selected is skipped, by name. Partitions of accounts that were
    selected once stay. What is asked once for all accounts, such as their cost, is asked here and kept for the runs
    of the day.
    """
    discovered = hub.discover()
    accounts = discovered.accounts
    context.instance.add_dynamic_partitions(ACCOUNT, [account.id for account in accounts])
    address = hub.write_organization(discovered)
    context.log.info(f"{len(accounts)} accounts to collect, {len(discovered.skipped)} skipped")
    for one in discovered.skipped:
        context.log.warning(f"{one.id} ({one.name}) is skipped: {one.reason}")
    # Once a day for all accounts, before many runs would each ask for theirs: AWS bills some of it by request.
    ask_organization(hub.sessions, hub.store, hub.order(accounts, accounts, dt.datetime.now(dt.UTC).date()))
    return dg.MaterializeResult(metadata={"dagster/uri": address, **_told(discovered, hub.settings.regions)})


def _told(discovered: Discovered, wanted: tuple[str, ...]) -> dict[str, Any]:
    """How many accounts there are and which, and who is skipped and why."""
    found = [(one.id, one.name or "", ", ".join(one.wanted_regions(wanted))) for one in discovered.accounts]
    skipped = [(one.id, one.name, one.reason) for one in discovered.skipped]
    return {
        "dagster/row_count": len(found),
        "accounts": _shown(("account", "name", "regions"), found),
        "accounts_skipped": len(skipped),
        "skipped": _shown(("account", "name", "why"), skipped),
    }


def _shown(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> dg.MetadataValue[str | None]:
    lines = [columns, ("---",) * len(columns), *rows[:MAX_SHOWN]]
    more = f"\n\nand {len(rows) - MAX_SHOWN} more, in `dagster/uri`" if len(rows) > MAX_SHOWN else ""
    # Names are whatever people typed: they must not end a cell or a row.
    cells = ([" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines)
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in cells) + more)


def check_name(section: str) -> str:
    return f"{section}_complete"


@dg.asset(
    partitions_def=ACCOUNT_DAYS,
    deps=[organization],
    group_name="collection",
    owners=OWNERS,
    kinds={"aws", "s3", "json"},
    pool=POOL,
    # One result would mark every partition of a range: each account that succeeds logs its own.
    output_required=False,
    backfill_policy=dg.BackfillPolicy.multi_run(50),
    check_specs=[
        dg.AssetCheckSpec(
            check_name(section.name),
            asset="account_snapshot",
            description=f"{section.title}: nothing is missing but what is accepted.",
        )
        for section in SECTIONS.values()
        if section.is_collected
    ],
)
def account_snapshot(context: dg.AssetExecutionContext, hub: Hub) -> Iterator[dg.AssetCheckResult]:
    """What an account is on a day: a snapshot in S3 for each of its regions and one for the whole account.

    An account that misses anything that is not accepted is left failed, with the reason in the run's
    failure; the others of the range are materialized all the same.
    """
    keys = [dg.MultiPartitionKey(key.keys_by_dimension) for key in _partition_keys(context)]
    days = {key.keys_by_dimension[DATE] for key in keys}
    wanted = [key.keys_by_dimension[ACCOUNT] for key in keys]
    if len(days) > 1:
        raise dg.Failure("a run collects one day; ask for each day in a run of its own", allow_retries=False)
    (day,) = days
    discovered = hub.read_organization()
    everyone = discovered.accounts
    by_id = {account.id: account for account in everyone}
    collected: dict[str, list[Collected]] = defaultdict(list)
    accounts = [by_id[account_id] for account_id in wanted if account_id in by_id]
    for each in collect_accounts(hub.sessions, hub.store, hub.order(accounts, everyone, dt.date.fromisoformat(day))):
        collected[each.snapshot.key.account].append(each.without_facts())
        rows = sum(covered.rows for covered in each.snapshot.coverage.values())
        where = f"{each.snapshot.key.account} {each.snapshot.key.region}"
        context.log.info(f"collected {where}: {rows} rows{_what_is_missing(each)}")

    skipped = {one.id: [f"it is skipped: {one.reason}"] for one in discovered.skipped}
    unknown = ["it is not among the accounts that were discovered"]
    problems = {account_id: skipped.get(account_id, unknown) for account_id in wanted if account_id not in by_id}
    for account_id, snapshots in collected.items():
        reasons = reasons_of(snapshots, hub.accepted)
        if reasons:
            problems[account_id] = reasons
        else:
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key,
                    partition=partition_key(account_id, day),
                    metadata=_metadata(hub, snapshots),
                )
            )
    yield from _check_results([each for snapshots in collected.values() for each in snapshots], hub.accepted)
    if problems:
        told = "\n".join(f"{account_id}: {'; '.join(reasons)}" for account_id, reasons in sorted(problems.items()))
        raise dg.Failure(
            f"{len(problems)} of {len(wanted)} accounts are incomplete on {day}:\n{told}", allow_retries=False
        )


def _partition_keys(context: dg.AssetExecutionContext) -> list[dg.MultiPartitionKey]:
    keys = context.partition_keys
    return [key for key in keys if isinstance(key, dg.MultiPartitionKey)]


def reasons_of(snapshots: Sequence[Collected], accepted: AcceptedGaps) -> list[str]:
    """Why an account is incomplete: what could not be stored, and what is missing and accepted by nobody."""
    reasons = [each.error for each in snapshots if each.error]
    reasons += [
        f"{cell.section} in {cell.region} is {status}: {message}"
        for each in snapshots
        for cell, status, message in each.open_gaps(accepted)
    ]
    return reasons


def _what_is_missing(each: Collected) -> str:
    missing = [f"{name} {covered.status}" for name, covered in each.snapshot.coverage.items() if covered.status.is_gap]
    return f", missing: {', '.join(missing)}" if missing else ""


def coverage_of(snapshots: Sequence[Collected]) -> dg.MetadataValue[str | None]:
    """How each section of an account ended, region by region, as a table."""
    lines = [
        f"| {each.snapshot.key.region} | {name} | {covered.status} | {covered.rows} | {covered.effort.calls} "
        f"| {covered.message or ''} |"
        for each in sorted(snapshots, key=lambda each: each.snapshot.key.region)
        for name, covered in sorted(each.snapshot.coverage.items())
    ]
    return dg.MetadataValue.md(
        "| region | section | status | rows | calls | message |\n|---|---|---|---|---|---|\n" + "\n".join(lines)
    )


def _metadata(hub: Hub, snapshots: list[Collected]) -> dict[str, Any]:
    return {
        "dagster/row_count": sum(c.rows for each in snapshots for c in each.snapshot.coverage.values()),
        "coverage": coverage_of(snapshots),
        "snapshots": dg.MetadataValue.json([hub.store.uri(each.stored_as) for each in snapshots if each.stored_as]),
    }


def _check_results(collected: list[Collected], accepted: AcceptedGaps) -> Iterator[dg.AssetCheckResult]:
    for name in (section.name for section in SECTIONS.values() if section.is_collected):
        missing = [gap for each in collected for gap in each.open_gaps(accepted) if gap[0].section == name]
        covered = [each.snapshot.coverage[name] for each in collected if name in each.snapshot.coverage]
        lines = "\n".join(
            f"| {cell.account} | {cell.region} | {status} | {message} |"
            for cell, status, message in missing[:MAX_SHOWN]
        )
        yield dg.AssetCheckResult(
            check_name=check_name(name),
            passed=not missing,
            metadata={
                "asked": len(covered),
                "missing": len(missing),
                "accepted": sum(c.status.is_gap for c in covered) - len(missing),
                "rows": sum(c.rows for c in covered),
                "gaps": dg.MetadataValue.md(f"| account | region | status | message |\n|---|---|---|---|\n{lines}"),
            },
        )


discover = dg.define_asset_job("discover", selection=[organization])
collect = dg.define_asset_job(
    "collect",
    selection=[account_snapshot],
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(6 * 3600)},
)

daily = dg.ScheduleDefinition(
    name="daily",
    job=discover,
    cron_schedule="0 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Discovers the organization every night; its snapshots follow, and the warehouse follows them.",
)


def collect_requests(instance: dg.DagsterInstance, hub: Hub, day: str) -> list[dg.RunRequest]:
    """The runs that collect a day: ranges of the organization's accounts, none asked for twice."""
    wanted = [account.id for account in hub.read_organization().accounts]
    known = list(instance.get_dynamic_partitions(ACCOUNT))
    return [
        dg.RunRequest(run_key=f"{day} {first} {last}", job_name=collect.name, tags=range_tags(first, last, day))
        for first, last in ranges(known, wanted, hub.settings.accounts_per_run)
    ]


@dg.asset_sensor(
    asset_key=organization.key,
    job=collect,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def organization_discovered(
    context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry, hub: Hub
) -> list[dg.RunRequest]:
    """Collects the day on which the organization was discovered."""
    day = dt.datetime.fromtimestamp(asset_event.timestamp, dt.UTC).date().isoformat()
    return collect_requests(context.instance, hub, day)


defs = dg.Definitions(
    assets=[organization, account_snapshot],
    jobs=[discover, collect],
    schedules=[daily],
    sensors=[organization_discovered],
)
