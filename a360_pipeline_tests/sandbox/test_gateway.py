"""Who may ask the stand-in for what, what goes wrong on demand, and what moto answers behind it."""

from __future__ import annotations

import datetime as dt
import http.client
import io
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from werkzeug.test import Client

from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.faults import Faults, WantedFaults
from a360_pipeline.sandbox.gateway import Gateway
from a360_pipeline.sandbox.identity import Identities
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TINY = Sizes(keys=6, instances=2, applications=3, patches=3)
NO_FAULTS = WantedFaults().model_dump()
STRANGER = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "unknown"}


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with serve(Organization.seeded(now=NOW, sizes=TINY), bucket=BUCKET, member_role=ROLE) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running: StandIn) -> Iterator[StandIn]:
    yield running
    running.faults.set()


@pytest.fixture
def clients(stand_in: StandIn) -> Iterator[Clients]:
    clients = Clients(stand_in)
    yield clients
    clients.close()


@pytest.fixture
def accounts(running: StandIn) -> list[str]:
    return [account.id for account in running.organization.accounts]


def refused(call: Any, **parameters: Any) -> tuple[str, int, str]:
    """The code, the status and the message with which a call fails."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response = error.value.response
    metadata = response["ResponseMetadata"]
    assert metadata["RetryAttempts"] == 0
    return response["Error"]["Code"], metadata["HTTPStatusCode"], response["Error"]["Message"]


def control(stand_in: StandIn, name: str, body: bytes | None = None) -> Any:
    method = "GET" if body is None else "PUT"
    request = urllib.request.Request(f"{stand_in.endpoint_url}/_a360/{name}", data=body, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def test_unknown_credentials_are_refused_by_every_service(clients: Clients) -> None:
    for service, operation in (("kms", "list_keys"), ("sts", "get_caller_identity"), ("sqs", "list_queues")):
        code, status, _ = refused(getattr(clients.signed(STRANGER, service), operation))
        assert (code, status) == ("InvalidClientTokenId", 403)
    code, status, _ = refused(clients.signed(STRANGER, "s3").list_objects_v2, Bucket=BUCKET)
    assert (code, status) == ("InvalidAccessKeyId", 403)


def test_what_is_unsigned_is_refused(stand_in: StandIn) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{stand_in.endpoint_url}/{BUCKET}")
    with error.value as response:
        assert response.code == 403
        assert b"MissingAuthenticationToken" in response.read()


def test_a_connection_outlives_a_refusal_that_left_the_body_unread(stand_in: StandIn) -> None:
    address = urlsplit(stand_in.endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("PUT", f"/{BUCKET}/unsigned", body=b"x" * 300_000)
    assert b"MissingAuthenticationToken" in connection.getresponse().read()
    used = connection.sock
    connection.request("GET", "/_a360/health")
    assert json.load(connection.getresponse())["pid"] > 0
    assert connection.sock is used
    connection.close()


def test_a_session_belongs_to_the_account_whose_role_was_assumed(clients: Clients, accounts: list[str]) -> None:
    for account_id in accounts:
        identity = clients.member(account_id, "sts").get_caller_identity()
        assert identity["Account"] == account_id
        assert identity["Arn"] == f"arn:aws:sts::{account_id}:assumed-role/{ROLE}/a360-pipeline"
    assert clients.hub("sts").get_caller_identity()["Arn"].endswith(f"{accounts[0]}:user/a360-hub")


def test_a_session_without_its_token_is_none(clients: Clients, accounts: list[str]) -> None:
    keys = clients.assume(accounts[1])
    del keys["aws_session_token"]
    assert refused(clients.signed(keys, "kms").list_keys)[0] == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("account", "role", "external_id"),
    [(1, ROLE, "made-up"), (1, "admin", None), (None, ROLE, None)],
    ids=["another external id", "another role", "an account of others"],
)
def test_only_the_member_role_can_be_assumed(
    clients: Clients, accounts: list[str], account: int | None, role: str, external_id: str | None
) -> None:
    account_id = "123456789012" if account is None else accounts[account]
    code, status, message = refused(clients.assume, account_id=account_id, role=role, external_id=external_id)
    assert (code, status) == ("AccessDenied", 403)
    assert f"is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::{account_id}:role/" in message


def test_a_member_can_assume_no_role(clients: Clients, accounts: list[str]) -> None:
    code, _, _ = refused(
        clients.member(accounts[1], "sts").assume_role,
        RoleArn=f"arn:aws:iam::{accounts[2]}:role/{ROLE}",
        RoleSessionName="chained",
        ExternalId=clients.stand_in.external_id,
    )
    assert code == "AccessDenied"


def test_only_the_management_account_asks_for_the_organization_and_its_bill(
    clients: Clients, accounts: list[str]
) -> None:
    for service, operation in (("organizations", "list_accounts"), ("organizations", "list_roots")):
        code, _, message = refused(getattr(clients.member(accounts[1], service), operation))
        assert code == "AccessDeniedException"
        assert "management account" in message


def test_a_wrong_parameter_fails_as_at_aws(clients: Clients) -> None:
    ssm = clients.hub("ssm", parameter_validation=False)
    code, status, message = refused(ssm.describe_instance_information, MaxResults=51)
    assert (code, status) == ("ValidationException", 400)
    assert "'MaxResults' must be at most 50" in message
    assert "MaxResults is not a integer" in refused(ssm.describe_instance_information, MaxResults="many")[2]
    assert 'Missing required parameter in input: "TypeName"' in refused(ssm.list_inventory_entries, InstanceId="i")[2]
    account = clients.hub("account", parameter_validation=False)
    assert "must be one of" in refused(account.get_alternate_contact, AlternateContactType="LEGAL")[2]
    organizations = clients.hub("organizations", parameter_validation=False)
    assert refused(organizations.list_accounts, NextToken="x")[0] == "InvalidInputException"


def test_a_misspelled_answer_is_caught_before_it_is_written(caplog: pytest.LogCaptureFixture) -> None:
    organization = Organization.seeded(seed=99, accounts=1, now=NOW, sizes=TINY)
    identities = Identities(organization, ROLE)
    gateway = Gateway(organization, identities, Faults(), {("kms", "ListKeys"): lambda *_: {"Keys": [{"KeyID": "x"}]}})
    signed = f"AWS4-HMAC-SHA256 Credential={identities.hub_key.access_key_id}/20261122/us-east-1/kms/aws4_request"
    headers = {"Authorization": signed, "X-Amz-Target": "TrentService.ListKeys"}
    with caplog.at_level(logging.ERROR):
        answer = Client(gateway).post("/", data=b"{}", headers=headers)
    assert answer.status_code == 500
    assert json.loads(answer.data)["message"] == (
        "The sandbox failed to answer kms:ListKeys: AWS would answer otherwise: "
        'Unknown parameter in Keys[0]: "KeyID", must be one of: KeyId, KeyArn'
    )
    assert 'Unknown parameter in Keys[0]: "KeyID"' in caplog.text


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("health", "describe_event_types", {}, "health:DescribeEventTypes"),
        ("ssm", "get_inventory", {}, "ssm:GetInventory"),
        ("ce", "get_tags", {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"}}, "ce:GetTags"),
        ("ec2", "describe_reserved_instances", {}, "ec2:DescribeReservedInstances"),
        ("rds", "describe_reserved_db_instances", {}, "rds:DescribeReservedDBInstances"),
        ("accessanalyzer", "list_analyzers", {}, "accessanalyzer:ListAnalyzers"),
    ],
)
def test_what_nobody_serves_says_so_once(
    clients: Clients, service: str, operation: str, parameters: dict[str, Any], named: str
) -> None:
    client = clients.hub(service, attempts=5)
    code, status, message = refused(getattr(client, operation), **parameters)
    assert (code, status) == ("NotImplemented", 501)
    assert message.startswith("The sandbox does not serve ")
    assert named in message


def test_throttling_comes_at_the_rate_asked_for(stand_in: StandIn, clients: Clients) -> None:
    stand_in.faults.set(throttle_rate=0.25)
    client = clients.hub("ce")
    asked = {
        "TimePeriod": {"Start": "2026-11-20", "End": "2026-11-21"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    }
    codes = []
    for _ in range(200):
        try:
            client.get_cost_and_usage(**asked)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert set(codes) == {"LimitExceededException"}
    assert 30 <= len(codes) <= 70


def test_each_service_throttles_in_its_own_words(stand_in: StandIn, clients: Clients) -> None:
    stand_in.faults.set(throttle_rate=1)
    assert refused(clients.hub("kms").list_keys)[:2] == ("ThrottlingException", 400)
    assert refused(clients.hub("organizations").list_accounts)[:2] == ("TooManyRequestsException", 400)
    assert refused(clients.hub("account").list_regions)[:2] == ("TooManyRequestsException", 429)


def test_retries_get_through_throttling(stand_in: StandIn, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    before = control(stand_in, "calls")
    stand_in.faults.set(throttle_rate=0.4)
    client = clients.hub("kms", attempts=10)
    retries = [client.list_keys()["ResponseMetadata"]["RetryAttempts"] for _ in range(30)]
    after = control(stand_in, "calls")
    throttled = after["throttled"]["kms:ListKeys"] - before["throttled"].get("kms:ListKeys", 0)
    assert sum(retries) == throttled > 0
    assert after["by_action"]["kms:ListKeys"] - before["by_action"].get("kms:ListKeys", 0) == 30 + throttled


def test_a_denied_account_is_denied_what_was_named_and_no_more(
    stand_in: StandIn, clients: Clients, accounts: list[str]
) -> None:
    kms = clients.member(accounts[1], "kms")
    stand_in.faults.set(denied={accounts[1]: ["kms:List*", "sqs:*"]})
    code, status, message = refused(kms.list_keys)
    assert (code, status) == ("AccessDeniedException", 400)
    assert message == (
        f"User: arn:aws:sts::{accounts[1]}:assumed-role/{ROLE}/a360-pipeline is not authorized to perform: "
        "kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action"
    )
    assert refused(clients.member(accounts[1], "sqs").list_queues)[0] == "AccessDeniedException"
    assert clients.member(accounts[1], "ssm").describe_instance_information()["InstanceInformationList"]
    assert clients.hub("kms").list_keys()["Keys"]


def test_the_role_of_an_account_can_be_denied(stand_in: StandIn, clients: Clients, accounts: list[str]) -> None:
    stand_in.faults.set(denied={accounts[1]: ["sts:AssumeRole"]})
    code, status, message = refused(clients.assume, account_id=accounts[1])
    assert (code, status) == ("AccessDenied", 403)
    assert f"on resource: arn:aws:iam::{accounts[1]}:role/{ROLE} because" in message
    assert clients.assume(accounts[2])


def test_the_service_control_policy_denies_in_every_region(clients: Clients, accounts: list[str]) -> None:
    for region in ("us-east-1", "eu-central-2"):
        ssm = clients.member(accounts[2], "ssm", region)
        code, _, message = refused(ssm.describe_instance_information)
        assert code == "AccessDeniedException"
        assert message.endswith("with an explicit deny in a service control policy")
        assert clients.member(accounts[2], "kms", region).list_keys()["Keys"]


def test_a_region_that_is_not_enabled_knows_no_credentials_of_the_account(
    clients: Clients, accounts: list[str]
) -> None:
    code, status, message = refused(clients.member(accounts[3], "kms", "eu-central-2").list_keys)
    assert (code, status) == ("UnrecognizedClientException", 400)
    assert message == "The security token included in the request is invalid."
    assert clients.member(accounts[3], "kms").list_keys()["Keys"]
    assert clients.hub("kms", "eu-central-2").list_keys()["Keys"]
    assert refused(clients.hub("kms", "me-south-1").list_keys)[0] == "UnrecognizedClientException"


def test_each_account_has_a_bucket_of_its_own_that_fills_at_the_rate_asked_for() -> None:
    now = [0.0]
    faults = Faults(clock=lambda: now[0])
    faults.set(calls_per_second=2)
    assert [faults.throttles("a") for _ in range(4)] == [False, False, True, True]
    assert not faults.throttles("b")
    now[0] = 0.5
    assert [faults.throttles("a") for _ in range(2)] == [False, True]


def test_a_service_can_refuse_with_the_code_of_what_is_not_enabled(stand_in: StandIn, clients: Clients) -> None:
    stand_in.faults.set(errors={"kms:*": "SubscriptionRequiredException", "ec2:Describe*": "OptInRequired"})
    assert refused(clients.hub("kms").list_keys)[0] == "SubscriptionRequiredException"
    assert refused(clients.hub("ec2").describe_volumes)[0] == "OptInRequired"
    assert clients.hub("ssm").describe_instance_information()["InstanceInformationList"]


def test_credentials_expire_in_the_middle_and_new_ones_serve(
    stand_in: StandIn, clients: Clients, accounts: list[str]
) -> None:
    kms = clients.member(accounts[1], "kms")
    other = clients.member(accounts[2], "kms")
    stand_in.faults.set(expire_after={accounts[1]: 2})
    assert [kms.list_keys()["Keys"] != [] for _ in range(2)] == [True, True]
    assert refused(kms.list_keys)[:2] == ("ExpiredTokenException", 403)
    assert other.list_keys()["Keys"]
    assert clients.signed(clients.assume(accounts[1]), "kms").list_keys()["Keys"]
    assert refused(kms.list_keys)[0] == "ExpiredTokenException"


def test_an_answer_is_cut_off_in_the_middle_as_often_as_asked_for(stand_in: StandIn, clients: Clients) -> None:
    stand_in.faults.set(cut={"kms:ListKeys": 1})
    kms = clients.hub("kms")
    got: list[tuple[int, int]] = []
    kms.meta.events.register(
        "before-parse.kms.ListKeys",
        lambda response_dict, **_: got.append(
            (len(response_dict["body"]), int(response_dict["headers"]["content-length"]))
        ),
    )
    assert "Keys" not in kms.list_keys(), "botocore takes half a listing for an empty answer"
    assert kms.list_keys()["Keys"]
    assert [received < promised for received, promised in got] == [True, False]


def test_control_says_who_runs_and_what_is_true(stand_in: StandIn) -> None:
    assert control(stand_in, "health")["pid"] > 0
    assert control(stand_in, "truth") == stand_in.organization.truth()


def test_faults_are_set_over_http(stand_in: StandIn, clients: Clients, accounts: list[str]) -> None:
    body = {"denied": {accounts[0]: ["*"]}}
    assert control(stand_in, "faults", json.dumps(body).encode()) == NO_FAULTS | body
    assert refused(clients.hub("kms").list_keys)[0] == "AccessDeniedException"
    assert control(stand_in, "faults", b"{}") == NO_FAULTS
    assert clients.hub("kms").list_keys()["Keys"]


@pytest.mark.parametrize(
    ("body", "explained"),
    [
        (b"throttle", "Invalid JSON"),
        (b'{"throttle_rate": 2}', "throttle_rate: Input should be less than or equal to 1"),
        (b'{"throttle": 0.1}', "throttle: Extra inputs are not permitted"),
        (b'{"denied": {"1": "*"}}', "denied.1: Input should be a valid array"),
    ],
)
def test_bad_faults_are_refused_and_change_nothing(stand_in: StandIn, body: bytes, explained: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        control(stand_in, "faults", body)
    with error.value as response:
        assert response.code == 400
        assert explained in json.load(response)["error"]
    assert stand_in.faults.state() == NO_FAULTS


def test_an_inventory_configuration_goes_and_its_bucket_stays(clients: Clients) -> None:
    s3 = clients.hub("s3")
    s3.put_object(Bucket=BUCKET, Key="kept", Body=b"kept")
    configuration = {
        "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{BUCKET}", "Format": "CSV"}},
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
    }
    for name in ("first", "second"):
        s3.put_bucket_inventory_configuration(
            Bucket=BUCKET, Id=name, InventoryConfiguration=configuration | {"Id": name}
        )
    assert (
        s3.delete_bucket_inventory_configuration(Bucket=BUCKET, Id="first")["ResponseMetadata"]["HTTPStatusCode"] == 204
    )
    left = s3.list_bucket_inventory_configurations(Bucket=BUCKET)["InventoryConfigurationList"]
    assert [one["Id"] for one in left] == ["second"]
    assert s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"kept"
    again = refused(s3.delete_bucket_inventory_configuration, Bucket=BUCKET, Id="first")
    assert again[:2] == ("NoSuchConfiguration", 404)
    nowhere = refused(s3.delete_bucket_inventory_configuration, Bucket="not-there", Id="first")
    assert nowhere[:2] == ("NoSuchBucket", 404)


def test_objects_are_put_read_listed_copied_and_deleted(clients: Clients) -> None:
    s3 = clients.hub("s3")
    key = "data/012345678901/us east+1/größe=1.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}", Metadata={"made_by": "test"})
    read = s3.get_object(Bucket=BUCKET, Key=key)
    assert (read["Body"].read(), read["Metadata"]) == (b"{}", {"made_by": "test"})
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == 2
    s3.copy_object(Bucket=BUCKET, Key=f"loaded/{key}", CopySource={"Bucket": BUCKET, "Key": key})
    s3.delete_object(Bucket=BUCKET, Key=key)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="loaded/")["Contents"]
    assert [one["Key"] for one in listed] == [f"loaded/{key}"]
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert refused(s3.get_object, Bucket=BUCKET, Key=key)[0] == "NoSuchKey"


def test_large_objects_stream_both_ways(clients: Clients) -> None:
    s3 = clients.hub("s3")
    body = bytes(range(256)) * 4096 * 20
    s3.put_object(Bucket=BUCKET, Key="large", Body=io.BytesIO(body))
    found = s3.get_object(Bucket=BUCKET, Key="large")["Body"]
    digest = sha256()
    for chunk in found.iter_chunks(1 << 20):
        digest.update(chunk)
    assert digest.digest() == sha256(body).digest()
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="large")["Contents"][0]["Size"] == 20 * 1024 * 1024
