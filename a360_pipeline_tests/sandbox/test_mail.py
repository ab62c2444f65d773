"""SES of the sandbox: nothing is verified by itself, and what was sent can be read."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

TINY = Sizes(keys=6, instances=2, applications=3, patches=3, others=2)
SENDER, RECIPIENT = "reports@northlight.example", "ops@elsewhere.example"
SIMPLE = {"Simple": {"Subject": {"Data": "Déjà vu"}, "Body": {"Html": {"Data": "<p>h</p>"}, "Text": {"Data": "t"}}}}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    with serve(Organization.seeded(now=now, sizes=TINY, accounts=1), bucket=BUCKET, member_role=ROLE) as stand_in:
        yield stand_in


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Any]:
    clients = Clients(stand_in)
    yield clients.hub("sesv2")
    clients.close()


def send(client: Any, content: dict[str, Any] = SIMPLE) -> str:
    sent = client.send_email(FromEmailAddress=SENDER, Destination={"ToAddresses": [RECIPIENT]}, Content=content)
    return str(sent["MessageId"])


def test_an_address_is_unverified_until_its_owner_says_so(stand_in: StandIn, client: Any) -> None:
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_email_identity(EmailIdentity=SENDER)
    asked = client.create_email_identity(EmailIdentity=SENDER)
    assert (asked["IdentityType"], asked["VerifiedForSendingStatus"]) == ("EMAIL_ADDRESS", False)
    with pytest.raises(client.exceptions.AlreadyExistsException):
        client.create_email_identity(EmailIdentity=SENDER)
    assert client.get_email_identity(EmailIdentity=SENDER)["VerificationStatus"] == "PENDING"
    stand_in.post.allow(verified=[SENDER])
    assert client.get_email_identity(EmailIdentity=SENDER)["VerificationStatus"] == "SUCCESS"
    assert [each["IdentityName"] for each in client.list_email_identities()["EmailIdentities"]] == [SENDER]
    client.delete_email_identity(EmailIdentity=SENDER)
    assert client.list_email_identities()["EmailIdentities"] == []


def test_mail_from_or_to_an_unverified_address_is_rejected(stand_in: StandIn, client: Any) -> None:
    assert client.get_account()["ProductionAccessEnabled"] is False
    client.create_email_identity(EmailIdentity="northlight.example")
    with pytest.raises(client.exceptions.MessageRejected, match=f"US-EAST-1: {SENDER}, {RECIPIENT}"):
        send(client)
    stand_in.post.allow(verified=["northlight.example"])
    with pytest.raises(client.exceptions.MessageRejected, match=f"US-EAST-1: {RECIPIENT}"):
        send(client)
    assert stand_in.post.sent == []
    stand_in.post.allow(verified=["northlight.example"], production=True)
    send(client)
    assert [mail.recipients for mail in stand_in.post.sent] == [(RECIPIENT,)]


def test_what_was_sent_is_read_with_its_html_and_its_text(stand_in: StandIn, client: Any) -> None:
    for address in (SENDER, RECIPIENT):
        client.create_email_identity(EmailIdentity=address)

    def control(method: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{stand_in.endpoint_url}/_a360/mail", data, method=method)
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    control("PUT", {"verified": [SENDER, RECIPIENT]})
    raw = EmailMessage()
    raw["Subject"] = "Déjà vu"
    raw.set_content("t")
    raw.add_alternative("<p>h</p>", subtype="html")
    ids = [send(client), send(client, {"Raw": {"Data": raw.as_bytes()}})]
    said = control("GET")
    assert [mail["message_id"] for mail in said] == ids
    assert [(mail["subject"], mail["html"].strip(), mail["text"].strip()) for mail in said] == [
        ("Déjà vu", "<p>h</p>", "t")
    ] * 2
