"""Reports by e-mail through Amazon SES: which addresses may be used, and what became of each mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from a360_pipeline.aws.errors import AWS_ERRORS, error_code, explain
from a360_pipeline.report.letter import Report

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""Bare addresses in ASCII, as SES takes them: no name, no comment, no line break, no second address."""
LONGEST = 320
LONGEST_SUBJECT = 300
UNKNOWN_THERE = "NotFoundException"
THERE_ALREADY = "AlreadyExistsException"
NO_IDENTITY = "NOT_STARTED"
VERIFIED = "SUCCESS"
ADVICE = {
    VERIFIED: "verified",
    "PENDING": "not verified yet: open the link in the mail that AWS has sent to it",
    "FAILED": "not verified, and the link has expired: delete the identity in SES, then a new link can be sent",
    "TEMPORARY_FAILURE": "verified before, but AWS cannot confirm it now: look at its DNS records",
    NO_IDENTITY: "no identity of SES: it has to be verified before mail can be sent",
}
"""What SES's VerificationStatus means to whoever waits for a mail."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How an address stands with SES."""

    address: str
    is_sender: bool
    state: str | None
    """SES's VerificationStatus; None where it could not be learnt."""
    verified_by: str | None = None
    """The identity that verifies it: itself, or a domain that it is in."""
    is_needed: bool | None = True
    """Whether mail needs it verified: a recipient only while the account is in SES's sandbox. None: not known."""
    message: str = ""

    @property
    def is_ready(self) -> bool:
        return self.state == VERIFIED or self.is_needed is False

    @property
    def said(self) -> str:
        """One line for a person."""
        role = "sender" if self.is_sender else "recipient"
        if self.is_needed is False and self.state != VERIFIED:
            return f"{role} {self.address}: need not be verified"
        advice = ADVICE.get(self.state or "", f"state {self.state or 'not known'}")
        return f"{role} {self.address}: {advice}" + (f" ({self.message})" if self.message else "")


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of the mail to one recipient."""

    recipient: str
    message_id: str | None
    """SES's; None where the mail was not sent."""
    reason: str = ""
    """Why it was not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a report that was to be mailed."""

    posted: tuple[Posted, ...]
    reason: str = ""
    """Why none was even tried."""

    @property
    def is_sent(self) -> bool:
        """Whether everybody gets it."""
        return bool(self.posted) and all(each.message_id for each in self.posted)

    @property
    def said(self) -> str:
        """One line for a person."""
        sent = sum(each.message_id is not None for each in self.posted)
        reasons = [f"{each.recipient!r}: {each.reason}" for each in self.posted if each.message_id is None]
        return "; ".join(filter(None, (f"sent to {sent} of {len(self.posted)}", self.reason, *reasons)))


def identity_states(ses: Any, sender: str | None, recipients: Sequence[str]) -> tuple[Identity, ...]:
    """How sender and recipients stand: SES GetAccount, GetEmailIdentity. `ses` is a client of `sesv2`.

    Never raises for what AWS answers: the state is then None, and the message says why.
    """
    needed, why = _is_sandboxed(ses)
    return tuple(
        _state(ses, Identity(address, is_sender, None, is_needed=True if is_sender else needed), why)
        for address, is_sender in _addresses(sender, recipients)
    )


def request_verification(ses: Any, sender: str | None, recipients: Sequence[str]) -> tuple[Identity, ...]:
    """Has AWS send its link to every address that needs one and was never asked: SES CreateEmailIdentity.

    Returns how they stand after it, as `identity_states`. Asking again sends nothing twice.
    """
    return tuple(_asked(ses, each) for each in identity_states(ses, sender, recipients))


def _addresses(sender: str | None, recipients: Sequence[str]) -> Iterator[tuple[str, bool]]:
    if sender is not None:
        yield sender, True
    # Once each: what is the sender's state is the recipient's too.
    yield from ((address, False) for address in dict.fromkeys(recipients) if address != sender)


def _is_sandboxed(ses: Any) -> tuple[bool | None, str]:
    try:
        return not ses.get_account()["ProductionAccessEnabled"], ""
    except (*AWS_ERRORS, KeyError) as error:
        return None, f"whether the account is in SES's sandbox is not known: {explain(error)}"


def _state(ses: Any, identity: Identity, why_unsure: str) -> Identity:
    refusal = _unfit(identity.address)
    if refusal:
        return replace(identity, message=refusal)
    unsure = why_unsure if identity.is_needed is None else ""
    states: dict[str, str | None] = {}
    try:
        for name in _names(identity.address):
            states[name] = _status(ses, name)
            if states[name] == VERIFIED:
                return replace(identity, state=VERIFIED, verified_by=name, message=unsure)
    except AWS_ERRORS as error:
        return replace(identity, message=explain(error))
    return replace(identity, state=states[identity.address] or NO_IDENTITY, message=unsure)


def _names(address: str) -> Iterator[str]:
    """The identities that may verify an address, itself first: SES lets a domain speak for those below it."""
    yield address
    labels = address.partition("@")[2].lower().split(".")
    yield from (".".join(labels[at:]) for at in range(len(labels) - 1))


def _status(ses: Any, name: str) -> str | None:
    try:
        status: str | None = ses.get_email_identity(EmailIdentity=name).get("VerificationStatus")
    except AWS_ERRORS as error:
        if error_code(error) == UNKNOWN_THERE:
            return None
        raise
    return status


def _asked(ses: Any, identity: Identity) -> Identity:
    if identity.state != NO_IDENTITY or identity.is_needed is False:
        return identity
    try:
        ses.create_email_identity(EmailIdentity=identity.address)
    except AWS_ERRORS as error:
        if error_code(error) != THERE_ALREADY:
            return replace(identity, message=explain(error))
    return _state(ses, identity, identity.message)


def send(ses: Any, sender: str | None, recipients: Iterable[str], report: Report) -> Outcome:
    """Sends a report to each recipient in a mail of its own: SES SendEmail. `ses` is a client of `sesv2`.

    One that SES refuses, such as an unverified one, keeps it from no other. Never raises for what AWS answers:
    what ends a harvest must not wait for mail.
    """
    wanted = tuple(dict.fromkeys(recipients))
    if sender is None:
        return Outcome((), "no sender is set")
    if not wanted:
        return Outcome((), "no recipients are set")
    refusal = _unfit(sender) or _unfit_subject(report.subject)
    if refusal:
        return Outcome(tuple(Posted(each, None, refusal) for each in wanted))
    return Outcome(tuple(_post(ses, sender, each, report) for each in wanted))


def _post(ses: Any, sender: str, recipient: str, report: Report) -> Posted:
    refusal = _unfit(recipient)
    if refusal:
        return Posted(recipient, None, refusal)
    try:
        answer = ses.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [recipient]},
            Content={
                "Simple": {
                    "Subject": _content(report.subject),
                    "Body": {"Html": _content(report.html), "Text": _content(report.text)},
                }
            },
        )
    except AWS_ERRORS as error:
        return Posted(recipient, None, explain(error))
    return Posted(recipient, answer["MessageId"])


def _content(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}


def _unfit(address: str) -> str:
    if len(address) <= LONGEST and ADDRESS.fullmatch(address):
        return ""
    return f"{address[:LONGEST]!r} is no bare e-mail address"


def _unfit_subject(subject: str) -> str:
    if subject.isprintable() and len(subject) <= LONGEST_SUBJECT:
        return ""
    return f"a subject is one line of at most {LONGEST_SUBJECT} characters, not {subject[:60]!r}"
