"""AWS as botocore's models describe it: each operation is checked for its parameters and answered in two pages."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import botocore.session

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.clients import Caller, Clients
from a360_pipeline.aws.meter import Meter
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.settings import Choices
from a360_pipeline_tests.sections.shaped import ACCOUNTS, INSTANT, Making, Told

Parameters = Mapping[str, Any]
REGION = "us-east-1"
SECOND_PAGE = "second-page"
ORGANIZATION = [
    Account(each, f"account {each}", arn=f"arn:aws:organizations::{ACCOUNTS[0]}:account/o-1/{each}")
    for each in ACCOUNTS
]
DAY = INSTANT.date().isoformat()
REPORT_HEAD = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated,"
    "cert_1_active,cert_2_active"
)
REPORT_LINE = (
    f"{{name}},{{arn}},{DAY}T00:00:00+00:00,true,N/A,{DAY}T00:00:00+00:00,N/A,true,true,N/A,false,N/A,false,false"
)


@dataclass(frozen=True)
class Batch:
    """An operation that is asked for many by their ids: which parameter has them, and where each item says its own."""

    parameter: str
    result: str
    own: str
    of: str | None = None
    """Where the parameter's items are objects: what lies in them as `own`; `also` is taken over by its name."""
    also: str | None = None


BATCHES = {
    "guardduty.GetFindings": Batch("FindingIds", "Findings", "Id"),
    "health.DescribeEventDetails": Batch("eventArns", "successfulSet", "event.arn"),
    "health.DescribeEventDetailsForOrganization": Batch(
        "organizationEventDetailFilters", "successfulSet", "event.arn", "eventArn", "awsAccountId"
    ),
    "health.DescribeAffectedEntitiesForOrganization": Batch(
        "organizationEntityAccountFilters", "entities", "eventArn", "eventArn", "awsAccountId"
    ),
    "health.DescribeAffectedEntities": Batch("filter.eventArns", "entities", "eventArn"),
    "support.DescribeTrustedAdvisorCheckSummaries": Batch("checkIds", "summaries", "checkId"),
    "config.GetConformancePackComplianceSummary": Batch(
        "ConformancePackNames", "ConformancePackComplianceSummaryList", "ConformancePackName"
    ),
    "inspector2.BatchGetAccountStatus": Batch("accountIds", "accounts", "accountId"),
}


def _each(answer: Any, path: str) -> Iterator[Any]:
    """What lies at a dotted path in an answer, in all items of the lists on the way."""
    name, _, rest = path.partition(".")
    for found in answer if isinstance(answer, list) else [answer]:
        inner = dict.get(found, name)
        if inner is not None:
            yield from _each(inner, rest) if rest else inner if isinstance(inner, list) else [inner]


def _says(path: str, name: str, value: Any) -> Callable[[Told, int], None]:
    """Writes a value, or what is made of the place of each, over a member of all that lies at a path."""

    def write(answer: Told, page: int) -> None:
        for place, found in enumerate(_each(answer, path)):
            if name in dict.keys(found):
                found[name] = value(page * 2 + place) if callable(value) else value

    return write


def _groups(answer: Told, page: int) -> None:
    for place, group in enumerate(_each(answer, "ResultsByTime.Groups")):
        group["Keys"] = [ACCOUNTS[place % len(ACCOUNTS)], f"service-{page}-{place}"]
        group["Metrics"] = {"UnblendedCost": {"Amount": "1.25", "Unit": "USD"}}


def _listed_users() -> str:
    lines = [REPORT_LINE.format(name=f"username-{number}", arn=f"arn-{number}".ljust(20, "-")) for number in range(4)]
    return "\n".join([REPORT_HEAD, *lines])


def _resource(number: int) -> str:
    return json.dumps(
        {
            "accountId": ACCOUNTS[number % len(ACCOUNTS)],
            "resourceType": "AWS::EC2::Instance",
            "resourceId": f"i-{number}",
            "awsRegion": REGION,
            "configuration": {"state": {"name": "running"}, "instanceType": "m6i.large"},
        }
    )


def _reservation(number: int) -> dict[str, str]:
    return {
        "accountId": ACCOUNTS[number % len(ACCOUNTS)],
        "numberOfInstances": "2",
        "instanceType": "db.m6i.large",
        "hourlyRecurringFee": "0.5",
        "startDateTime": f"{DAY}T00:00:00.000Z",
        "endDateTime": f"{DAY}T12:00:00.000Z",
        "subscriptionStatus": "Active",
    }


def _plan(number: int) -> dict[str, str]:
    return {
        "AccountId": ACCOUNTS[number % len(ACCOUNTS)],
        "Region": "Any",
        "SavingsPlansType": "ComputeSavingsPlans",
        "HourlyCommitment": "0.5",
        "RecurringHourlyFee": "0.5",
        "UpfrontFee": "0",
        "StartDateTime": f"{DAY}T00:00:00Z",
        "EndDateTime": f"{DAY}T12:00:00Z",
        "Status": "Active",
    }


