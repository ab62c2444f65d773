"""Every section against AWS as botocore models it: whatever may be in an answer or missing from it, nothing is lost."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache, partial
from random import Random
from typing import Any

import pytest

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.collection.answers import Answer, Day, ask, of_many, of_one
from a360_pipeline.collection.spending import Purse
from a360_pipeline.coverage import SectionCoverage
from a360_pipeline.sections.config_aggregate import UNTOLD
from a360_pipeline.sections.model import Section, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.warehouse.stage import Frame, Staged, add_rows
from a360_pipeline_tests.sections.answering import ORGANIZATION, Answers, Modeled, pager
from a360_pipeline_tests.sections.asking import NO_NOTES
from a360_pipeline_tests.sections.shaped import INSTANT, Making, Reading

TODAY = INSTANT.date() + dt.timedelta(days=1)
WINDOW = Window.daily(TODAY)
WAYS = ("collect", "collect_account", "collect_all", "collect_members")
QUESTIONS = [(name, way) for name, section in SECTIONS.items() for way in WAYS if getattr(section, way) is not None]


def asked(section: Section, way: str, answers: Answers) -> dict[str, Answer]:
    """What the section tells of each account when it is asked in this way."""
    aws = Modeled(answers)
    day = Day(None, WINDOW, TODAY, Purse(NO_NOTES, TODAY, Decimal(100)))
    question = getattr(section, way)
    if way in ("collect_all", "collect_members"):
        outcome = ask(day, section, aws, partial(question, aws, WINDOW, ORGANIZATION))
        return dict(of_many(section, outcome, ORGANIZATION, "left out"))
    return {ORGANIZATION[0].id: of_one(section, ask(day, section, aws, partial(question, aws, WINDOW)))}


@cache
def called(name: str, way: str) -> list[str]:
    """The operations that a section calls when it is asked in this way, where there is something of everything."""
    answers = Answers(Making(Reading()))
    asked(SECTIONS[name], way, answers)
    return sorted(set(answers.asked))


ALWAYS = frozenset(
    {
        # What an answer is all about.
        "DescribeCertificateResponse.Certificate",
        "DescribeKeyResponse.KeyMetadata",
        "DescribeTrailsResponse.trailList",
        "GetAccessKeyLastUsedResponse.AccessKeyLastUsed",
        "GetAlternateContactResponse.AlternateContact",
        "GetContactInformationResponse.ContactInformation",
        "GetCostForecastResponse.ForecastResultsByTime",
        "GetEnrollmentStatusResponse.status",
        "GetLoggingConfigurationResponse.LoggingConfiguration",
        "GetWebACLResponse.WebACL",
        # What tells an item from others.
        "AccessKeyMetadata.AccessKeyId",
        "AccountEnrollmentStatus.accountId",
        "AggregateComplianceByConfigRule.AccountId",
        "AggregateComplianceByConfigRule.ConfigRuleName",
        "AggregateComplianceByConformancePack.AccountId",
        "AggregateComplianceByConformancePack.ConformancePackName",
        "AggregatedSourceStatus.SourceId",
        "AutoScalingGroupRecommendation.autoScalingGroupArn",
        "ConformancePackRuleCompliance.ConfigRuleName",
        "ECSServiceRecommendation.serviceArn",
        "Entitlement.ProductCode",
        "ForecastResult.TimePeriod",
        "GrantedLicense.LicenseArn",
        "Group.Keys",
        "Group.Metrics",
        "InstanceRecommendation.instanceArn",
        "LambdaFunctionRecommendation.functionArn",
        "RDSDBRecommendation.resourceArn",
        "RecommendationSummary.estimatedMonthlySavings",
        "RecommendationSummary.group",
        "RecommendationSummary.recommendationCount",
        "ReservationUtilizationGroup.Attributes",
        "ReservationUtilizationGroup.Value",
        "ResultByTime.Groups",
        "ResultByTime.TimePeriod",
        "SavingsPlan.savingsPlanArn",
        "SavingsPlansUtilizationDetail.Attributes",
        "SavingsPlansUtilizationDetail.SavingsPlanArn",
        "UtilizationByTime.Groups",
        "VolumeRecommendation.volumeArn",
        "AccountEnrollmentStatus.status",
        "AffectedEntity.awsAccountId",
        "AffectedEntity.eventArn",
        "Bucket.Name",
        "CaseDetails.caseId",
        "CertificateSummary.CertificateArn",
        "ComplianceByConfigRule.ConfigRuleName",
        "ConfigRule.ConfigRuleName",
        "ConfigRuleEvaluationStatus.ConfigRuleName",
        "ConfigurationAggregator.ConfigurationAggregatorName",
        "DBInstance.DBInstanceIdentifier",
        "EvaluationResult.EvaluationResultIdentifier",
        "EvaluationResultIdentifier.EvaluationResultQualifier",
        "EvaluationResultQualifier.ConfigRuleName",
        "EvaluationResultQualifier.ResourceId",
        "EvaluationResultQualifier.ResourceType",
        "Event.arn",
        "EventDetails.event",
        "FunctionConfiguration.FunctionArn",
        "Instance.InstanceId",
        "InstanceInformation.InstanceId",
        "KeyListEntry.KeyArn",
        "KeyListEntry.KeyId",
        "KeyMetadata.Arn",
        "LoadBalancer.LoadBalancerName",
        "LoadBalancerDescription.LoadBalancerName",
        "Member.AccountId",
        "Member.accountId",
        "OrganizationEvent.arn",
        "OrganizationEventDetails.awsAccountId",
        "OrganizationEventDetails.event",
        "SecretListEntry.ARN",
        "Subnet.SubnetId",
        "Tag.Key",
        "TagDescription.Key",
        "Trail.TrailARN",
        "Volume.VolumeId",
        "WebACLSummary.ARN",
        "WebACLSummary.Id",
        "WebACLSummary.Name",
    }
)
"""What AWS never leaves out, though its models do not say so: without it there is no saying what was told."""
NOT_OF_EVERY_KIND = frozenset(
    {
        "AutoScalingGroupRecommendation.findingReasonCodes",
        "ECSServiceRecommendationOption.migrationEffort",
        "ECSServiceRecommendationOption.performanceRisk",
        "ECSServiceRecommendationOption.rank",
        "LambdaFunctionMemoryRecommendationOption.migrationEffort",
        "LambdaFunctionMemoryRecommendationOption.performanceRisk",
        "RDSDBInstanceRecommendationOption.migrationEffort",
        "RDSDBRecommendation.currentPerformanceRisk",
        "RDSDBStorageRecommendationOption.migrationEffort",
        "RDSDBStorageRecommendationOption.performanceRisk",
        "VolumeRecommendation.findingReasonCodes",
        "VolumeRecommendationOption.migrationEffort",
        # Where a rule of Firewall Manager has what the section itself put there.
        "Rule.Process",
    }
)
"""What some kinds of a thing have and others do not, all of which are read alike."""
ONE_IS_ENOUGH = ("resiliencehub.ListAppAssessments",)
"""Listings of which the first is all that is wanted."""
FILLS_IN = (
    "config.DescribeConfigurationAggregatorSourcesStatus",
    "config.DescribeComplianceByConfigRule",
    "config.DescribeConfigRuleEvaluationStatus",
    "config.DescribeConformancePackCompliance",
    "config.GetConformancePackComplianceSummary",
    "cost-optimization-hub.ListEnrollmentStatuses",
    "cost-optimization-hub.ListRecommendationSummaries",
    # Without a member its findings are nobody's; what the sandbox has of members is on the first page.
    "guardduty.ListMembers",
    "savingsplans.DescribeSavingsPlans",
    "wafv2.ListTagsForResource",
)
"""Listings that tell more of rows which others list."""
WHERE_NOTHING_IS: Mapping[tuple[str, str], tuple[set[str], int]] = {
    # An account that Cost Explorer does not mention cost nothing, which is a report.
    ("cost", "collect_all"): ({"ok"}, len(ORGANIZATION)),
    ("config", "collect"): ({"not_enabled"}, 0),
    ("config", "collect_members"): ({"not_enabled"}, 0),
    ("config_inventory", "collect"): ({"not_enabled"}, 0),
    ("config_inventory", "collect_members"): ({"not_enabled"}, 0),
    ("guard_duty", "collect"): ({"not_enabled"}, 0),
    ("guard_duty", "collect_members"): ({"not_enabled"}, 0),
    # There is always the root user, and always a state.
    ("iam", "collect"): ({"ok"}, 1),
    ("inspector", "collect"): ({"failed"}, 0),
    # No account is told of.
    ("inspector", "collect_members"): (set(), 0),
    # It is no listing.
    ("account", "collect"): ({"ok"}, 4),
}
NEEDED = frozenset(
    {
        "acm.ListCertificates",
        "application-signals.ListServices",
        "ce.GetCostAndUsage",
        "cloudtrail.DescribeTrails",
        "compute-optimizer.GetEnrollmentStatus",
        "compute-optimizer.GetEnrollmentStatusesForOrganization",
        "config.DescribeAggregateComplianceByConfigRules",
        "config.DescribeComplianceByConfigRule",
        "config.DescribeConfigRules",
        "config.DescribeConfigurationAggregators",
        "config.DescribeConfigurationRecorders",
        "config.SelectAggregateResourceConfig",
        "config.SelectResourceConfig",
        "guardduty.GetDetector",
        "guardduty.GetFindings",
        "guardduty.ListDetectors",
        "guardduty.ListFindings",
        "guardduty.ListMembers",
        "health.DescribeEvents",
        "health.DescribeEventsForOrganization",
        "iam.ListUsers",
        "inspector2.BatchGetAccountStatus",
        "inspector2.ListFindings",
        "inspector2.ListMembers",
        "kms.ListKeys",
        "resiliencehub.ListApps",
        "s3.ListBuckets",
        "secretsmanager.ListSecrets",
        "securityhub.GetFindings",
        "securityhub.ListMembers",
        "ssm.DescribeInstanceInformation",
        "support.DescribeCases",
        "support.DescribeTrustedAdvisorCheckSummaries",
        "support.DescribeTrustedAdvisorChecks",
        "wafv2.ListWebACLs",
    }
)
"""Operations without which nothing can be told: the rest would be rows of nothing, or totals that are not true."""
EACH_APART = frozenset({("kms", "kms.DescribeKey"), ("waf_rules", "wafv2.GetWebACL")})
"""What is asked of each item alone, without which there is no row of it: if all are denied all parts are missing."""
every_question = pytest.mark.parametrize(("name", "way"), QUESTIONS)


def rejected(section: Section, answer: Answer) -> list[tuple[str, str]]:
    """What a load would refuse of an answer, by table."""
    told: list[tuple[str, str]] = []
    for table in section.tables if answer.payload is not None and section.name != "account" else ():
        staged = Staged(table)
        add_rows(staged, 0, [Frame("1", "r")], json.loads(json.dumps(list(table.rows(answer.payload)), default=float)))
        told += [(table.name, one.reason) for one in staged.rejected]
        told += [(table.name, f"nothing is made of {name}") for name in staged.unknown.get(0, ())]
    return told


def declared(section: Section) -> set[str]:
    return {f"{operation.service}.{operation.name}" for operation in section.operations}


def total(answers: Mapping[str, Answer]) -> int:
    return sum(answer.coverage.rows for answer in answers.values())


@every_question
def test_all_that_may_be_in_an_answer_is_read_and_loads(name: str, way: str) -> None:
    section, answers = SECTIONS[name], Answers(Making(Reading()))
    told = asked(section, way, answers)
    gaps = [str(each.coverage.message) for each in told.values() if each.coverage.status.is_gap]
    assert {message for message in gaps if not message.endswith(UNTOLD)} <= {"left out"}
    assert total(told) > 0
    assert [each for answer in told.values() for each in rejected(section, answer)] == []
    assert set(answers.asked) <= declared(section)


def test_every_operation_is_called_that_a_section_declares() -> None:
    calls = {name: {each for of, way in QUESTIONS if of == name for each in called(of, way)} for name in SECTIONS}
    assert calls == {name: declared(section) for name, section in SECTIONS.items()}


@every_question
@pytest.mark.parametrize("seed", range(4))
def test_whatever_may_be_missing_from_an_answer_costs_no_section(name: str, way: str, seed: int) -> None:
    section = SECTIONS[name]
    making = Making(Reading(), dropping=Random(seed), always=ALWAYS)
    told = asked(section, way, Answers(making))
    failed = {each.coverage.message for each in told.values() if each.coverage.status == "failed"}
    assert failed <= {"left out"}
    assert [each for answer in told.values() for each in rejected(section, answer)] == []


@every_question
def test_where_there_is_nothing_nothing_is_told(name: str, way: str) -> None:
    told = asked(SECTIONS[name], way, Answers(Making(Reading()), empty=True))
    statuses = {str(each.coverage.status) for each in told.values() if each.coverage.message != "left out"}
    assert (statuses, total(told)) == WHERE_NOTHING_IS.get((name, way), ({"empty"}, 0))


@every_question
def test_what_the_second_page_of_each_listing_tells_is_there(name: str, way: str) -> None:
    whole = asked(SECTIONS[name], way, Answers(Making(Reading())))
    for operation in called(name, way):
        if pager(*operation.split(".")) is None or operation in ONE_IS_ENOUGH:
            continue
        cut = partial(_pages_but, operation)
        half = asked(SECTIONS[name], way, Answers(Making(Reading()), pages=cut))
        assert [each.payload for each in half.values()] != [each.payload for each in whole.values()], operation
        assert total(half) < total(whole) or operation in FILLS_IN, operation


def _pages_but(cut: str, operation: str) -> int:
    return 1 if operation == cut else 2


# --- What is looked for exists


@every_question
def test_every_member_that_is_looked_for_exists(name: str, way: str) -> None:
    """S15, S16: a field that AWS does not have is null or 0 for ever."""
    reading = Reading()
    asked(SECTIONS[name], way, Answers(Making(reading)))
    assert reading.unknown <= NOT_OF_EVERY_KIND


@pytest.mark.parametrize(
    ("service", "method", "result", "read", "unknown"),
    [
        ("resiliencehub", "list_apps", "appSummaries", lambda app: app.get("rpo"), "AppSummary.rpo"),
        ("resiliencehub", "list_apps", "appSummaries", lambda app: "lastDrill" in app, "AppSummary.lastDrill"),
        (
            "compute-optimizer",
            "get_ec2_instance_recommendations",
            "instanceRecommendations",
            lambda found: found["utilizationMetrics"][0].get("maximum"),
            "UtilizationMetric.maximum",
        ),
    ],
)
def test_a_section_that_looks_for_what_aws_does_not_have_is_found_out(
    service: str, method: str, result: str, read: Callable[[Any], Any], unknown: str
) -> None:
    """S15, S16."""

    def collect(aws: AccountSession, _window: Window) -> list[Any]:
        return [{"read": read(each)} for each in aws.pages(service, method, result)]

    reading = Reading()
    asked(replace(SECTIONS["kms"], collect=collect), "collect", Answers(Making(reading)))
    assert reading.unknown == {unknown}


# --- Denied in turn


@every_question
def test_what_is_denied_is_missing_and_the_rest_is_there(name: str, way: str) -> None:
    """S4, S5: one denied call is told of, and costs no more than what it would have told."""
    for operation in called(name, way):
        covered = coverage_of(name, way, Answers(Making(Reading()), denied=partial(str.__eq__, operation)))
        is_needed = operation in NEEDED
        assert {str(each.status) for each in covered} == {"denied" if is_needed else "partial"}, operation
        assert all("AccessDenied" in str(each.message) for each in covered), operation
        has_nothing = is_needed or (name, operation) in EACH_APART
        assert (sum(each.rows for each in covered) == 0) is has_nothing, operation


@every_question
def test_what_is_denied_once_alone_is_told_of(name: str, way: str) -> None:
    """S4, S5."""
    for operation in called(name, way):
        answers = Answers(Making(Reading()))
        answers.denied = partial(_first_of, operation, answers)
        assert {str(each.status) for each in coverage_of(name, way, answers)} <= {"denied", "partial"}, operation


def _first_of(denied: str, answers: Answers, operation: str) -> bool:
    return operation == denied and answers.asked.count(operation) == 1


def coverage_of(name: str, way: str, answers: Answers) -> list[SectionCoverage]:
    """How it went for each account that is told of."""
    told = asked(SECTIONS[name], way, answers).values()
    return [each.coverage for each in told if each.coverage.message != "left out"]


@every_question
def test_where_all_is_denied_nothing_is_told_and_nothing_is_partial(name: str, way: str) -> None:
    """S4, S6: and it is not that there is nothing."""
    covered = coverage_of(name, way, Answers(Making(Reading()), denied=lambda _operation: True))
    assert {(str(each.status), each.rows) for each in covered} == {("denied", 0)}
