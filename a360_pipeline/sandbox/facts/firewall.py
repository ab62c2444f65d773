"""Rules of web ACLs, of every kind that is easily misread, each with what is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Statement = Mapping[str, Any]

BLOCK: Mapping[str, Any] = {"Block": {}}
ALLOW: Mapping[str, Any] = {"Allow": {}}
COUNT: Mapping[str, Any] = {"Count": {}}
AS_IT_IS: Mapping[str, Any] = {"None": {}}
IP_SET = "arn:aws:wafv2:us-east-1:111122223333:regional/ipset/offices/0b1c2d3e-0000-4000-8000-000000000001"
RULE_GROUP = "arn:aws:wafv2:us-east-1:111122223333:regional/rulegroup/own/0b1c2d3e-0000-4000-8000-000000000002"


@dataclass(frozen=True)
class Told:
    """A rule and the truth about it; `sql_injection` and `xss` are None where the ACL cannot tell."""

    name: str
    statement: Statement
    action: Mapping[str, Any]
    blocked: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    ip_sets: tuple[str, ...] = ()
    is_group: bool = False
    is_managed: bool = False
    is_rate_limit: bool = False
    sql_injection: bool | None = False
    xss: bool | None = False
    process: str | None = None
    """Where Firewall Manager puts it."""

    @property
    def blocks_by_country(self) -> bool:
        return bool(self.blocked or self.spared)


def _geo(*codes: str) -> Statement:
    return {"GeoMatchStatement": {"CountryCodes": list(codes)}}


def _all(*statements: Statement) -> Statement:
    return {"AndStatement": {"Statements": list(statements)}}


def _any(*statements: Statement) -> Statement:
    return {"OrStatement": {"Statements": list(statements)}}


def _not(statement: Statement) -> Statement:
    return {"NotStatement": {"Statement": statement}}


def _rate(limit: int, scope_down: Statement | None = None) -> Statement:
    within = {"ScopeDownStatement": scope_down} if scope_down else {}
    return {"RateBasedStatement": {"Limit": limit, "AggregateKeyType": "IP"} | within}


def _managed(name: str, scope_down: Statement | None = None) -> Statement:
    within = {"ScopeDownStatement": scope_down} if scope_down else {}
    return {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name} | within}


def _looking(kind: str) -> Statement:
    plain = {"Priority": 0, "Type": "URL_DECODE"}
    return {kind: {"FieldToMatch": {"QueryString": {}}, "TextTransformations": [plain]}}


FROM_OFFICES: Statement = {"IPSetReferenceStatement": {"ARN": IP_SET}}
SQLI, XSS = _looking("SqliMatchStatement"), _looking("XssMatchStatement")
UNTOLD: Mapping[str, Any] = {"is_group": True, "sql_injection": None, "xss": None}

RULES = (
    Told("blocks-two-countries", _geo("KP", "IR"), BLOCK, blocked=("KP", "IR")),
    Told("lets-two-countries-in", _geo("DE", "NL"), ALLOW),
    Told("counts-a-country", _geo("FR"), COUNT),
    Told("blocks-all-but-three", _not(_geo("DE", "NL", "CH")), BLOCK, spared=("DE", "NL", "CH")),
    Told(
        "blocks-a-country-but-offices",
        _all(_geo("SY"), _not(FROM_OFFICES)),
        BLOCK,
        blocked=("SY",),
        ip_sets=(IP_SET,),
    ),
    Told(
        "blocks-deep-down", _any(_all(_not(_not(_geo("CU"))), SQLI), XSS), BLOCK, ("CU",), sql_injection=True, xss=True
    ),
    Told("blocks-injection", SQLI, BLOCK, sql_injection=True),
    Told("slows-everybody", _rate(2000), BLOCK, is_rate_limit=True),
    Told("slows-a-country", _rate(100, _geo("US")), BLOCK, is_rate_limit=True),
    Told("core", _managed("AWSManagedRulesCommonRuleSet"), AS_IT_IS, is_managed=True, **UNTOLD),
    Told("core-abroad", _managed("AWSManagedRulesSQLiRuleSet", _not(_geo("DE"))), COUNT, is_managed=True, **UNTOLD),
    Told("own-group", {"RuleGroupReferenceStatement": {"ARN": RULE_GROUP}}, AS_IT_IS, **UNTOLD),
    Told(
        "FMManagedCore",
        _managed("AWSManagedRulesAmazonIpReputationList"),
        AS_IT_IS,
        is_managed=True,
        process="PRE_PROCESS",
        **UNTOLD,
    ),
)