def _application(number: int) -> dict[str, str]:
    return {"Name": f"application-{number}", "Version": "1.0", "InstalledTime": f"{DAY}T00:00:00Z"}


def _members(path: str, name: str, made: Callable[[int], Any]) -> Callable[[Told, int], None]:
    """The same of a list itself: every place in it is made anew."""

    def write(answer: Told, page: int) -> None:
        for found in _each(answer, path) if path else [answer]:
            if name in dict.keys(found):
                found[name] = [made(page * 2 + place) for place in range(len(dict.get(found, name, ())))]

    return write


PERIOD = ("TimePeriod", {"Start": DAY, "End": INSTANT.date().replace(day=2).isoformat()})
MEANT: Mapping[str, tuple[Callable[[Told, int], None], ...]] = {
    "ce.GetCostAndUsage": (_says("ResultsByTime", *PERIOD), _groups),
    "ce.GetCostForecast": (
        _says(
            "ForecastResultsByTime",
            "TimePeriod",
            lambda number: {"Start": f"2026-0{3 + number}-01", "End": f"2026-0{4 + number}-01"},
        ),
    ),
    "ce.GetReservationUtilization": (_says("UtilizationsByTime.Groups", "Attributes", _reservation),),
    "ce.GetSavingsPlansUtilizationDetails": (
        _says("SavingsPlansUtilizationDetails", "Attributes", _plan),
        _says("SavingsPlansUtilizationDetails", "SavingsPlanArn", lambda number: f"savingsplanarn-{number}"),
    ),
    "compute-optimizer.GetEnrollmentStatusesForOrganization": (_says("accountEnrollmentStatuses", "status", "Active"),),
    "config.DescribeConfigurationAggregators": (
        _says("ConfigurationAggregators.AccountAggregationSources", "AwsRegions", []),
        _says("ConfigurationAggregators.OrganizationAggregationSource", "AwsRegions", []),
        _says("ConfigurationAggregators.AccountAggregationSources", "AllAwsRegions", lambda number: number > 3),
        _says("ConfigurationAggregators.OrganizationAggregationSource", "AllAwsRegions", lambda number: number > 1),
    ),
    "config.DescribeConfigurationAggregatorSourcesStatus": (
        _says("AggregatedSourceStatusList", "SourceId", lambda number: ACCOUNTS[number % len(ACCOUNTS)]),
        _says("AggregatedSourceStatusList", "AwsRegion", REGION),
    ),
    "config.SelectAggregateResourceConfig": (_members("", "Results", _resource),),
    "config.SelectResourceConfig": (_members("", "Results", _resource),),
    "cost-optimization-hub.ListEnrollmentStatuses": (_says("items", "status", "Active"),),
    "cost-optimization-hub.ListRecommendationSummaries": (
        _says("items", "group", lambda number: ACCOUNTS[4 - number // 2]),
    ),
    "health.DescribeEventDetails": (lambda answer, _page: answer.update(failedSet=[]),),
    "health.DescribeEventDetailsForOrganization": (lambda answer, _page: answer.update(failedSet=[]),),
    "health.DescribeAffectedEntitiesForOrganization": (lambda answer, _page: answer.update(failedSet=[]),),
    "iam.GenerateCredentialReport": (lambda answer, _page: answer.update(State="COMPLETE"),),
    "iam.GetAccountSummary": (lambda answer, _page: answer.update(SummaryMap={"AccountMFAEnabled": 1}),),
    "iam.GetCredentialReport": (lambda answer, _page: answer.update(Content=_listed_users().encode()),),
    "inspector2.BatchGetAccountStatus": (
        _says("accounts.state", "status", "ENABLED"),
        _says("failedAccounts", "accountId", "999999999999"),
    ),
    "kms.DescribeKey": (_says("KeyMetadata", "KeySpec", "SYMMETRIC_DEFAULT"),),
    "wafv2.GetWebACL": (
        _says("WebACL.PreProcessFirewallManagerRuleGroups", "Name", lambda number: f"before-{number}"),
        _says("WebACL.PostProcessFirewallManagerRuleGroups", "Name", lambda number: f"after-{number}"),
    ),
    "ssm.ListInventoryEntries": (_members("", "Entries", _application),),
}
"""What operations answer that a model does not tell: texts that are figures, states that are not the first there is."""


@cache
def pager(service: str, operation: str) -> tuple[str, str] | None:
    """What an operation calls the token of the next page in its answer and in its request; None if it has one page."""
    session = botocore.session.get_session()
    model = session.get_service_model(service).operation_model(operation)
    try:
        said = session.get_paginator_model(service).get_paginator(operation)
        told, asked = (
            value[0] if isinstance(value, list) else value for value in (said["output_token"], said["input_token"])
        )
        return str(told).partition(" ")[0], str(asked)
    except (botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError, ValueError):
        known = set(model.output_shape.members) & set(model.input_shape.members if model.input_shape else ())
        token = next((name for name in known if re.search(r"next.*(token|marker)", name, re.IGNORECASE)), None)
        return (token, token) if token else None


@dataclass
class Answers:
    """What AWS says to a session: made of shapes, denied where `denied` says so, all of it noted."""

    making: Making
    denied: Callable[[str], bool] = lambda _operation: False
    pages: Callable[[str], int] = lambda _operation: 2
    empty: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, model: Any, parameters: Parameters) -> tuple[Any, Mapping[str, Any]]:
        """The status and the body that botocore is given for a response."""
        service = model.service_model.service_name
        name = f"{service}.{model.name}"
        self.asked.append(name)
        if self.denied(name):
            return SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDenied", "Message": "not allowed"}}
        return SimpleNamespace(status_code=200), self._made(model, service, name, parameters)

    def _made(self, model: Any, service: str, name: str, parameters: Parameters) -> Told:
        told, asked = pager(service, model.name) or (None, None)
        page = int(asked in parameters)
        chosen = {
            key: value for key, value in parameters.items() if key != asked and isinstance(value, (str, list, dict))
        }
        suffix = f"-{zlib.crc32(repr(chosen).encode()):08x}" if chosen else ""
        answer = self._page(model.output_shape, page, suffix)
        if name in BATCHES:
            _batch(answer, BATCHES[name], parameters, page)
        for write in MEANT.get(name, ()):
            write(answer, page)
        _echo(answer, parameters)
        if told is not None:
            has_more = page + 1 < self.pages(name)
            answer |= {each: has_more for each in ("IsTruncated", "Truncated") if each in model.output_shape.members}
            answer.pop(told, None)
            if has_more:
                answer[told] = SECOND_PAGE
        return answer

    def _page(self, shape: Any, page: int, suffix: str) -> Told:
        # A page's items follow on those of the page before; what is no list is the same on both.
        answer = self.making.structure(shape, page, suffix)
        if self.empty:
            for member, value in dict.items(answer):
                if isinstance(value, list):
                    answer[member] = []
        return answer


def _batch(answer: Told, batch: Batch, parameters: Parameters, page: int) -> None:
    wanted: Any = parameters
    for name in batch.parameter.split("."):
        wanted = wanted[name]
    items = dict.get(answer, batch.result) or []
    if not items:
        return
    answer[batch.result] = [_of(items[page_item % len(items)], batch, each) for page_item, each in enumerate(wanted)]
    if page:
        answer[batch.result] = answer[batch.result][:1]


def _of(item: Told, batch: Batch, wanted: Any) -> Told:
    made = _copied(item)
    at: Any = made
    *way, last = batch.own.split(".")
    for name in way:
        at = dict.__getitem__(at, name)
    at[last] = wanted[batch.of] if batch.of else wanted
    if batch.also:
        made.pop(batch.also, None)
        if batch.also in wanted:
            made[batch.also] = wanted[batch.also]
    return made


def _copied(value: Any) -> Any:
    if isinstance(value, Told):
        return value.with_members({name: _copied(inner) for name, inner in dict.items(value)})
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _echo(answer: Any, parameters: Parameters) -> None:
    """What was asked for by a name is answered by the same name."""
    for name, value in dict.items(answer):
        if isinstance(value, Told):
            _echo(value, parameters)
        elif isinstance(value, str) and isinstance(parameters.get(name), str) and name not in ("NextToken", "Marker"):
            answer[name] = parameters[name]


_answers: ContextVar[Answers] = ContextVar("answers")


@cache
def _client(service: str, region: str) -> Any:
    """A client of botocore that checks parameters and pages as ever, but sends nothing."""
    session = botocore.session.get_session()
    client = session.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")

    def keep(params: Parameters, context: dict[str, Any], **_: Any) -> None:
        context["asked"] = dict(params)

    def answer(model: Any, context: Mapping[str, Any], **_: Any) -> tuple[Any, Mapping[str, Any]]:
        return _answers.get().answer(model, context["asked"])

    client.meta.events.register("before-parameter-build.*.*", keep)
    client.meta.events.register("before-call.*.*", answer)
    return client


class Modeled(AccountSession):
    """A session of the first account with AWS as it is modeled."""

    def __init__(self, answers: Answers) -> None:
        clients = SimpleNamespace(shared=_client, of=lambda _caller, service, region: _client(service, region))
        caller = Caller(ACCOUNTS[0], None, Meter(), lambda *_: None)
        choices = Choices(forecast_accounts=3, seller_product_codes=("product",))
        super().__init__(cast("Clients", clients), caller, REGION, choices)
        _answers.set(answers)
