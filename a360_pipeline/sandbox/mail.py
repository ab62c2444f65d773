"""Amazon SES of the sandbox: addresses stay unverified until somebody says so, and what is sent can be read."""

from __future__ import annotations

import email.policy
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.parser import BytesParser
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

IDENTITIES = Paging(default=1000, most=1000, invalid="BadRequestException", size="PageSize")
MOST_RECIPIENTS = 50
SENT_TO = ("ToAddresses", "CcAddresses", "BccAddresses")
Params = Mapping[str, Any]
Answer = Callable[[Organization, Caller, Params], dict[str, Any]]


class WantedMail(BaseModel):
    """The body of `PUT /_a360/mail`: what is given is so from then on, in every account and region."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    verified: tuple[str, ...] = ()
    """Addresses and domains whose owner opened the link that AWS sent."""
    production: bool = False
    """Whether AWS lets the accounts write to anybody."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent."""

    message_id: str
    account_id: str
    region: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    html: str | None
    text: str | None


class Post:
    """The identities of all accounts, by region, and all that was sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], set[str]] = {}
        self._wanted = WantedMail()
        self.sent: list[Mail] = []

    @property
    def answers(self) -> Mapping[tuple[str, str], Answer]:
        return {
            ("sesv2", "GetAccount"): self._account,
            ("sesv2", "CreateEmailIdentity"): self._create,
            ("sesv2", "GetEmailIdentity"): self._get,
            ("sesv2", "ListEmailIdentities"): self._list,
            ("sesv2", "DeleteEmailIdentity"): self._delete,
            ("sesv2", "SendEmail"): self._send,
        }

    def allow(self, *, verified: Sequence[str] = (), production: bool = False) -> None:
        """Says which identities are verified, once they are asked for, and whether mail goes to anybody."""
        self._wanted = WantedMail(verified=tuple(verified), production=production)

    def get(self, _body: bytes) -> Any:
        """For the control: what was sent."""
        return [asdict(mail) for mail in self.sent]

    def put(self, body: bytes) -> Any:
        """For the control: `allow`. Raises ValueError for a body that is none of its."""
        try:
            self._wanted = WantedMail.model_validate_json(body)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            raise ValueError("; ".join(problems)) from None
        return self._wanted.model_dump()

    def _held(self, caller: Caller) -> set[str]:
        with self._lock:
            return self._asked.setdefault((caller.account_id, caller.region), set())

    def _account(self, _organization: Organization, _caller: Caller, _params: Params) -> dict[str, Any]:
        return {
            "ProductionAccessEnabled": self._wanted.production,
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": float(len(self.sent))},
        }

    def _create(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        name, held = params["EmailIdentity"], self._held(caller)
        if name in held:
            raise AwsError("AlreadyExistsException", f"Email identity {name} already exist.")
        held.add(name)
        return {name: value for name, value in self._described(name).items() if name != "VerificationStatus"}

    def _get(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        return self._described(self._known(caller, params)) | {"FeedbackForwardingStatus": True}

    def _list(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        page, more = IDENTITIES.page(caller, params, sorted(self._held(caller)))
        described = [(name, self._described(name)) for name in page]
        listed = [
            {
                "IdentityType": said["IdentityType"],
                "IdentityName": name,
                "SendingEnabled": said["VerifiedForSendingStatus"],
                "VerificationStatus": said["VerificationStatus"],
            }
            for name, said in described
        ]
        return {"EmailIdentities": listed} | more

    def _delete(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        self._held(caller).remove(self._known(caller, params))
        return {}

    def _send(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        sender = params.get("FromEmailAddress", "")
        recipients = tuple(one for name in SENT_TO for one in params.get("Destination", {}).get(name, ()))
        if not sender or not recipients or len(recipients) > MOST_RECIPIENTS:
            raise AwsError("BadRequestException", f"A mail has a sender, and 1 to {MOST_RECIPIENTS} recipients.")
        checked = (sender,) if self._wanted.production else (sender, *recipients)
        failed = [address for address in dict.fromkeys(checked) if not self._may_use(caller, address)]
        if failed:
            problem = "Email address is not verified. The following identities failed the check in region"
            raise AwsError("MessageRejected", f"{problem} {caller.region.upper()}: {', '.join(failed)}")
        subject, html, text = _read(params["Content"])
        message_id = str(uuid.uuid4())
        self.sent.append(Mail(message_id, caller.account_id, caller.region, sender, recipients, subject, html, text))
        return {"MessageId": message_id}

    def _known(self, caller: Caller, params: Params) -> str:
        name: str = params["EmailIdentity"]
        if name not in self._held(caller):
            raise AwsError("NotFoundException", f"Email identity {name} does not exist.", 404)
        return name

    def _described(self, name: str) -> dict[str, Any]:
        is_verified = name in self._wanted.verified
        return {
            "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
            "VerifiedForSendingStatus": is_verified,
            "VerificationStatus": "SUCCESS" if is_verified else "PENDING",
        }

    def _may_use(self, caller: Caller, address: str) -> bool:
        """An address is good by itself, or by its domain or one above."""
        bare = address.rsplit("<", 1)[-1].rstrip(">")
        labels = bare.partition("@")[2].lower().split(".")
        names = {bare, *(".".join(labels[at:]) for at in range(len(labels)))}
        return bool(names & self._held(caller) & set(self._wanted.verified))


def _read(content: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Subject, HTML and text of a mail."""
    if "Simple" in content:
        body = content["Simple"].get("Body", {})
        html, text = (body[part]["Data"] if part in body else None for part in ("Html", "Text"))
        return content["Simple"]["Subject"]["Data"], html, text
    if "Raw" not in content:
        raise not_served("templates of SES")
    message = BytesParser(policy=email.policy.default).parsebytes(content["Raw"]["Data"])
    html, text = (_part(message, kind) for kind in ("html", "plain"))
    return str(message["Subject"]), html, text


def _part(message: Any, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())
