"""Harvests as jobs of ops: planned, deployed region by region, cancelled, cleaned up and swept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from a360_pipeline.defs.hub import OWNERS, Hub
from a360_pipeline.inventory.harvest.plan import plan_harvest
from a360_pipeline.inventory.harvest.planned import Plan
from a360_pipeline.inventory.harvest.registry import HarvestExists, NoSuchHarvest, Registry
from a360_pipeline.inventory.harvest.request import HarvestRequest, RequestRefused, request_of
from a360_pipeline.inventory.harvest.stacks import RegionOutcome, deploy_region

if TYPE_CHECKING:
    from a360_pipeline.inventory.harvest.ending import Receipt

HARVEST = "harvest"
HARVESTS = dg.DynamicPartitionsDefinition(name=HARVEST)
HARVEST_KEY = dg.AssetKey("inventory_harvest")
HARVEST_TAG = "a360/harvest"
MAX_SHOWN = 50

inventory_harvest = dg.AssetSpec(
    HARVEST_KEY,
    partitions_def=HARVESTS,
    description="A harvest of S3 Inventory: what it asked for and planned. `start_harvest` makes it.",
    group_name="inventory",
    owners=OWNERS,
    kinds={"cloudformation", "s3"},
)


class RequestConfig(dg.Config):
    """A harvest's request, its fields as docs/harvest-request.md has them, such as `run_id: spring-2026`."""

    request: dict[str, Any]

    def read(self) -> HarvestRequest:
        """Raises dagster's Failure with a line for each problem."""
        try:
            return request_of(self.request)
        except RequestRefused as error:
            raise dg.Failure(str(error), allow_retries=False) from error


class HarvestConfig(dg.Config):
    """Which harvest."""

    harvest_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """A harvest that is recorded, and the regions in which it needs a stack."""

    harvest_id: str
    regions: tuple[str, ...]


def plan_metadata(plan: Plan) -> dict[str, Any]:
    """What is to be made where, as the UI shows it."""
    return {"plan": dg.MetadataValue.md(f"```\n{plan.text()}\n```"), "buckets": len(plan.buckets)}


@dg.op(out=dg.Out(dg.Nothing))
def show_plan(context: dg.OpExecutionContext, config: RequestConfig, hub: Hub) -> None:
    """Looks at every bucket and says what a harvest would make; nothing is made or recorded."""
    plan = plan_harvest(hub.means, config.read(), hub.discover().accounts)
    context.add_output_metadata(plan_metadata(plan))
    context.log.info(plan.text())


@dg.op
def begin_harvest(context: dg.OpExecutionContext, config: RequestConfig, hub: Hub) -> Started:
    """Plans the harvest, records it, and asks for the addresses of its mail to be verified."""
    from a360_pipeline.report.harvesting import begin

    try:
        begun = begin(hub.means, config.read(), hub.discover().accounts)
    except HarvestExists as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    harvest_id = begun.harvest.harvest_id
    context.instance.add_dynamic_partitions(HARVEST, [harvest_id])
    for identity in begun.identities:
        context.log.info(identity.said)
    metadata = {**plan_metadata(begun.plan), "mail": [identity.said for identity in begun.identities]}
    context.log_event(dg.AssetMaterialization(HARVEST_KEY, partition=harvest_id, metadata=metadata))
    return Started(harvest_id, tuple(region.region for region in begun.plan.regions))


@dg.op(out=dg.DynamicOut(tuple))
def each_region(started: Started) -> Iterator[dg.DynamicOutput[tuple[str, str]]]:
    """The regions that need a stack."""
    for region in started.regions:
        yield dg.DynamicOutput((started.harvest_id, region), mapping_key=region.replace("-", "_"))


@dg.op
def deploy(context: dg.OpExecutionContext, hub: Hub, place: tuple[str, str]) -> RegionOutcome:
    """Creates or updates the stack of a region. What fails is an outcome: the other regions go on."""
    harvest_id, region = place
    outcome = deploy_region(hub.means, harvest_id, region)
    context.log.info(f"{region}: {outcome.state} {outcome.message or ''}")
    return outcome


