"""What Certificate Manager answers about the certificates of the caller's account and region."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.accounts import DOMAIN
from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

CERTIFICATES = Paging(default=8, most=1000, invalid="ValidationException", size="MaxItems")
LISTED_UNLESS_ASKED = ("RSA_1024", "RSA_2048")
"""The key types that a listing without `Includes.keyTypes` shows."""
NAMES_LISTED = 2
"""Of a certificate's names; AWS lists a hundred, which few of ours would exceed."""
LIFETIME = dt.timedelta(days=395)
USES = ("TLS_WEB_SERVER_AUTHENTICATION", "TLS_WEB_CLIENT_AUTHENTICATION")

KINDS = (
    ("ISSUED", "AMAZON_ISSUED", "RSA_2048"),
    ("ISSUED", "AMAZON_ISSUED", "EC_prime256v1"),
    ("PENDING_VALIDATION", "AMAZON_ISSUED", "RSA_2048"),
    ("EXPIRED", "IMPORTED", "RSA_4096"),
    ("ISSUED", "IMPORTED", "EC_secp384r1"),
    ("FAILED", "AMAZON_ISSUED", "EC_secp521r1"),
    ("ISSUED", "PRIVATE", "RSA_3072"),
    ("REVOKED", "PRIVATE", "RSA_2048"),
    ("VALIDATION_TIMED_OUT", "AMAZON_ISSUED", "RSA_2048"),
    ("EXPIRED", "IMPORTED", "RSA_1024"),
    ("INACTIVE", "AMAZON_ISSUED", "RSA_2048"),
)
"""Status, type and key, by place in the listing: of every kind whose answers differ."""
NEVER_ISSUED = ("PENDING_VALIDATION", "FAILED", "VALIDATION_TIMED_OUT")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate; what AWS leaves out of an answer about it is None."""

    arn: str
    domain_name: str
    names: tuple[str, ...]
    status: str
    type: str
    key_algorithm: str
    created_at: dt.datetime
    signature_algorithm: str | None
    issued_at: dt.datetime | None
    imported_at: dt.datetime | None
    not_before: dt.datetime | None
    not_after: dt.datetime | None
    revoked_at: dt.datetime | None
    revocation_reason: str | None
    failure_reason: str | None
    renewal_status: str | None
    renewal_eligibility: str
    serial: str | None
    issuer: str | None
    certificate_authority_arn: str | None
    uses: tuple[str, ...] | None
    in_use_by: tuple[str, ...]


SHARED_MEMBERS = {
    "CertificateArn": "arn",
    "DomainName": "domain_name",
    "Status": "status",
    "Type": "type",
    "KeyAlgorithm": "key_algorithm",
    "CreatedAt": "created_at",
    "IssuedAt": "issued_at",
    "ImportedAt": "imported_at",
    "NotBefore": "not_before",
    "NotAfter": "not_after",
    "RevokedAt": "revoked_at",
    "RenewalEligibility": "renewal_eligibility",
}
DESCRIBED_MEMBERS = SHARED_MEMBERS | {
    "SubjectAlternativeNames": "names",
    "SignatureAlgorithm": "signature_algorithm",
    "RevocationReason": "revocation_reason",
    "FailureReason": "failure_reason",
    "Serial": "serial",
    "Issuer": "issuer",
    "CertificateAuthorityArn": "certificate_authority_arn",
    "InUseBy": "in_use_by",
}


def _certificates(organization: Organization, account_id: str, region: str) -> tuple[Certificate, ...]:
    count = organization.share(account_id, region, "acm")
    return _drawn(organization.seed, account_id, region, count, organization.settled, organization.now)


@lru_cache(maxsize=256)
def _drawn(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime
) -> tuple[Certificate, ...]:
    rng = chance(seed, account_id, region, "acm")
    return tuple(_certificate(rng, account_id, region, place, settled, now) for place in range(count))


def _certificate(
    rng: random.Random, account_id: str, region: str, place: int, settled: dt.datetime, now: dt.datetime
) -> Certificate:
    status, kind, key = KINDS[place % len(KINDS)]
    own, address = f"arn:aws:acm:{region}:{account_id}", uuid.UUID(int=rng.getrandbits(128), version=4)
    name = f"{rng.choice(('api', 'shop', 'depot', 'track', 'login'))}-{place:03}.{DOMAIN}"
    created = before(rng, settled, 700)
    issued, imported = status not in NEVER_ISSUED, kind == "IMPORTED"
    renewals = 0 if status != "ISSUED" else (now - created) // LIFETIME
    begins = created + renewals * LIFETIME
    ends = begins + LIFETIME if status != "EXPIRED" else created + (settled - created) / 2
    in_use = status == "ISSUED" and place % 2 == 0
    balancer = f"arn:aws:elasticloadbalancing:{region}:{account_id}:loadbalancer/app/web-{place:03}"
    return Certificate(
        arn=f"{own}:certificate/{address}",
        domain_name=name,
        names=(name, *(f"{part}.{name}" for part in ("www", "eu", "us")[: place % 4])),
        status=status,
        type=kind,
        key_algorithm=key,
        created_at=created,
        signature_algorithm=("SHA256WITHRSA" if key.startswith("RSA") else "SHA384WITHECDSA") if issued else None,
        issued_at=created if issued and not imported else None,
        imported_at=created if imported else None,
        not_before=begins if issued else None,
        not_after=ends if issued else None,
        revoked_at=settled if status == "REVOKED" else None,
        revocation_reason="SUPERSEDED" if status == "REVOKED" else None,
        failure_reason="CAA_ERROR" if status == "FAILED" else None,
        renewal_status="SUCCESS" if renewals and not imported else None,
        renewal_eligibility="ELIGIBLE" if in_use and not imported else "INELIGIBLE",
        serial=f"{rng.getrandbits(128):032x}" if issued else None,
        issuer={"PRIVATE": "Northlight Freight", "IMPORTED": "Harbour Trust"}.get(kind, "Amazon") if issued else None,
        certificate_authority_arn=f"arn:aws:acm-pca:{region}:{account_id}:certificate-authority/{address}"
        if kind == "PRIVATE"
        else None,
        uses=USES[: 1 + place % 2] if issued else None,
        in_use_by=(f"{balancer}/{rng.getrandbits(64):016x}",) if in_use else (),
    )


def list_certificates(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    key_types = params.get("Includes", {}).get("keyTypes", LISTED_UNLESS_ASKED)
    statuses = params.get("CertificateStatuses")
    wanted = [
        each
        for each in _certificates(organization, caller.account_id, caller.region)
        if each.key_algorithm in key_types and (not statuses or each.status in statuses)
    ]
    page, more = CERTIFICATES.page(caller, params, wanted)
    return {"CertificateSummaryList": [_summary(each) for each in page]} | more


def _summary(certificate: Certificate) -> dict[str, Any]:
    usages = {"KeyUsages": ["DIGITAL_SIGNATURE"], "ExtendedKeyUsages": list(certificate.uses or ())}
    return members(certificate, SHARED_MEMBERS) | {
        "SubjectAlternativeNameSummaries": list(certificate.names[:NAMES_LISTED]),
        "HasAdditionalSubjectAlternativeNames": len(certificate.names) > NAMES_LISTED,
        "InUse": bool(certificate.in_use_by),
        **(usages if certificate.uses else {}),
    }


def describe_certificate(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    arn = params["CertificateArn"]
    found = {each.arn: each for each in _certificates(organization, caller.account_id, caller.region)}.get(arn)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")
    described = members(found, DESCRIBED_MEMBERS)
    if found.uses:
        described["KeyUsages"] = [{"Name": "DIGITAL_SIGNATURE"}]
        described["ExtendedKeyUsages"] = [{"Name": use} for use in found.uses]
    if found.renewal_status:
        described["RenewalSummary"] = {
            "RenewalStatus": found.renewal_status,
            "DomainValidationOptions": [{"DomainName": found.domain_name, "ValidationStatus": "SUCCESS"}],
            "UpdatedAt": found.not_before,
        }
    return {"Certificate": described}


def certificates_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `certificates`."""
    if region == GLOBAL:
        return []
    same = set(DESCRIBED_MEMBERS.values()) - {"created_at", "names"}
    return [
        {name: getattr(each, name) for name in sorted(same)}
        | {
            "requested_at": each.created_at,
            "subject_alternative_names": each.names,
            "renewal_status": each.renewal_status,
            "key_usages": ["DIGITAL_SIGNATURE"] if each.uses else None,
            "extended_key_usages": each.uses,
        }
        for each in _certificates(organization, account_id, region)
    ]


ANSWERS = {
    ("acm", "ListCertificates"): list_certificates,
    ("acm", "DescribeCertificate"): describe_certificate,
}

TRUTH = {"certificates": certificates_truth}
