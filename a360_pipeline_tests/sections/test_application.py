"""Section `application`: every service that Application Signals saw, told apart by its key attributes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sandbox.services.application_signals import services_truth
from a360_pipeline.sections import application
from a360_pipeline.sections.model import Window
from a360_pipeline_tests.sections.asking import TODAY, Asking, asking

REGION = "us-east-1"
WINDOW = Window.daily(TODAY)


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    with asking() as running:
        yield running


@pytest.fixture(scope="module")
def rows(asked: Asking) -> list[Any]:
    return asked.rows("application")


def test_every_service_is_listed_to_the_last_page(asked: Asking, rows: list[Any]) -> None:
    """S3. What was documented is collected."""
    wanted = services_truth(asked.organization, asked.first, REGION)
    assert rows == [{name: value for name, value in row.items() if name != "service_key"} for row in wanted]
    assert len(rows) == 120


def test_a_name_that_stands_in_two_environments_is_two_services(rows: list[Any]) -> None:
    keyed = list(application.APPLICATION_SIGNALS.rows(rows))
    assert len({(row["service_name"], row["service_key"]) for row in keyed}) == len(rows)
    assert set(Counter(row["service_name"] for row in keyed).values()) == {2}


def test_the_day_of_the_window_is_asked_for(asked: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = asked.session(asked.first, REGION)
    periods: list[dict[str, Any]] = []
    monkeypatch.setattr(aws, "pages", lambda *_, **period: periods.append(period) or ())
    assert application.collect(aws, WINDOW) == []
    midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
    assert periods == [{"StartTime": midnight - dt.timedelta(days=1), "EndTime": midnight}]


def test_what_aws_leaves_out_is_null_or_empty_and_nothing_is_made_up() -> None:
    service = {
        "KeyAttributes": {"Type": "AWS::Resource", "ResourceType": "AWS::DynamoDB::Table", "Identifier": "orders"},
        "MetricReferences": [],
    }
    assert application._service(service) == {
        "service_name": None,
        "namespace": None,
        "key_attributes": service["KeyAttributes"],
        "attribute_map": {},
        "attribute_maps": [],
        "metric_references": [],
        "service_groups": [],
    }


def test_attributes_lie_in_one_object_and_of_two_clusters_neither_is_lost() -> None:
    maps = [{"PlatformType": "AWS::EKS", "EKS.Cluster": "a"}, {"EKS.Cluster": "b"}, {"Telemetry.SDK": "x"}]
    row = application._service({"KeyAttributes": {"Name": "s"}, "AttributeMaps": maps, "MetricReferences": []})
    assert row["attribute_map"] == {"PlatformType": "AWS::EKS", "EKS.Cluster": "a", "Telemetry.SDK": "x"}
    assert row["attribute_maps"] == maps


def test_a_denied_listing_is_denied_not_empty(asked: Asking) -> None:
    asked.deny("application-signals:ListServices")
    assert asked.answer("application").coverage.status is Status.DENIED
    asked.stand_in.faults.set()