@dg.op(out=dg.Out(dg.Nothing))
def configure_buckets(
    context: dg.OpExecutionContext, hub: Hub, started: Started, outcomes: list[RegionOutcome]
) -> None:
    """Configures and lists the buckets, and lets the harvest wait; fails at its end where a region has no stack."""
    from a360_pipeline.report.harvesting import go_on

    done = go_on(hub.means, started.harvest_id)
    context.log.info(f"{done.step}: {done.message}")
    bad = [f"{outcome.region}: {outcome.message}" for outcome in outcomes if not outcome.is_good]
    if bad:
        raise dg.Failure("the others go on, but not every region has a stack:\n" + "\n".join(bad), allow_retries=False)


@dg.op(out=dg.Out(dg.Nothing))
def cancel_it(config: HarvestConfig, hub: Hub) -> None:
    """Takes and asks nothing more; the clean-up follows."""
    from a360_pipeline.inventory.harvest.ending import cancel

    try:
        cancel(hub.means, config.harvest_id)
    except (LookupError, ValueError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error


@dg.op(out=dg.Out(dg.Nothing), ins={"after": dg.In(dg.Nothing)})
def clean_up_it(context: dg.OpExecutionContext, config: HarvestConfig, hub: Hub) -> None:
    """Removes whatever the harvest made, in every account and region, and proves that nothing is left."""
    from a360_pipeline.inventory.harvest.ending import clean_up

    try:
        receipt = clean_up(hub.means, config.harvest_id)
    except NoSuchHarvest as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    _told(context, {config.harvest_id: receipt}, [])


@dg.op(out=dg.Out(dg.Nothing))
def sweep_all(context: dg.OpExecutionContext, hub: Hub) -> None:
    """Cleans up after harvests that nobody ended, and names what is tagged with unknown ones."""
    from a360_pipeline.inventory.harvest.sweep import sweep

    swept = sweep(hub.means)
    strangers = [f"unknown harvest {name}: {', '.join(things)}" for name, things in swept.unknown.items()]
    _told(context, swept.receipts, [*swept.problems, *strangers])


def _told(context: dg.OpExecutionContext, receipts: "dict[str, Receipt]", problems: list[str]) -> None:
    """Shows receipts. Raises dagster's Failure where something is left or could not be looked at."""
    context.add_output_metadata({name: dg.MetadataValue.json(receipt.told()) for name, receipt in receipts.items()})
    left = [f"{name}: {receipt.said}" for name, receipt in receipts.items() if not receipt.is_clean]
    for name, receipt in receipts.items():
        context.log.info(f"{name}: {receipt.said}")
    if left or problems:
        raise dg.Failure("\n".join([*left, *problems][:MAX_SHOWN]), allow_retries=False)


TAGS = {"dagster/max_runtime": str(6 * 3600)}


@dg.job(tags=TAGS)
def plan_a_harvest() -> None:
    """Says what a harvest would make, and makes nothing."""
    show_plan()


@dg.job(tags=TAGS)
def start_harvest() -> None:
    """Plans a harvest, deploys a stack in each region that needs one, and configures the buckets.

    Then it waits for S3: `harvests_under_way` takes it on from there, up to 48 hours later. With `smoke_test` in the
    request it places objects of its own and is through in minutes.
    """
    started = begin_harvest()
    configure_buckets(started, each_region(started).map(deploy).collect())


@dg.job(tags=TAGS)
def cancel_harvest() -> None:
    """Ends a harvest and cleans up after it."""
    clean_up_it(after=cancel_it())


@dg.job(tags=TAGS)
def clean_up_harvest() -> None:
    """Cleans up after a harvest whatever became of it; to be run again until nothing is left."""
    clean_up_it()


@dg.job(tags=TAGS)
def sweep_harvests() -> None:
    """The second net under all harvests."""
    sweep_all()


@dg.schedule(
    job=sweep_harvests,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def swept_daily(context: dg.ScheduleEvaluationContext, hub: Hub) -> dg.RunRequest | dg.SkipReason:
    """Sweeps every morning, where there ever was a harvest: what a dead one left behind costs money."""
    with hub.means.connect() as connection:
        if not Registry(connection).harvests():
            return dg.SkipReason("there was no harvest yet")
    return dg.RunRequest(run_key=context.scheduled_execution_time.date().isoformat())


defs = dg.Definitions(
    assets=[inventory_harvest],
    jobs=[plan_a_harvest, start_harvest, cancel_harvest, clean_up_harvest, sweep_harvests],
    schedules=[swept_daily],
)
