"""Section `certificate_manager`: TLS certificates, and when they end."""

from __future__ import annotations

from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Column, History, Operation, Payload, Row, Scope, Section, Table, Type, Window
from a360_pipeline.sections.shapes import ACCOUNT, instant

CERTIFICATES = Table(
    "certificates",
    "Certificates of Certificate Manager.",
    columns=(
        ACCOUNT,
        Column("arn", Type.TEXT),
        Column("domain_name", Type.TEXT),
        Column("status", Type.TEXT, "Such as ISSUED, EXPIRED or PENDING_VALIDATION."),
        Column("type", Type.TEXT, "AMAZON_ISSUED, IMPORTED or PRIVATE."),
        Column("not_after", Type.TIMESTAMPTZ),
        Column("not_before", Type.TIMESTAMPTZ),
        # The contract's created_at is the row's.
        Column("requested_at", Type.TIMESTAMPTZ, "When the certificate was requested.", field="created_at"),
        Column("issued_at", Type.TIMESTAMPTZ),
        Column("subject_alternative_names", Type.JSONB),
        Column("key_algorithm", Type.TEXT),
        Column("signature_algorithm", Type.TEXT),
        Column("key_usages", Type.JSONB, "Names, such as DIGITAL_SIGNATURE."),
        Column("extended_key_usages", Type.JSONB, "Names, such as TLS_WEB_SERVER_AUTHENTICATION."),
        Column("renewal_eligibility", Type.TEXT, "ELIGIBLE or INELIGIBLE."),
        Column("imported_at", Type.TIMESTAMPTZ),
        Column("revoked_at", Type.TIMESTAMPTZ),
        Column("revocation_reason", Type.TEXT),
        Column("failure_reason", Type.TEXT, "Why a request failed, such as CAA_ERROR."),
        Column("renewal_status", Type.TEXT, "How the last managed renewal went; null where there was none."),
        Column("serial", Type.TEXT),
        Column("issuer", Type.TEXT),
        Column("certificate_authority_arn", Type.TEXT, "The private authority that issued it."),
        Column("in_use_by", Type.JSONB, "ARNs of what uses it."),
    ),
    key=("arn",),
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """ACM ListCertificates, of whatever key and status, then DescribeCertificate of each certificate."""
    # Unless told otherwise ACM leaves out all keys but RSA of up to 2048 bits.
    key_types = aws.client("acm").meta.service_model.shape_for("KeyAlgorithm").enum
    listed = aws.pages("acm", "list_certificates", "CertificateSummaryList", Includes={"keyTypes": key_types})
    return [_certificate(aws, summary) for summary in listed]


def _certificate(aws: AccountSession, summary: Row) -> Row:
    arn, described = summary["CertificateArn"], {}
    with aws.part(f"certificate {arn}"):
        described = aws.call("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    return certificate_row(summary, described)


def certificate_row(summary: Row, described: Row) -> Row:
    """A row of what the listing and, where it was not refused, the description say."""
    said = {**summary, **described}
    return {
        "arn": said["CertificateArn"],
        "domain_name": said.get("DomainName"),
        "status": said.get("Status"),
        "type": said.get("Type"),
        "not_after": instant(said.get("NotAfter")),
        "not_before": instant(said.get("NotBefore")),
        "created_at": instant(said.get("CreatedAt")),
        "issued_at": instant(said.get("IssuedAt")),
        "subject_alternative_names": said.get("SubjectAlternativeNames", _names_listed(summary)),
        "key_algorithm": said.get("KeyAlgorithm"),
        "signature_algorithm": said.get("SignatureAlgorithm"),
        "key_usages": _names(said.get("KeyUsages")),
        "extended_key_usages": _names(said.get("ExtendedKeyUsages")),
        "renewal_eligibility": said.get("RenewalEligibility"),
        "imported_at": instant(said.get("ImportedAt")),
        "revoked_at": instant(said.get("RevokedAt")),
        "revocation_reason": said.get("RevocationReason"),
        "failure_reason": said.get("FailureReason"),
        "renewal_status": said.get("RenewalSummary", {}).get("RenewalStatus"),
        "serial": said.get("Serial"),
        "issuer": said.get("Issuer"),
        "certificate_authority_arn": said.get("CertificateAuthorityArn"),
        "in_use_by": said.get("InUseBy"),
    }


def _names_listed(summary: Row) -> list[str] | None:
    # A listing gives the first hundred names, which are not all where it says so.
    return (
        None if summary.get("HasAdditionalSubjectAlternativeNames") else summary.get("SubjectAlternativeNameSummaries")
    )


def _names(usages: list[Any] | None) -> list[str] | None:
    # A listing has the names themselves, a description has them in objects; one without a name is CUSTOM.
    return None if usages is None else [use if isinstance(use, str) else use.get("Name", "CUSTOM") for use in usages]


SECTION = Section(
    name="certificate_manager",
    title="Certificates",
    wire="security.certificate_manager",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(Operation("acm", "ListCertificates"), Operation("acm", "DescribeCertificate")),
    tables=(CERTIFICATES,),
    collect=collect,
    status_field="security",
)
