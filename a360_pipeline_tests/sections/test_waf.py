"""Sections `waf` and `waf_rules`: every ACL and rule, CloudFront's once, and what a nested statement means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import GLOBAL, Status
from a360_pipeline.sandbox.facts.firewall import RULES, Told
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sections.model import Row
from a360_pipeline.sections.security import waf_statements as statements
from a360_pipeline.sections.security.waf_reading import acl_row, rule_row
from a360_pipeline_tests.sections.asking import Asking, asking

VISIBLE = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
ACL = {"Name": "a", "Id": "1", "ARN": "arn:1", "VisibilityConfig": VISIBLE, "DefaultAction": {"Allow": {}}}


@pytest.fixture(scope="module")
def running() -> Iterator[Asking]:
    with asking(Sizes(keys=4, instances=1, applications=1, patches=1, others=30)) as found:
        yield found


@pytest.fixture
def aws(running: Asking) -> Iterator[Asking]:
    yield running
    running.stand_in.faults.set()


def rule(told: Told) -> Row:
    action = "OverrideAction" if told.is_group else "Action"
    return {
        "Name": told.name,
        "Priority": 0,
        "Statement": told.statement,
        action: told.action,
        "VisibilityConfig": VISIBLE,
    }


def of(statement: Row, **action: Any) -> Row:
    return {"Name": "r", "Priority": 1, "Statement": statement, "Action": action, "VisibilityConfig": VISIBLE}


# --- Listings


def test_a_question_that_both_sections_share_is_asked_once(aws: Asking) -> None:
    session = aws.session(aws.organization.accounts[1].id, "us-east-1")
    acls = aws.answer("waf", aws=session)
    rules = aws.answer("waf_rules", aws=session)
    assert acls.coverage.effort.calls > len(acls.payload) > 0
    assert {row["web_acl_name"] for row in rules.payload} <= {row["name"] for row in acls.payload}
    assert rules.coverage.effort.calls == 0


def test_cloudfronts_acls_are_asked_once_an_account_wherever_it_is_asked(aws: Asking) -> None:
    """R10: no region lists them, so that none counts them again."""
    assert "CLOUDFRONT" not in {row["scope"] for row in aws.rows("waf", region="eu-central-2")}
    from_elsewhere = aws.session(aws.first, "eu-central-2")
    answer = aws.answer("waf_rules", region=GLOBAL, aws=from_elsewhere)
    assert answer.coverage.status is Status.OK
    assert {row["scope"] for row in answer.payload} == {"CLOUDFRONT"}


def test_a_partition_without_cloudfront_says_so(aws: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: nothing is not the answer to a question that could not be put."""
    session = aws.sessions.account(aws.first, "us-gov-west-1")
    monkeypatch.setattr(AccountSession, "call", None)
    for name in ("waf", "waf_rules"):
        answer = aws.answer(name, region=GLOBAL, aws=session)
        assert (answer.coverage.status, answer.payload) == (Status.NOT_ENABLED, None)
        assert "aws-us-gov" in str(answer.coverage.message)


# --- What is refused or not there


def test_an_acl_that_does_not_log_keeps_what_it_protects(aws: Asking) -> None:
    """S20: an unlogged ACL does not lose its associated resources."""
    unlogged = [row for row in aws.rows("waf") if row["logging_enabled"] is False]
    assert unlogged
    assert {tuple(row["log_destinations"]) for row in unlogged} == {()}
    assert any(row["associated_resources_count"] > 1 for row in unlogged)
    kinds = {arn.split(":")[2] for row in unlogged for arn in row["associated_resources"]}
    assert kinds == {"elasticloadbalancing", "apigateway", "cognito-idp"}, "of whatever type they are"


def test_whether_an_acl_logs_is_unknown_where_waf_may_not_say(aws: Asking) -> None:
    """S4, S5."""
    aws.deny("wafv2:GetLoggingConfiguration")
    for name in ("waf", "waf_rules"):
        answer = aws.answer(name)
        assert answer.coverage.status is Status.PARTIAL
        assert {row["logging_enabled"] for row in answer.payload} == {None}
    assert sum(len(row["associated_resources"] or ()) for row in aws.answer("waf").payload) >= 10


def test_refused_resources_are_unknown_not_none(aws: Asking) -> None:
    """S5, R31."""
    aws.deny("wafv2:ListResourcesForWebACL", "wafv2:ListTagsForResource")
    answer = aws.answer("waf")
    assert answer.coverage.status is Status.PARTIAL
    assert len(answer.payload) == 10
    for name in ("associated_resources", "associated_resources_count", "tags"):
        assert {row[name] for row in answer.payload} == {None}
    assert all(row["rules_count"] is not None for row in answer.payload)


