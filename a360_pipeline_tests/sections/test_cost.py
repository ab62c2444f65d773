"""Sections `cost` and `service`: every account's costs, asked once, whatever the number of accounts and regions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.served import ANSWERS
from a360_pipeline.sections.cost import anomalies
from a360_pipeline.sections.cost import report as cost_report
from a360_pipeline.sections.cost.usage import Usage, read_again_from
from a360_pipeline.sections.model import AccountRows, Scope, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import load
from a360_pipeline_tests.sections.organizations import Asked, accounts_of, ask, sessions_in, sessions_of, watch

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "api"
MOST_REQUESTS = 12


@pytest.fixture(scope="module")
def small_organization() -> Organization:
    """With many anomalies."""
    return Organization.seeded(sizes=Sizes(4, 2, 3, 3, others=120), now=NOW)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the stand-in of a test is asked."""
    return watch(monkeypatch)


@pytest.fixture
def organization(stand_in: StandIn) -> Organization:
    return stand_in.organization


@pytest.fixture
def hub_sessions(stand_in: StandIn) -> Sessions:
    return sessions_in(stand_in)


def collect(sessions: Sessions, organization: Organization, window: Window, name: str = "cost") -> AccountRows:
    return ask(name, sessions.hub(), window, accounts_of(organization))


def cost(organization: Organization, account_id: str, *days: dt.date) -> Decimal:
    return sum((organization.cost(account_id, each, day) for each in SERVICES for day in days), Decimal(0))


def days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    while start < end:
        yield start
        start += dt.timedelta(days=1)


def refuse(code: str, message: str = "no") -> Callable[..., dict[str, Any]]:
    def answer(*_: Any) -> dict[str, Any]:
        raise AwsError(code, message)

    return answer


# --- What it costs to ask


@pytest.mark.parametrize("regions", [("us-east-1",), ("us-east-1", "eu-central-2")], ids=len)
def test_a_day_has_as_many_questions_for_one_account_as_for_forty(asked: Asked, regions: tuple[str, ...]) -> None:
    """S28."""
    counts = []
    for number in (1, 10, 40):
        organization = Organization.seeded(accounts=number, regions=regions, sizes=Sizes(0, 0, 0, 0, 4), now=NOW)
        with sessions_of(organization) as sessions:
            hub = sessions.hub()
            asked.clear()
            for section in SECTIONS.values():
                if section.scope is Scope.ORGANIZATION and section.is_collected:
                    payload = ask(section.name, hub, Window.daily(TODAY), accounts_of(organization))
                    assert set(payload) == set(organization.by_id)
            assert hub.failed_parts == []
            counts.append(asked.counts("ce"))
    assert counts[0] == counts[1] == counts[2]
    assert counts[0].total() <= MOST_REQUESTS
    assert counts[0]["GetCostForecast"] == 1


def test_accounts_are_forecast_one_by_one_only_as_many_as_the_settings_say(
    asked: Asked, stand_in: StandIn, organization: Organization
) -> None:
    """S28: each is a request of its own, so nobody gets more of them than they asked for."""
    hub = sessions_in(stand_in, forecast_accounts=2).hub()
    reports = ask("cost", hub, Window.daily(TODAY), accounts_of(organization))
    costliest = sorted(organization.by_id, key=lambda each: -cost(organization, each, YESTERDAY))[:2]
    payer = organization.management.id
    assert {each for each, report in reports.items() if report["forecast"]} == {payer, *costliest}
    assert asked.counts("ce")["GetCostForecast"] == len({payer, *costliest})
    first = next(each for each in costliest if each != payer)
    rest_of_month = cost(organization, first, *days(TODAY, dt.date(2026, 12, 1)))
    assert reports[first]["forecast"][0]["amount"] == rest_of_month


# --- What each account cost


def test_the_report_is_of_yesterday_against_the_day_before(hub_sessions: Sessions, organization: Organization) -> None:
    reports = collect(hub_sessions, organization, Window.daily(TODAY))
    for account_id, report in reports.items():
        before = YESTERDAY - dt.timedelta(days=1)
        assert report["current_period_cost"] == cost(organization, account_id, YESTERDAY)
        assert report["previous_period_cost"] == cost(organization, account_id, before)
        assert report["period"] == {"start": str(YESTERDAY), "end": str(TODAY), "granularity": "DAILY"}
        assert sum(each["cost"] for each in report["top_services"]) <= report["current_period_cost"]


