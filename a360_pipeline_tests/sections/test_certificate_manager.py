"""Section `certificate_manager`: every certificate, whatever its key, and what is kept where one is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.security.certificate_manager import certificate_row
from a360_pipeline_tests.sections.asking import Asking, asking

ARN = "arn:aws:acm:us-east-1:111122223333:certificate/a"


@pytest.fixture(scope="module")
def running() -> Iterator[Asking]:
    with asking() as found:
        yield found


@pytest.fixture
def aws(running: Asking) -> Iterator[Asking]:
    yield running
    running.stand_in.faults.set()


def test_a_listing_of_many_pages_is_read_to_its_end(aws: Asking) -> None:
    rows = aws.rows("certificate_manager")
    assert len({row["arn"] for row in rows}) == len(rows) == 120
    assert 0 < len(aws.rows("certificate_manager", region="eu-central-2")) < 120


def test_certificates_of_every_key_and_status_are_listed(aws: Asking) -> None:
    """ListCertificates hides ECDSA and long RSA keys unless they are asked for by name."""
    rows = aws.rows("certificate_manager")
    model = aws.session(aws.first, "us-east-1").client("acm").meta.service_model
    assert {row["key_algorithm"] for row in rows} == set(model.shape_for("KeyAlgorithm").enum)
    assert {row["status"] for row in rows} == set(model.shape_for("CertificateStatus").enum)


def test_what_was_never_issued_has_no_end_and_nothing_is_made_up_for_it(aws: Asking) -> None:
    """R24."""
    pending = next(row for row in aws.rows("certificate_manager") if row["status"] == "PENDING_VALIDATION")
    for name in ("not_after", "not_before", "issued_at", "serial", "signature_algorithm", "key_usages"):
        assert pending[name] is None


def test_a_certificate_that_may_not_be_described_keeps_what_the_listing_says(aws: Asking) -> None:
    """S4, S5: one refusal loses neither the certificates nor the word of it."""
    whole = {row["arn"]: row for row in aws.rows("certificate_manager")}
    aws.deny("acm:DescribeCertificate")
    answer = aws.answer("certificate_manager")
    assert answer.coverage.status is Status.PARTIAL
    assert "AccessDenied" in str(answer.coverage.message)
    assert {row["arn"] for row in answer.payload} == set(whole)
    for row in answer.payload:
        for name in ("domain_name", "status", "type", "not_after", "created_at", "key_usages", "extended_key_usages"):
            assert row[name] == whole[row["arn"]][name]
        assert row["subject_alternative_names"] in (None, whole[row["arn"]]["subject_alternative_names"])
    assert any(row["subject_alternative_names"] is None for row in answer.payload)


def test_a_denied_listing_is_denied(aws: Asking) -> None:
    aws.deny("acm:ListCertificates")
    answer = aws.answer("certificate_manager")
    assert (answer.coverage.status, answer.payload) == (Status.DENIED, None)


def test_an_instant_keeps_its_offset_and_a_usage_without_a_name_is_custom() -> None:
    """R13."""
    singapore = dt.timezone(dt.timedelta(hours=8))
    described = {
        "CertificateArn": ARN,
        "NotAfter": dt.datetime(2026, 3, 1, 18, 50, tzinfo=singapore),
        "ExtendedKeyUsages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION"}, {"OID": "1.3.6.1.5.5.7.3.99"}],
    }
    row = certificate_row({"CertificateArn": ARN}, described)
    assert row["not_after"] == "2026-03-01T18:50:00+08:00"
    assert row["extended_key_usages"] == ["TLS_WEB_SERVER_AUTHENTICATION", "CUSTOM"]
