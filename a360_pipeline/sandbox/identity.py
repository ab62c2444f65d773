"""Who asks: signatures, the credentials that were given out, and the assuming of roles."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.organization import Organization

HUB_USER = "a360-hub"
HARVEST_ROLE = "a360-harvest"
PARTITION = "aws"
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.+/)?([^/]+)")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signed request says of itself. The signature proper is not checked."""

    access_key_id: str
    region: str
    service: str
    """The signing name, which is not always the name of the service."""
    session_token: str | None

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Signature | None:
        """The signature in the header, or in the query of a presigned URL."""
        query = environ.get("QUERY_STRING", "")
        presigned = parse_qs(query) if "X-Amz-Credential" in query else {}
        given = presigned.get("X-Amz-Credential", [""])[0]
        found = CREDENTIAL.search(f"Credential={given}" if given else environ.get("HTTP_AUTHORIZATION", ""))
        if found is None:
            return None
        token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or presigned.get("X-Amz-Security-Token", [None])[0]
        return cls(found[1], found[2], found[3].lower(), token)


@dataclass(frozen=True, slots=True)
class Caller:
    """An account's principal that asks, and the region that it asks in."""

    account_id: str
    arn: str
    region: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom an access key belongs to."""

    account_id: str
    arn: str
    session_token: str | None = None
    expiration: dt.datetime | None = None


class Identities:
    """The hub's key, made at the start, and every key that moto gave out since."""

    def __init__(self, organization: Organization, member_role: str, harvest_role: str = HARVEST_ROLE) -> None:
        self._organization = organization
        self._roles = frozenset({member_role, harvest_role})
        self._known: dict[str, Principal] = {}
        self.external_id = secrets.token_urlsafe(18)
        iam = iam_backends[organization.management.id][PARTITION]
        iam.create_user("us-east-1", HUB_USER)
        self.hub_key = iam.create_access_key(HUB_USER)

    def caller(self, signature: Signature | None) -> Caller:
        """Raises AwsError for what is unsigned, or signed with a key that nobody gave out."""
        if signature is None:
            raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)
        principal = self._principal(signature.access_key_id)
        wrong_token = principal and (principal.session_token or "") != (signature.session_token or "")
        if principal is None or wrong_token:
            if signature.service == "s3":
                raise AwsError(
                    "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records.",
                    403,
                )
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        if principal.expiration and principal.expiration < dt.datetime.now(dt.UTC).replace(tzinfo=None):
            code = "ExpiredToken" if signature.service in ("s3", "sts") else "ExpiredTokenException"
            raise AwsError(code, "The security token included in the request is expired", 403)
        return Caller(principal.account_id, principal.arn, signature.region)

    def assume_role(self, organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
        """A role of ours in an account of the organization, for the hub alone, with the external id."""
        wanted = ROLE.fullmatch(params["RoleArn"])
        trusted = (
            wanted is not None
            and wanted[1] in organization.by_id
            and wanted[2] in self._roles
            and params.get("ExternalId") == self.external_id
            and caller.account_id == organization.management.id
        )
        if wanted is None or not trusted:
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {params['RoleArn']}",
                403,
            )
        role = sts_backends[caller.account_id][PARTITION].assume_role(
            region_name=caller.region,
            role_session_name=params["RoleSessionName"],
            role_arn=params["RoleArn"],
            policy=params.get("Policy", ""),
            duration=params.get("DurationSeconds", 3600),
            external_id=params["ExternalId"],
        )
        self._known[role.access_key_id] = Principal(wanted[1], role.arn, role.session_token, role.expiration)
        return {
            "Credentials": {
                "AccessKeyId": role.access_key_id,
                "SecretAccessKey": role.secret_access_key,
                "SessionToken": role.session_token,
                "Expiration": role.expiration,
            },
            "AssumedRoleUser": {"AssumedRoleId": role.user_id, "Arn": role.arn},
        }

    def expire(self, account_id: str) -> None:
        """Ends whatever credentials were given out for the account's role until now."""
        past = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - as moto keeps them
        for key, principal in list(self._known.items()):
            if principal.account_id == account_id and principal.session_token:
                self._known[key] = replace(principal, expiration=past)

    def _principal(self, access_key_id: str) -> Principal | None:
        # moto takes a key that it does not know for one of 123456789012, so it is not asked who this is.
        if access_key_id not in self._known:
            for account in self._organization.accounts:
                key = iam_backends[account.id][PARTITION].access_keys.get(access_key_id)
                if key is not None:
                    self._known[access_key_id] = self._described(account.id, key)
                    break
        return self._known.get(access_key_id)

    def _described(self, account_id: str, key: Any) -> Principal:
        role = sts_backends[account_id][PARTITION].get_assumed_role_from_access_key(key.access_key_id)
        if role is None:
            return Principal(account_id, f"arn:aws:iam::{account_id}:user/{key.user_name}")
        return Principal(account_id, role.arn, role.session_token, role.expiration)


def target_account(params: Mapping[str, Any]) -> str | None:
    """The account whose role an AssumeRole asks for."""
    found = ROLE.fullmatch(params.get("RoleArn", ""))
    return found[1] if found else None
