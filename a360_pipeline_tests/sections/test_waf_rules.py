"""Sections `waf` and `waf_rules` at length: of an account with many web ACLs none is left out, nor any rule."""

from __future__ import annotations

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.services.wafv2 import rules_truth
from a360_pipeline_tests.sections.asking import asking


def test_a_listing_of_many_pages_is_read_to_its_end() -> None:
    with asking() as aws:
        for region in ("us-east-1", GLOBAL):
            rules = {(row["web_acl_name"], row["rule_name"]) for row in aws.rows("waf_rules", region=region)}
            truth = rules_truth(aws.organization, aws.first, region)
            assert rules == {(row["web_acl_name"], row["rule_name"]) for row in truth}
            assert len(rules) > 80
        assert len({row["arn"] for row in aws.rows("waf", region=GLOBAL)}) == 40
