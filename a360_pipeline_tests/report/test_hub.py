"""`a360 preflight --hub`: each thing that the hub lacks is told in one line, with the least that mends it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.cli import main
from a360_pipeline.report.hub_services import STACK_SETS
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.hub import DEAD_LETTER_QUEUE, QUEUE, make_hub_queue
from a360_pipeline.sandbox.services import organizations
from a360_pipeline.snapshot.store import SnapshotStore

INVENTORIES = "a360-inventory"
WORKGROUP = "a360"
SENDER = "reports@northlight.example"
READER = "platform@northlight.example"
NEEDED = (
    "organization",
    "bucket",
    "bucket versions",
    "bucket writing",
    "warehouse",
    "inventory bucket",
    "inventory bucket writing",
    "inventory queue",
    "dead-letter queue",
    "Athena workgroup",
    "StackSets",
    "QuickSight",
)

Run = Callable[..., Result]
Told = dict[str, dict[str, Any]]
Lacking = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture
def hub(environment: StandIn, sessions: Sessions) -> Any:
    """Clients of a hub that has what harvests need too, by service."""
    made = sessions.hub()
    made.client("s3").create_bucket(Bucket=INVENTORIES)
    make_hub_queue(environment.organization)
    return made.client


@pytest.fixture
def run(hub: Any) -> Run:
    def invoke(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["preflight", "--hub", *words])
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def lacking(run: Run) -> Lacking:
    """State and message of all that is not as it should be; `code` is the exit code that is expected."""

    def invoke(*, code: int = 1) -> dict[str, tuple[str, str]]:
        told = checks(run("--json", code=code))
        return {name: (one["state"], one["message"]) for name, one in told.items() if one["state"] != "ok"}

    return invoke


@pytest.fixture
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A360_MAIL_SENDER", SENDER)
    monkeypatch.setenv("A360_MAIL_RECIPIENTS", READER)


def checks(result: Result) -> Told:
    return {each["name"]: each for each in json.loads(result.stdout)}


def only(lacks: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """What is lacking besides mail, which tests do not set."""
    return {name: told for name, told in lacks.items() if name != "mail"}


def deny(stand_in: StandIn, *actions: str) -> None:
    stand_in.faults.set(denied={stand_in.organization.management.id: list(actions)})


def test_a_hub_that_has_all_it_needs_passes(run: Run, store: SnapshotStore, hub: Any) -> None:
    told = checks(run("--json"))
    assert {name: one["state"] for name, one in told.items()} == {**dict.fromkeys(NEEDED, "ok"), "mail": "note"}
    assert all(one["passed"] for one in told.values())
    assert [found.key for found in store.waiting("")] == []
    assert "Contents" not in hub("s3").list_objects_v2(Bucket=INVENTORIES)


def test_what_is_asked_changes_nothing_but_the_object_that_is_tried(
    run: Run, environment: StandIn, mailing: None
) -> None:
    run("--json", code=1)
    with urlopen(f"{environment.endpoint_url}/_a360/calls") as response:
        called = Counter(json.load(response)["by_action"])
    reads = ("Get", "Head", "List", "Describe")
    changes = {action: n for action, n in called.items() if not action.split(":")[1].startswith(reads)}
    made_before = {"s3:CreateBucket": 1}
    assert changes == {"s3:PutObject": 2, "s3:DeleteObject": 2, **made_before}
    assert not [action for action in called if action.startswith("ce:")]


def test_each_thing_that_a_hub_lacks_is_named(
    run: Run, store: SnapshotStore, environment: StandIn, connection: psycopg.Connection[Any]
) -> None:
    store.s3.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Suspended"})
    connection.execute("ALTER TABLE kms_keys DROP COLUMN key_state CASCADE")
    deny(environment, "organizations:*")
    result = run("--json", code=1)
    told = {name: one["message"] for name, one in checks(result).items() if not one["passed"]}
    assert told["bucket versions"] == "a360-snapshots keeps no versions (Suspended): enable versioning"
    assert told["warehouse"] == "it lacks column kms_keys.key_state: run `a360 migrate`"
    assert told["organization"].endswith(": allow organizations:DescribeOrganization to the hub")
    assert "the hub lacks: organization, bucket versions, warehouse\n" in result.stderr


def test_a_hub_without_anything_is_told_all_of_it_at_once(
    run: Run, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A360_BUCKET", "not-there")
    monkeypatch.setenv("A360_DATABASE_URL", new_database())
    printed = " ".join(run(code=1).stdout.split())
    assert "not-there is not there: make it" in printed
    assert "run `a360 migrate`" in printed


def test_a_key_of_the_bucket_must_be_enabled(run: Run, environment: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = environment.organization.keys(environment.organization.management.id, "us-east-1")
    for state, passed in (("Enabled", True), ("Disabled", False)):
        key = next(each for each in keys.values() if each.key_state == state)
        monkeypatch.setenv("A360_KMS_KEY_ID", key.key_id)
        told = checks(run("--json", code=0 if passed else 1))
        assert told["bucket key"]["passed"] is passed


# --- For harvests


def test_an_inventory_bucket_that_is_not_there_is_named(lacking: Lacking, hub: Any) -> None:
    hub("s3").delete_bucket(Bucket=INVENTORIES)
    lacks = only(lacking())
    assert lacks["inventory bucket"] == ("missing", "a360-inventory is not there: make it, or set the name of another")
    assert lacks["inventory bucket writing"][0] == "missing"
    assert "NoSuchBucket" in lacks["inventory bucket writing"][1]
    assert len(lacks) == 2


def test_a_bucket_that_may_not_be_looked_at_is_not_taken_for_one_that_is_not_there(
    lacking: Lacking, environment: StandIn
) -> None:
    deny(environment, "s3:HeadBucket")
    refused = "may not be looked at: it is another account's, or s3:ListBucket has to be allowed on it"
    assert only(lacking()) == {
        "bucket": ("missing", f"a360-snapshots {refused}"),
        "inventory bucket": ("missing", f"a360-inventory {refused}"),
    }


def test_a_queue_that_is_not_there_is_named(lacking: Lacking, hub: Any) -> None:
    sqs = hub("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])
    assert only(lacking()) == {"inventory queue": ("missing", "there is no queue a360-inventory in us-east-1: make it")}


def test_a_dead_letter_queue_that_is_not_there_is_named(lacking: Lacking, hub: Any) -> None:
    sqs = hub("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=DEAD_LETTER_QUEUE)["QueueUrl"])
    assert only(lacking()) == {
        "dead-letter queue": ("missing", "there is no queue a360-inventory-dead-letter in us-east-1: make it")
    }


@pytest.mark.parametrize(
    ("leads_to", "said"),
    [
        (None, "a360-inventory has no redrive policy"),
        ("elsewhere", "the redrive policy of a360-inventory leads to elsewhere"),
    ],
)
def test_a_queue_that_nothing_can_leave_is_told(lacking: Lacking, hub: Any, leads_to: str | None, said: str) -> None:
    sqs = hub("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])
    attributes = {}
    if leads_to:
        url = sqs.create_queue(QueueName=leads_to)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})}
    sqs.create_queue(QueueName=QUEUE, Attributes=attributes)
    mend = "give it one with a360-inventory-dead-letter as its dead-letter queue"
    assert only(lacking()) == {"inventory queue": ("missing", f"{said}: {mend}")}


def test_what_the_hub_may_not_ask_is_missing_with_the_action_to_allow(lacking: Lacking, environment: StandIn) -> None:
    deny(environment, "sqs:GetQueueAttributes", "athena:GetWorkGroup")
    lacks = only(lacking())
    assert {name: state for name, (state, _) in lacks.items()} == dict.fromkeys(
        ("inventory queue", "Athena workgroup"), "missing"
    )
    assert lacks["inventory queue"][1].endswith(": allow sqs:GetQueueAttributes to the hub")
    assert lacks["Athena workgroup"][1].endswith(": allow athena:GetWorkGroup to the hub")


def test_a_workgroup_that_is_not_there_is_named(lacking: Lacking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A360_ATHENA_WORKGROUP", "other")
    assert only(lacking()) == {
        "Athena workgroup": (
            "missing",
            "WorkGroup other is not found: make it in us-east-1, or set A360_ATHENA_WORKGROUP to another",
        )
    }


def test_a_workgroup_that_is_disabled_is_told(lacking: Lacking, hub: Any, environment: StandIn) -> None:
    from moto.athena.models import athena_backends  # noqa: PLC0415 - moto serves no UpdateWorkGroup

    athena_backends[environment.organization.management.id]["us-east-1"].work_groups[WORKGROUP].state = "DISABLED"
    assert only(lacking()) == {"Athena workgroup": ("missing", "workgroup a360 is DISABLED: enable it")}


# --- Mail


def test_no_address_at_all_is_a_note_that_no_mail_is_sent(lacking: Lacking) -> None:
    assert lacking(code=0) == {
        "mail": ("note", "no mail is sent: neither A360_MAIL_SENDER nor A360_MAIL_RECIPIENTS is set")
    }


def test_recipients_without_a_sender_are_a_warning(
    lacking: Lacking, mailing: None, monkeypatch: pytest.MonkeyPatch, environment: StandIn
) -> None:
    monkeypatch.delenv("A360_MAIL_SENDER")
    environment.post.allow(production=True)
    assert lacking(code=0) == {
        "mail": ("warning", "no mail is sent: A360_MAIL_RECIPIENTS is set, and A360_MAIL_SENDER is not")
    }


def test_a_sender_that_is_not_verified_is_missing_and_a_recipient_a_warning(lacking: Lacking, mailing: None) -> None:
    advice = "no identity of SES: it has to be verified before mail can be sent"
    assert lacking() == {
        f"mail from {SENDER}": ("missing", f"sender {SENDER}: {advice}"),
        f"mail to {READER}": ("warning", f"recipient {READER}: {advice}"),
    }


def test_a_recipient_alone_that_is_not_verified_keeps_nothing_from_passing(
    lacking: Lacking, mailing: None, hub: Any, environment: StandIn
) -> None:
    environment.post.allow(verified=[SENDER])
    for address in (SENDER, READER):
        hub("sesv2").create_email_identity(EmailIdentity=address)
    advice = "not verified yet: open the link in the mail that AWS has sent to it"
    assert lacking(code=0) == {f"mail to {READER}": ("warning", f"recipient {READER}: {advice}")}


def test_addresses_that_may_be_used_pass(run: Run, mailing: None, hub: Any, environment: StandIn) -> None:
    environment.post.allow(verified=[SENDER, READER])
    for address in (SENDER, READER):
        hub("sesv2").create_email_identity(EmailIdentity=address)
    told = checks(run("--json"))
    assert (told[f"mail from {SENDER}"]["state"], told[f"mail to {READER}"]["state"]) == ("ok", "ok")
    assert "mail" not in told


def test_a_sender_without_recipients_mails_only_whom_a_harvest_names(
    lacking: Lacking, mailing: None, hub: Any, environment: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A360_MAIL_RECIPIENTS")
    environment.post.allow(verified=[SENDER])
    hub("sesv2").create_email_identity(EmailIdentity=SENDER)
    said = "A360_MAIL_RECIPIENTS is not set: mail is sent to whom a harvest names, alone"
    assert lacking(code=0) == {"mail": ("note", said)}


def test_a_sender_of_whom_ses_says_nothing_is_not_taken_for_verified(
    lacking: Lacking, mailing: None, environment: StandIn
) -> None:
    # IAM's prefix for both of its APIs is ses; the sandbox tells them apart.
    deny(environment, "*:GetEmailIdentity")
    state, message = lacking()[f"mail from {SENDER}"]
    assert (state, message.startswith(f"sender {SENDER}: state not known (")) == ("missing", True)
    assert "GetEmailIdentity" in message


# --- Deployments and dashboards


def test_stack_sets_without_trusted_access_are_a_note(lacking: Lacking, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(one for one in organizations.TRUSTED if one != STACK_SETS)
    monkeypatch.setattr(organizations, "TRUSTED", others)
    state, message = only(lacking(code=0))["StackSets"]
    assert state == "note"
    assert message.endswith("activate it with CloudFormation ActivateOrganizationsAccess")


def test_trusted_access_is_found_on_a_later_page(lacking: Lacking, monkeypatch: pytest.MonkeyPatch) -> None:
    many = (*(f"service-{number:02}.amazonaws.com" for number in range(45)), STACK_SETS)
    monkeypatch.setattr(organizations, "TRUSTED", many)
    assert only(lacking(code=0)) == {}


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("organizations:ListAWSServiceAccessForOrganization", "StackSets"),
        ("quicksight:DescribeAccountSubscription", "QuickSight"),
    ],
)
def test_what_could_not_be_learnt_is_a_warning_and_no_note_that_it_is_absent(
    lacking: Lacking, environment: StandIn, action: str, name: str
) -> None:
    deny(environment, action)
    state, message = only(lacking(code=0))[name]
    assert state == "warning"
    assert message.endswith(f": allow {action} to the hub")


def test_no_subscription_of_quicksight_is_a_note(lacking: Lacking, environment: StandIn) -> None:
    environment.faults.set(errors={"quicksight:DescribeAccountSubscription": "ResourceNotFoundException"})
    said = "there is no QuickSight subscription: dashboards need one, all else goes without"
    assert only(lacking(code=0)) == {"QuickSight": ("note", said)}


# --- The warehouse by Data API


@pytest.fixture
def by_data_api(environment: StandIn, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A360_DATABASE_URL")
    monkeypatch.setenv("A360_CLUSTER_ARN", environment.data_api.cluster_arn)
    monkeypatch.setenv("A360_DATABASE_SECRET_ARN", environment.data_api.secret_arn)
    monkeypatch.setenv("A360_DATABASE_NAME", str(conninfo_to_dict(warehouse_url)["dbname"]))


def test_a_warehouse_that_is_reached_by_data_api_is_tried_there(
    by_data_api: None, run: Run, environment: StandIn
) -> None:
    assert checks(run("--json"))["warehouse"]["passed"]
    with urlopen(f"{environment.endpoint_url}/_a360/calls") as response:
        assert json.load(response)["by_action"]["rds-data:ExecuteStatement"] > 0


def test_what_a_warehouse_lacks_is_told_by_data_api_too(
    by_data_api: None, lacking: Lacking, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("ALTER TABLE kms_keys DROP COLUMN key_state CASCADE")
    assert only(lacking()) == {"warehouse": ("missing", "it lacks column kms_keys.key_state: run `a360 migrate`")}


def test_a_data_api_that_refuses_is_told(by_data_api: None, lacking: Lacking, environment: StandIn) -> None:
    deny(environment, "rds-data:*")
    lacks = only(lacking())
    assert lacks["warehouse"][0] == "missing"
    assert "rds-data:" in lacks["warehouse"][1]
    assert len(lacks) == 1
