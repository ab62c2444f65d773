"""Mail: who may be written to, what is sent, and that nothing which SES refuses stops anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from a360_pipeline.inventory.means import Means
from a360_pipeline.report.letter import Report
from a360_pipeline.report.mail import identity_states, request_verification, send
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.conftest import BUCKET, lead_to

SENDER = "reports@platform.example.com"
ADA, BOB = "ada@example.org", "bob@example.org"
REPORT = Report("Harvest weekly complete: all of 2 buckets", "<p>größer &lt; kleiner</p>", "größer < kleiner")


@pytest.fixture
def stand_in(small_organization: Organization) -> Iterator[StandIn]:
    """AWS without a database, whose SES lets verified addresses send to anybody."""
    with serve(small_organization, bucket=BUCKET, member_role="a360-member") as running:
        running.post.allow(verified=[SENDER], production=True)
        yield running


@pytest.fixture
def ses(stand_in: StandIn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    lead_to(stand_in, tmp_path, monkeypatch)
    return Means.of(load_settings(max_attempts=1)).hub("sesv2")


def identities(ses: Any) -> list[str]:
    return [each["IdentityName"] for each in ses.list_email_identities()["EmailIdentities"]]


def test_each_recipient_gets_a_mail_of_its_own_with_both_bodies(stand_in: StandIn, ses: Any) -> None:
    ses.create_email_identity(EmailIdentity=SENDER)
    outcome = send(ses, SENDER, [ADA, BOB, ADA], REPORT)
    assert outcome.is_sent
    assert outcome.said == "sent to 2 of 2"
    assert [(each.recipients, each.subject, each.sender, each.html, each.text) for each in stand_in.post.sent] == [
        ((address,), REPORT.subject, SENDER, REPORT.html, REPORT.text) for address in (ADA, BOB)
    ]
    assert [each.message_id for each in outcome.posted] == [each.message_id for each in stand_in.post.sent]


def test_a_refused_mail_is_an_outcome_and_no_error(stand_in: StandIn, ses: Any) -> None:
    """I13. An error of SES kept clean-up from running: here it is told, and nothing is raised."""
    outcome = send(ses, SENDER, [ADA], REPORT)
    assert not outcome.is_sent
    assert outcome.posted[0].message_id is None
    assert "MessageRejected" in outcome.posted[0].reason
    assert outcome.said.startswith(f"sent to 0 of 1; {ADA!r}: ")
    assert stand_in.post.sent == []


def test_an_ses_that_does_not_answer_stops_nothing(stand_in: StandIn, ses: Any) -> None:
    """I13. Neither does a line that is down."""
    stand_in.close()
    outcome = send(ses, SENDER, [ADA], REPORT)
    assert not outcome.is_sent
    assert "unreachable" in outcome.posted[0].reason
    assert [each.state for each in request_verification(ses, SENDER, [ADA])] == [None, None]


def test_one_refused_recipient_keeps_the_mail_from_no_other(stand_in: StandIn, ses: Any) -> None:
    ses.create_email_identity(EmailIdentity=SENDER)
    outcome = send(ses, SENDER, ["no address", BOB], REPORT)
    assert not outcome.is_sent
    assert [each.message_id is None for each in outcome.posted] == [True, False]
    assert "'no address' is no bare e-mail address" in outcome.posted[0].reason
    assert [each.recipients for each in stand_in.post.sent] == [(BOB,)]


def test_without_sender_or_recipients_nothing_is_tried(stand_in: StandIn, ses: Any) -> None:
    assert (send(ses, None, [ADA], REPORT).said, send(ses, SENDER, [], REPORT).said) == (
        "sent to 0 of 0; no sender is set",
        "sent to 0 of 0; no recipients are set",
    )
    assert not send(ses, None, [ADA], REPORT).is_sent


UNFIT = (
    "ada@example.org\nBcc: eve@example.net",
    "ada@example.org\r\nBcc: eve@example.net",
    "ada@example.org\n",
    "ada@example.org, eve@example.net",
    "Eve <eve@example.net>",
    "ada@example",
    "ada@example..org",
    "@example.org",
    f"{'a' * 65}@example.org",
    f"a@{'b' * 400}.org",
    "ada@exam\u0440le.org",
)


def test_an_address_that_could_be_a_header_is_sent_nothing(stand_in: StandIn, ses: Any) -> None:
    ses.create_email_identity(EmailIdentity=SENDER)
    for address in UNFIT:
        assert not send(ses, SENDER, [address], REPORT).is_sent
        assert not send(ses, address, [ADA], REPORT).is_sent
        assert not request_verification(ses, address, [])[0].is_ready
    assert stand_in.post.sent == []
    assert identities(ses) == [SENDER]


def test_a_subject_that_is_not_one_line_is_not_sent(stand_in: StandIn, ses: Any) -> None:
    ses.create_email_identity(EmailIdentity=SENDER)
    for subject in ("done\nBcc: eve@example.net", "done\r", "done\u2028", "x" * 301):
        outcome = send(ses, SENDER, [ADA], Report(subject, "", ""))
        assert "a subject is one line" in outcome.posted[0].reason
    assert stand_in.post.sent == []


def test_in_the_sandbox_of_ses_sender_and_recipients_get_their_request_once(stand_in: StandIn, ses: Any) -> None:
    stand_in.post.allow(verified=[SENDER], production=False)
    asked: list[str] = []
    ses.meta.events.register(
        "provide-client-params.*.CreateEmailIdentity", lambda params, **_: asked.append(params["EmailIdentity"])
    )
    assert [(each.address, each.state, each.is_needed) for each in identity_states(ses, SENDER, [ADA, SENDER])] == [
        (SENDER, "NOT_STARTED", True),
        (ADA, "NOT_STARTED", True),
    ]
    request_verification(ses, SENDER, [ADA])
    states = request_verification(ses, SENDER, [ADA])
    assert asked == [SENDER, ADA]
    assert [each.said for each in states] == [
        f"sender {SENDER}: verified",
        f"recipient {ADA}: not verified yet: open the link in the mail that AWS has sent to it",
    ]
    assert [each.is_ready for each in states] == [True, False]


def test_out_of_the_sandbox_of_ses_recipients_need_no_verification(stand_in: StandIn, ses: Any) -> None:
    sender, recipient = request_verification(ses, SENDER, [ADA])
    assert identities(ses) == [SENDER]
    assert (sender.state, recipient.state, recipient.is_ready) == ("SUCCESS", "NOT_STARTED", True)
    assert recipient.said == f"recipient {ADA}: need not be verified"


def test_a_verified_domain_speaks_for_the_addresses_below_it(stand_in: StandIn, ses: Any) -> None:
    stand_in.post.allow(verified=["example.com"], production=True)
    ses.create_email_identity(EmailIdentity="example.com")
    assert [(each.state, each.verified_by) for each in request_verification(ses, SENDER, [])] == [
        ("SUCCESS", "example.com")
    ]
    assert identities(ses) == ["example.com"]
    stand_in.post.allow(production=True)
    assert [(each.state, each.verified_by) for each in identity_states(ses, SENDER, [])] == [("NOT_STARTED", None)]


def test_a_state_that_cannot_be_learnt_is_unknown_and_says_why(stand_in: StandIn, ses: Any) -> None:
    account_id = stand_in.organization.management.id
    stand_in.faults.set(denied={account_id: ["sesv2:GetAccount", "sesv2:GetEmailIdentity"]})
    sender, recipient = identity_states(ses, SENDER, [ADA])
    assert (sender.state, recipient.state, recipient.is_needed) == (None, None, None)
    assert "AccessDenied" in sender.message
    assert not sender.is_ready
    assert "state not known" in sender.said