def test_every_service_of_every_account_is_told_from_the_same_question(
    asked: Asked, hub_sessions: Sessions, organization: Organization
) -> None:
    hub = hub_sessions.hub()
    ask("cost", hub, Window.daily(TODAY), accounts_of(organization))
    before = asked.counts("ce")["GetCostAndUsage"]
    found = ask("service", hub, Window.daily(TODAY), accounts_of(organization))
    assert asked.counts("ce")["GetCostAndUsage"] == before
    for account_id, rows in found.items():
        true = {each: organization.cost(account_id, each, YESTERDAY) for each in SERVICES}
        assert {row["service"]: row["cost"] for row in rows} == {name: each for name, each in true.items() if each}


@pytest.mark.parametrize(
    ("window", "granularity"),
    [
        (Window.weekly(TODAY), "DAILY"),
        (Window.monthly(TODAY), "MONTHLY"),
        (Window.yearly(TODAY), "MONTHLY"),
    ],
    ids=lambda each: each.interval if isinstance(each, Window) else each,
)
def test_weeks_and_years_are_summed_from_what_cost_explorer_knows(
    asked: Asked, hub_sessions: Sessions, organization: Organization, window: Window, granularity: str
) -> None:
    """S22: WEEKLY and YEARLY are no granularities of its, and its end dates are exclusive."""
    hub = hub_sessions.hub()
    accounts = accounts_of(organization)
    reports, services = (ask(name, hub, window, accounts) for name in ("cost", "service"))
    usage = next(each for each in asked.parameters("ce") if "Granularity" in each and "GroupBy" in each)
    assert (usage["Granularity"], usage["TimePeriod"]["End"]) == (granularity, str(window.end))
    account_id = organization.accounts[1].id
    report = reports[account_id]
    assert report["current_period_cost"] == cost(organization, account_id, *days(window.start, window.end))
    assert report["previous_period_cost"] == cost(organization, account_id, *days(window.previous_start, window.start))
    assert report["period"]["granularity"] == window.interval
    assert sum(row["cost"] for row in services[account_id]) == report["current_period_cost"]


def test_an_account_that_cost_nothing_the_day_before_has_no_percentage() -> None:
    usage = Usage()
    usage.costs["111122223333"][YESTERDAY]["Amazon S3"] = Decimal(3)
    assert cost_report._report(usage, None, "111122223333", Window.daily(TODAY))["cost_difference_percentage"] is None


# --- Restatement


@pytest.mark.parametrize(
    ("run_date", "first"),
    [("2026-11-10", "2026-10-01"), ("2026-11-11", "2026-11-01"), ("2026-01-01", "2025-12-01")],
)
def test_days_are_read_again_until_the_invoice_of_their_month_closes(run_date: str, first: str) -> None:
    """S30."""
    assert str(read_again_from(Window.daily(dt.date.fromisoformat(run_date)))) == first


def test_the_history_has_every_day_and_says_which_are_estimates(
    hub_sessions: Sessions, organization: Organization
) -> None:
    """S30."""
    reports = collect(hub_sessions, organization, Window.daily(TODAY))
    for account_id, report in reports.items():
        assert report["cost_history"] == [
            {
                "date": str(day),
                "cost": cost(organization, account_id, day),
                "currency": "USD",
                "is_estimated": day >= TODAY - dt.timedelta(days=2),
            }
            for day in days(dt.date(2026, 11, 1), TODAY)
        ]


def test_a_day_that_comes_in_two_pages_is_added_up() -> None:
    def page(service: str, estimated: bool) -> dict[str, Any]:
        metrics = {"UnblendedCost": {"Amount": "1.5", "Unit": "USD"}}
        return {
            "TimePeriod": {"Start": "2026-11-23", "End": "2026-11-24"},
            "Groups": [{"Keys": ["111122223333", service], "Metrics": metrics}],
            "Estimated": estimated,
        }

    usage = Usage().add([page("Amazon S3", True), page("AWS Lambda", False)])
    assert list(usage.days("111122223333", YESTERDAY)) == [(YESTERDAY, Decimal(3), True)]