def test_an_acl_that_may_not_be_read_is_known_and_what_is_in_it_unknown(aws: Asking) -> None:
    """S4, S5."""
    aws.deny("wafv2:GetWebACL")
    answer = aws.answer("waf")
    assert (answer.coverage.status, len(answer.payload)) == (Status.PARTIAL, 10)
    assert {row.get("rules_count") for row in answer.payload} == {None}
    assert {row.get("geo_blocking_enabled") for row in answer.payload} == {None}
    rules = aws.answer("waf_rules")
    assert (rules.coverage.status, rules.payload) == (Status.PARTIAL, [])


def test_a_denied_listing_is_denied(aws: Asking) -> None:
    aws.deny("wafv2:ListWebACLs")
    for name in ("waf", "waf_rules"):
        for region in ("us-east-1", GLOBAL):
            answer = aws.answer(name, region=region)
            assert (answer.coverage.status, answer.payload) == (Status.DENIED, None)


# --- Statements


@pytest.mark.parametrize("told", RULES, ids=lambda told: told.name)
def test_a_rule_is_read_however_deep_its_statements_are_nested(told: Told) -> None:
    """S20: nested statements are not ignored, and a country that is let in or counted is not blocked."""
    row = rule_row("REGIONAL", ACL, rule(told))
    assert (row["geo_blocking"], row["sql_injection"], row["has_xss_protection"]) == (
        told.blocks_by_country,
        told.sql_injection,
        told.xss,
    )
    assert (row["rate_limit"], row["is_managed_rule"]) == (told.is_rate_limit, told.is_managed)
    assert row["is_custom_rule"] is not told.is_managed
    assert row["action"] == told.action
    acl = acl_row("REGIONAL", {**ACL, "Rules": [rule(told)]})
    assert acl["blocked_countries"] == sorted(told.blocked)
    assert acl["spared_countries"] == sorted(told.spared)
    assert acl["ip_sets"] == sorted(told.ip_sets)
    counts = ("rules_count", "managed_rules_count", "rate_limit_rules_count")
    assert tuple(acl[name] for name in counts) == (1, told.is_managed, told.is_rate_limit)


def test_countries_that_are_let_in_are_not_blocked() -> None:
    """S20: geo Allow is not counted as blocking."""
    geo = {"GeoMatchStatement": {"CountryCodes": ["DE"]}}
    for action in ({"Allow": {}}, {"Count": {}}, {"Captcha": {}}, {"Challenge": {}}):
        assert not rule_row("REGIONAL", ACL, of(geo, **action))["geo_blocking"]
    assert rule_row("REGIONAL", ACL, of(geo, Block={}))["geo_blocking"]


def test_every_statement_of_a_nest_is_found() -> None:
    """S20."""
    deep: Row = {"SqliMatchStatement": {}}
    for _ in range(3):
        deep = {
            "AndStatement": {"Statements": [{"OrStatement": {"Statements": [{"NotStatement": {"Statement": deep}}]}}]}
        }
    rated = {"RateBasedStatement": {"Limit": 10, "ScopeDownStatement": deep}}
    kinds = [kind for kind, _ in statements.nested(rated)]
    assert kinds[0] == "RateBasedStatement"
    assert kinds[-1] == "SqliMatchStatement"
    assert len(kinds) == 11
    assert statements.looks_for(of(rated, Block={}), "SqliMatchStatement") is True


def test_groups_of_firewall_manager_are_rules_too_and_say_where_they_stand() -> None:
    group = {
        "Name": "FMManaged",
        "Priority": 0,
        "FirewallManagerStatement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "Core"}},
        "OverrideAction": {"None": {}},
        "VisibilityConfig": VISIBLE,
    }
    acl = {**ACL, "PostProcessFirewallManagerRuleGroups": [group], "Rules": [of({"LabelMatchStatement": {}}, Count={})]}
    rows = [rule_row("REGIONAL", acl, each) for each in statements.rules_of(acl)]
    assert [(row["rule_name"], row["firewall_manager_process"], row["is_managed_rule"]) for row in rows] == [
        ("r", None, False),
        ("FMManaged", "POST_PROCESS", True),
    ]
    assert acl_row("REGIONAL", acl)["rules_count"] == 2
