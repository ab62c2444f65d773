"""Section `secrets_manager`: every secret, those about to be deleted too, and nothing of what is in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.sections.security.secrets_manager import secret_row
from a360_pipeline_tests.sections.asking import Asking, asking


@pytest.fixture(scope="module")
def running() -> Iterator[Asking]:
    with asking() as found:
        yield found


@pytest.fixture
def aws(running: Asking) -> Iterator[Asking]:
    yield running
    running.stand_in.faults.set()


def test_a_listing_of_many_pages_is_read_to_its_end(aws: Asking) -> None:
    rows = aws.rows("secrets_manager")
    assert len({row["arn"] for row in rows}) == len(rows) == 120


def test_a_secret_about_to_be_deleted_is_listed_with_the_day_it_was_asked_for(aws: Asking) -> None:
    going = [row for row in aws.rows("secrets_manager") if row["deleted_date"]]
    assert len(going) == 20


def test_a_secret_that_was_never_set_to_rotate_does_not_rotate(aws: Asking) -> None:
    """R31: what Secrets Manager leaves out is FALSE, so that who looks for secrets without rotation finds it."""
    rows = aws.rows("secrets_manager")
    assert {row["rotation_enabled"] for row in rows} == {True, False}
    never = [row for row in rows if row["rotation_rules"] is None]
    assert never
    assert {row["rotation_enabled"] for row in never} == {False}


def test_what_is_left_out_is_null_and_the_longest_name_is_whole() -> None:
    """R14, R24."""
    row = secret_row({"ARN": "arn:1", "Name": "n" * 512})
    assert row["name"] == "n" * 512
    known = {"arn", "name", "rotation_enabled", "tags"}
    assert {name for name, value in row.items() if value is not None} == known


def test_no_value_of_a_secret_is_asked_for_or_sent_on() -> None:
    assert [operation.action for operation in SECTIONS["secrets_manager"].operations] == ["secretsmanager:ListSecrets"]
    row = secret_row({"ARN": "arn:1", "SecretString": "hunter2", "SecretVersionsToStages": {"v": ["AWSCURRENT"]}})
    assert "hunter2" not in str(row)


def test_a_denied_listing_is_denied(aws: Asking) -> None:
    aws.deny("secretsmanager:ListSecrets")
    answer = aws.answer("secrets_manager")
    assert (answer.coverage.status, answer.payload) == (Status.DENIED, None)