def snapshot_of(day: dt.date, **costs: tuple[float, bool]) -> Snapshot:
    """A snapshot of ours whose report has these costs and whether they are estimates, by day of November."""
    history = [
        {"date": f"2026-11-{name[1:]}", "cost": amount, "currency": "USD", "is_estimated": is_estimated}
        for name, (amount, is_estimated) in costs.items()
    ]
    period = {"start": str(day - dt.timedelta(days=1)), "end": str(day), "granularity": "DAILY"}
    content = {
        "account": {"account_id": "111122223333", "account_name": "a", "region": "Global"},
        "cost": {"current_period_cost": 1, "previous_period_cost": 1, "period": period, "cost_history": history},
    }
    key = SnapshotKey("111122223333", "Global", day)
    return Snapshot(key, content, {"cost": SectionCoverage(Status.OK, 1 + len(history))}, is_ours=True)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_later_word_on_a_day_stands_whichever_comes_first(
    store: SnapshotStore, connection: psycopg.Connection[Any], warehouse_url: str, order: tuple[int, ...]
) -> None:
    """S30: the estimate of the first is replaced, what only the first told stays."""
    snapshots = [
        snapshot_of(dt.date(2026, 11, 23), d20=(5, False), d22=(10, True)),
        snapshot_of(dt.date(2026, 11, 24), d22=(12.5, False), d23=(7, True)),
    ]
    for place in order:
        store.put(f"data/{snapshots[place].key.path}", write_snapshot(snapshots[place]))
        load(store, warehouse_url, list(store.waiting()), batch_files=9, batch_bytes=10**9)
    found = connection.execute("SELECT date, cost::float8, is_estimated FROM cost_history ORDER BY date").fetchall()
    assert [(day.day, amount, is_estimated) for day, amount, is_estimated in found] == [
        (20, 5.0, False),
        (22, 12.5, False),
        (23, 7.0, True),
    ]


# --- What is known only of now


def test_the_forecast_is_the_organizations_and_filed_once(hub_sessions: Sessions, organization: Organization) -> None:
    reports = collect(hub_sessions, organization, Window.daily(TODAY))
    periods = [("2026-11-24", "2026-12-01"), ("2026-12-01", "2027-01-01")]
    found = reports[organization.management.id]["forecast"]
    assert [(each["period"]["start"], each["period"]["end"]) for each in found] == periods
    for each, (start, end) in zip(found, periods, strict=True):
        coming = list(days(dt.date.fromisoformat(start), dt.date.fromisoformat(end)))
        assert each["amount"] == sum(cost(organization, account_id, *coming) for account_id in organization.by_id)
        assert each["prediction_interval_lower_bound"] < each["amount"] < each["prediction_interval_upper_bound"]
    assert [account_id for account_id, each in reports.items() if each["forecast"]] == [organization.management.id]


def test_an_organization_too_young_for_a_forecast_has_none(
    monkeypatch: pytest.MonkeyPatch, small_organization: Organization
) -> None:
    monkeypatch.setitem(ANSWERS, ("ce", "GetCostForecast"), refuse("DataUnavailableException"))
    with sessions_of(small_organization) as sessions:
        hub = sessions.hub()
        reports = ask("cost", hub, Window.daily(TODAY), accounts_of(small_organization))
        assert hub.failed_parts == []
    assert [report["forecast"] for report in reports.values()] == [[]] * 4


def test_no_anomaly_is_cut_and_each_is_told_under_the_accounts_that_caused_it(
    hub_sessions: Sessions, organization: Organization
) -> None:
    reports = collect(hub_sessions, organization, Window.daily(TODAY))
    payer, neighbor = (account.id for account in organization.accounts[:2])
    # Among them one that nobody is known to have caused.
    assert len(reports[payer]["anomalies"]) == organization.sizes.others
    by_id = [{row["anomaly_id"]: row for row in reports[each]["anomalies"]} for each in (payer, neighbor)]
    (shared,) = set(by_id[0]) & set(by_id[1])
    parts = [found[shared]["account_impact"] for found in by_id]
    assert sum(parts) == by_id[0][shared]["total_impact"]
    (unexplained,) = [row for row in reports[payer]["anomalies"] if not row["root_causes"]]
    assert (unexplained["account_impact"], unexplained["total_impact"] > 0) == (None, True)
    ongoing = [row for row in reports[payer]["anomalies"] if row["end_date"] is None]
    assert ongoing
    assert reports[payer]["anomalies_detected"] == sum(
        row["end_date"] in (None, str(YESTERDAY)) for row in reports[payer]["anomalies"]
    )


def test_how_many_anomalies_a_year_had_is_not_known(hub_sessions: Sessions, organization: Organization) -> None:
    reports = collect(hub_sessions, organization, Window.yearly(TODAY))
    assert {report["anomalies_detected"] for report in reports.values()} == {None}
    assert reports[organization.management.id]["anomalies"]


def test_an_anomaly_whose_cause_names_no_account_is_the_payers_and_without_one_nobodys() -> None:
    found = {
        "AnomalyId": "a",
        "MonitorArn": "arn",
        "AnomalyScore": {"MaxScore": 0.5, "CurrentScore": 0.25},
        "Impact": {"MaxImpact": 9.0},
        "RootCauses": [{"Service": "AWS Lambda"}],
    }
    (row,) = anomalies.by_account([found], "111122223333")["111122223333"]
    assert (row["account_impact"], row["total_impact"], row["end_date"]) == (None, None, None)
    assert anomalies.by_account([found], None) == {}


