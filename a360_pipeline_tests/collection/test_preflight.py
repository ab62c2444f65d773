"""`a360 preflight`: it tries what collecting needs without collecting, and says the least that mends what is denied."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sampling import Samples
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.cli import main
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.preflight import HUB, Trial, Verdict, preflight
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.registry import SECTIONS, is_paid
from a360_pipeline.settings import Settings
from a360_pipeline_tests.collection.test_policy import TODAY, administrators

Run = Callable[..., Result]
Try = Callable[..., dict[tuple[str, str, str], Trial]]


@pytest.fixture
def run(environment: StandIn) -> Run:
    def invoke(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["preflight", *map(str, words)])
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def account(environment: StandIn) -> str:
    """An account from which nothing is withheld."""
    return environment.organization.management.id


@pytest.fixture
def attempt(settings: Settings, sessions: Sessions, environment: StandIn) -> Iterator[Try]:
    """Tries sections in the management account; returns trials by account, region and section."""
    accounts = discover_accounts(sessions.hub())
    samples = Samples(settings.model_copy(update={"max_attempts": 1}), is_paid)

    def of(*sections: str, some: list[Account] | None = None, regions: tuple[str, ...] = (), **changes: Any) -> Any:
        chosen = some or [each for each in accounts if each.id == environment.organization.management.id]
        order = replace(Order.of(settings, chosen, accounts, TODAY, TODAY, sections), **changes)
        return {(one.account, one.region, one.section): one for one in preflight(samples, order, regions)}

    yield of


def calls(stand_in: StandIn) -> Counter[str]:
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return Counter(json.load(response)["by_action"])


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


# --- As a person sees it


def test_two_permissions_that_were_removed_are_both_named_with_the_policy_to_add(
    run: Run, environment: StandIn, account: str
) -> None:
    environment.faults.set(denied={account: ["kms:ListKeys", "guardduty:ListDetectors"]})
    result = run("--account", account, "--section", "kms", "--section", "guard_duty", "--section", "iam", code=1)
    assert f"{account} us-east-1 kms: denied (kms:ListKeys)" in result.stdout
    assert f"{account} us-east-1 guard_duty: denied (guardduty:ListDetectors)" in result.stdout
    printed, _, after = result.stdout.partition(f"Add to the policy of the member role in {account}:")
    assert "iam: " not in printed
    assert json.loads(after) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["guardduty:ListDetectors", "kms:ListKeys"], "Resource": "*"}],
    }
    assert "2 are missing that nobody has accepted" in result.stderr


def test_what_is_denied_deep_inside_a_section_is_named(run: Run, environment: StandIn, account: str) -> None:
    environment.faults.set(denied={account: ["kms:DescribeKey", "wafv2:GetLoggingConfiguration", "s3:ListBuckets"]})
    sections = [word for name in ("kms", "waf", "service_resources") for word in ("--section", name)]
    told = answer(run("--account", account, *sections, "--json", code=1))
    lacking = {action for each in told["trials"] for action in each["lacks"]}
    assert lacking == {"kms:DescribeKey", "wafv2:GetLoggingConfiguration", "s3:ListAllMyBuckets"}
    (mend,) = told["mends"]
    assert mend["add_to"] == [account]
    assert mend["policy"]["Statement"][0]["Action"] == sorted(lacking)


def test_a_whole_organization_is_fit_but_for_what_is_accepted(run: Run, environment: StandIn) -> None:
    before = calls(environment)
    told = answer(run("--json"))
    assert (told["missing"], told["mends"]) == (0, [])
    verdicts = Counter(each["verdict"] for each in told["trials"])
    assert set(verdicts) == {"allowed", "paid, not tried", "denied by SCP"}
    assert [each["accepted"] for each in told["trials"] if each["verdict"] == "denied by SCP"] == [True]
    assert {each["account"] for each in told["trials"]} == {HUB, *environment.organization.by_id}
    assert [action for action in (calls(environment) - before) if action.startswith("ce:")] == []
    assert {action for action in told["not_tried"] if action.startswith("ce:")} == {
        operation.action
        for section in SECTIONS.values()
        for operation in section.operations
        if operation.service == "ce"
    }


def test_accounts_that_answer_alike_share_a_column(run: Run, environment: StandIn) -> None:
    printed = run("--section", "kms", "--section", "inventory", "--section", "service").stdout
    assert "denied by SCP (accepted)" in printed
    assert "paid, not tried" in printed
    row = next(line for line in printed.splitlines() if line.strip().startswith("kms"))
    assert row.split().count("allowed") == 2


def test_of_many_things_the_first_alone_is_asked_about(attempt: Try, environment: StandIn, account: str) -> None:
    before = calls(environment)
    assert {one.verdict for one in attempt("kms", "inventory").values()} == {Verdict.ALLOWED}
    asked = calls(environment) - before
    assert asked["kms:ListKeys"] == asked["kms:DescribeKey"] == asked["ssm:DescribeInstancePatches"] == 1
    assert len(environment.organization.keys(account, "us-east-1")) > 1


def test_the_region_is_an_accounts_first_unless_others_are_asked_for(run: Run, account: str) -> None:
    def regions(*words: str, code: int = 0) -> list[str]:
        told = answer(run("--account", account, "--section", "kms", "--json", *words, code=code))
        return [f"{each['region']} {each['verdict']}" for each in told["trials"]]

    assert len(regions()) == 1
    assert regions("--region", "eu-central-2", "--region", "us-east-1") == ["eu-central-2 allowed", "us-east-1 allowed"]
    assert regions("--region", "ap-south-2", code=1) == ["ap-south-2 region disabled"]


@pytest.mark.parametrize("words", [("--account", "1"), ("--section", "kmz")])
def test_what_makes_no_sense_is_refused(run: Run, words: tuple[str, ...]) -> None:
    run(*words, code=2)


# --- What is found out


def test_a_role_that_cannot_be_assumed_is_said_of_every_section_and_is_the_hubs_to_mend(
    run: Run, environment: StandIn, account: str
) -> None:
    environment.faults.set(denied={account: ["sts:AssumeRole"]})
    told = answer(run("--account", account, "--section", "kms", "--section", "iam", "--json", code=1))
    assert {(each["section"], each["verdict"]) for each in told["trials"]} == {("kms", "denied"), ("iam", "denied")}
    assert all(each["message"].startswith("the role cannot be assumed") for each in told["trials"])
    role = f"arn:aws:iam::{account}:role/a360-member"
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": role}
    assert told["mends"] == [{"add_to": [HUB], "policy": {"Version": "2012-10-17", "Statement": [statement]}}]


def test_what_a_service_control_policy_denies_no_policy_mends(
    run: Run, environment: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A360_ACCEPTED_GAPS")
    told = answer(run("--section", "inventory", "--json", code=1))
    denied = [each for each in told["trials"] if each["verdict"] == "denied by SCP"]
    assert [each["lacks"] for each in denied] == [["ssm:DescribeInstanceInformation"]]
    assert told["mends"] == []


@pytest.mark.parametrize(
    ("section", "code", "verdict"),
    [
        ("support_tickets", "SubscriptionRequiredException", Verdict.NOT_SUBSCRIBED),
        ("compute_optimizer", "OptInRequiredException", Verdict.NOT_ENABLED),
        ("kms", "KMSInternalException", Verdict.FAILED),
    ],
)
def test_an_error_code_means_what_it_means_when_collecting(
    attempt: Try, environment: StandIn, section: str, code: str, verdict: Verdict
) -> None:
    service = SECTIONS[section].operations[0].service
    environment.faults.set(errors={f"{service}:*": code})
    (trial,) = attempt(section).values()
    assert (trial.verdict, trial.lacks) == (verdict, ())
    assert code in (trial.message or "")


def test_a_line_that_is_down_is_unreachable_and_not_denied(attempt: Try, environment: StandIn) -> None:
    environment.faults.set(cut={"kms:ListKeys": 9})
    (trial,) = attempt("kms").values()
    assert (trial.verdict, trial.lacks) == (Verdict.UNREACHABLE, ())


def test_what_is_asked_once_for_all_is_tried_as_the_hub_and_its_unpaid_calls_are_made(
    attempt: Try, environment: StandIn, account: str
) -> None:
    (trial,) = attempt("ri_sp_savings").values()
    assert (trial.account, trial.verdict) == (HUB, Verdict.PAID)
    assert trial.tried == {"savingsplans:DescribeSavingsPlans"}
    environment.faults.set(denied={account: ["savingsplans:*"]})
    (trial,) = attempt("ri_sp_savings").values()
    assert (trial.verdict, [lack.action for lack in trial.lacks]) == (
        Verdict.DENIED,
        ["savingsplans:DescribeSavingsPlans"],
    )


def test_what_an_administrator_answers_for_is_tried_there_alone(
    attempt: Try, sessions: Sessions, environment: StandIn
) -> None:
    accounts = discover_accounts(sessions.hub())
    of_all = {"security_hub": administrators(environment.organization)["security_hub"]}
    found = attempt("security_hub", some=accounts, regions=("us-east-1",), administrators=of_all)
    assert [place[:2] for place in found] == [(of_all["security_hub"], "us-east-1")]
    (trial,) = found.values()
    assert trial.verdict is Verdict.ALLOWED
    assert "securityhub:ListMembers" in trial.tried


def test_what_a_part_of_a_section_lacks_is_accepted_as_the_ledger_will_call_it(
    run: Run, environment: StandIn, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = tmp_path / "gaps.toml"
    monkeypatch.setenv("A360_ACCEPTED_GAPS", str(gaps))
    environment.faults.set(denied={account: ["kms:GetKeyRotationStatus"]})
    for status, code in (("partial", 0), ("denied", 0), ("throttled", 1)):
        gaps.write_text(
            f'[[gap]]\naccount = "*"\nsection = "kms"\nstatus = "{status}"\nowner = "o"\nreason = "r"\n'
            "expires = 2999-01-01\n"
        )
        run("--account", account, "--section", "kms", code=code)


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        (
            "is not authorized to perform: cognito-idp:ListResourcesForWebACL because",
            "cognito-idp:ListResourcesForWebACL",
        ),
        ("is not authorized to perform: iam:DeleteUser because", "wafv2:ListResourcesForWebACL"),
        ("You may not.", "wafv2:ListResourcesForWebACL"),
    ],
)
def test_of_actions_that_a_call_takes_besides_the_one_that_aws_names_is_asked_for(
    attempt: Try, monkeypatch: pytest.MonkeyPatch, account: str, said: str, lacks: str
) -> None:
    real = AccountSession.call

    def call(self: AccountSession, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        if method == "list_resources_for_web_acl":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": said}}, "ListResourcesForWebACL")
        return real(self, service, method, **parameters)

    monkeypatch.setattr(AccountSession, "call", call)
    found = attempt("waf")
    assert [lack.action for lack in found[account, "us-east-1", "waf"].lacks] == [lacks]