def test_savings_are_those_of_the_optimization_hub_and_of_nobody_else(
    hub_sessions: Sessions, organization: Organization
) -> None:
    reports = collect(hub_sessions, organization, Window.daily(TODAY))
    total = sum(report["potential_monthly_savings"] for report in reports.values())
    summaries = hub_sessions.hub().call("cost-optimization-hub", "list_recommendation_summaries", groupBy="AccountId")
    assert total == Decimal(str(summaries["estimatedTotalDedupedSavings"]))
    assert all((r["saving_opportunities_count"] > 0) is (r["potential_monthly_savings"] > 0) for r in reports.values())


def test_an_account_that_is_not_enrolled_has_unknown_savings_and_one_without_any_has_none(
    monkeypatch: pytest.MonkeyPatch, small_organization: Organization
) -> None:
    """R33: what nobody collects is null and never a zero, nor a sum of recommendations that overlap."""
    first, second = (account.id for account in small_organization.accounts[:2])
    statuses = [{"accountId": first, "status": "Active"}, {"accountId": second, "status": "Inactive"}]
    answers = {"ListEnrollmentStatuses": {"items": statuses}, "ListRecommendationSummaries": {"items": []}}
    for name, answer in answers.items():
        key = ("cost-optimization-hub", name)
        monkeypatch.setitem(ANSWERS, key, lambda *_, answer=answer: answer)
    with sessions_of(small_organization) as sessions:
        reports = collect(sessions, small_organization, Window.daily(TODAY))
    names = ("potential_monthly_savings", "saving_opportunities_count")
    assert [reports[first][name] for name in names] == [0, 0]
    assert [reports[second][name] for name in names] == [None, None]


def test_a_past_days_report_says_nothing_that_is_known_only_of_now(
    asked: Asked, hub_sessions: Sessions, organization: Organization
) -> None:
    hub = hub_sessions.hub()
    window = replace(Window.daily(dt.date(2026, 10, 5)), is_now=False)
    for report in ask("cost", hub, window, accounts_of(organization)).values():
        assert (report["forecast"], report["anomalies"], report["anomalies_detected"]) == ([], [], None)
        assert report["potential_monthly_savings"] is None
    assert asked.counts("ce") == {"GetCostAndUsage": 2}


def test_a_part_that_is_denied_is_named_and_the_rest_is_told(stand_in: StandIn, organization: Organization) -> None:
    payer = organization.management.id
    stand_in.faults.set(denied={payer: ["ce:GetCostForecast", "cost-optimization-hub:*"]})
    hub = sessions_in(stand_in).hub()
    report = ask("cost", hub, Window.daily(TODAY), accounts_of(organization))[payer]
    assert [part.partition(":")[0] for part in hub.failed_parts] == [
        "savings of Cost Optimization Hub",
        "forecast of the organization",
    ]
    assert (report["forecast"], report["potential_monthly_savings"]) == ([], None)
    assert report["current_period_cost"] > 0
    assert report["anomalies_detected"] is not None


def test_usage_that_cannot_be_read_is_no_report(stand_in: StandIn, organization: Organization) -> None:
    stand_in.faults.set(denied={organization.management.id: ["ce:GetCostAndUsage"]})
    for name in ("cost", "service"):
        with pytest.raises(ClientError, match="AccessDenied"):
            collect(sessions_in(stand_in), organization, Window.daily(TODAY), name)


def test_an_organization_without_cost_explorer_has_it_not_enabled() -> None:
    for name in ("cost", "service"):
        assert SECTIONS[name].errors == {"DataUnavailableException": Status.NOT_ENABLED}


# --- Real answers


def test_a_real_answer_of_cost_explorer_is_taken_in() -> None:
    path = DATA / "cost-explorer" / "cloudscape.get-cost-and-usage.monthly-by-service.json"
    if not path.exists():
        pytest.skip("real payloads are not at hand")
    periods = json.loads(path.read_text(encoding="utf-8"))["ResultsByTime"]
    # It is grouped by service alone.
    for period in periods:
        for group in period["Groups"]:
            group["Keys"] = ["111122223333", *group["Keys"]]
    usage = Usage().add(periods)
    amounts = [Decimal(group["Metrics"]["UnblendedCost"]["Amount"]) for period in periods for group in period["Groups"]]
    assert len(usage.is_estimated) == len(periods)
    assert usage.currency == "USD"
    total = usage.total("111122223333", dt.date.min, dt.date.max)
    assert total == sum(amounts) > 0
