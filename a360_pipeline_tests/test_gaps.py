"""Accepted gaps: which cells they cover, until when, and what is said of a file that cannot be used."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.coverage import Cell, Status
from a360_pipeline.gaps import AcceptedGap, AcceptedGaps, GapsError, read_accepted_gaps

EXPIRES = dt.date(2026, 7, 1)
CELL = Cell("123456789012", "eu-west-1", "kms", dt.date(2026, 6, 30))
GOOD = """
[[gap]]
account = "123456789012"
region = "eu-*"
section = "kms"
status = "scp_denied"
owner = "platform@example.com"
reason = "Regions closed by policy"
expires = 2026-07-01
"""


def gap(account: str = "*", region: str = "*", section: str = "*", status: Status = Status.DENIED) -> AcceptedGap:
    return AcceptedGap(
        account=account,
        region=region,
        section=section,
        status=status,
        owner="somebody",
        reason="some reason",
        expires=EXPIRES,
    )


def said_of(text: str | bytes, tmp_path: Path) -> str:
    path = tmp_path / "gaps.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(GapsError) as caught:
        read_accepted_gaps(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "covered"),
    [
        (("*", "*", "*"), True),
        (("123456789012", "eu-west-1", "kms"), True),
        (("1234*", "eu-*", "k?s"), True),
        (("12345678901[23]", "*-west-[!2]", "*"), True),
        (("123456789013", "*", "*"), False),
        (("12345678901", "*", "*"), False),
        (("*", "eu-west", "*"), False),
        (("*", "EU-*", "*"), False),
        (("*", "*", "km"), False),
        (("*", "*", "KMS"), False),
        (("", "*", "*"), False),
    ],
)
def test_a_gap_covers_the_cells_that_all_its_patterns_match(patterns: tuple[str, str, str], covered: bool) -> None:
    assert gap(*patterns).accepts(CELL, Status.DENIED) is covered


@pytest.mark.parametrize("status", Status)
def test_a_gap_covers_one_status_alone(status: Status) -> None:
    assert [s for s in Status if gap(status=status).accepts(CELL, s)] == [status]


@given(st.dates())
def test_a_gap_covers_the_days_before_it_expires_and_not_the_day_itself(day: dt.date) -> None:
    cell = Cell(CELL.account, CELL.region, CELL.section, day)
    assert gap().accepts(cell, Status.DENIED) is (day < EXPIRES)


def test_the_day_before_it_expires_is_the_last_that_is_accepted() -> None:
    last, first = (Cell(CELL.account, CELL.region, CELL.section, d) for d in (dt.date(2026, 6, 30), EXPIRES))
    assert gap().accepts(last, Status.DENIED)
    assert not gap().accepts(first, Status.DENIED)


def test_the_first_gap_that_covers_a_cell_is_found() -> None:
    other, first, second = gap(section="cost"), gap(region="eu-*"), gap(section="kms")
    assert AcceptedGaps((other, first, second)).find(CELL, Status.DENIED) is first
    assert AcceptedGaps((other,)).find(CELL, Status.DENIED) is None


def test_only_gaps_that_nobody_accepted_are_unaccepted() -> None:
    other = Cell("210987654321", "us-east-1", "kms", CELL.date)
    accepted = AcceptedGaps((gap(account=CELL.account),))
    cells = [
        (CELL, Status.DENIED),
        (CELL, Status.FAILED),
        (other, Status.DENIED),
        (other, Status.OK),
        (other, Status.EMPTY),
    ]
    assert accepted.unaccepted(cells) == [(CELL, Status.FAILED), (other, Status.DENIED)]


@given(st.lists(st.sampled_from(Status)))
def test_without_accepted_gaps_every_gap_is_unaccepted(statuses: list[Status]) -> None:
    cells = [(CELL, status) for status in statuses]
    assert AcceptedGaps().unaccepted(cells) == [(CELL, status) for status in statuses if status.is_gap]


def test_a_file_is_read_into_gaps(tmp_path: Path) -> None:
    path = tmp_path / "gaps.toml"
    path.write_text(GOOD + GOOD.replace("eu-*", "us-*").replace('section = "kms"', ""))
    gaps = read_accepted_gaps(path).gaps
    assert [(g.account, g.region, g.section) for g in gaps] == [
        ("123456789012", "eu-*", "kms"),
        ("123456789012", "us-*", "*"),
    ]
    assert {(g.status, g.owner, g.reason, g.expires) for g in gaps} == {
        (Status.SCP_DENIED, "platform@example.com", "Regions closed by policy", EXPIRES)
    }


def test_a_file_is_read_as_utf_8_whatever_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gaps.toml"
    path.write_bytes(GOOD.replace("Regions closed", "Régions fermées").encode())
    assert read_accepted_gaps(path).gaps[0].reason == "Régions fermées by policy"


@pytest.mark.parametrize("text", ["", "# none yet\n", "gap = []\n"])
def test_a_file_without_gaps_accepts_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "gaps.toml"
    path.write_text(text)
    assert read_accepted_gaps(path) == AcceptedGaps()


def test_no_file_at_all_accepts_none() -> None:
    assert read_accepted_gaps(None) == AcceptedGaps()


def test_a_file_that_is_missing_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(GapsError) as caught:
        read_accepted_gaps(tmp_path / "absent.toml")
    assert str(tmp_path / "absent.toml") in str(caught.value)
    assert "No such file" in str(caught.value)


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GapsError) as caught:
        read_accepted_gaps(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["[[gap]", "account =\n", "\x00"])
def test_what_is_no_toml_is_shown_with_its_line(text: str, tmp_path: Path) -> None:
    assert "line 1" in said_of(text, tmp_path)


def test_what_is_no_utf_8_is_said_to_be_unusable(tmp_path: Path) -> None:
    assert "utf-8" in said_of(b'[[gap]]\nowner = "J\xf6rg"\n', tmp_path)


@pytest.mark.parametrize("name", ["account", "status", "owner", "reason", "expires"])
def test_a_field_that_a_gap_must_have_is_named(name: str, tmp_path: Path) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(name))
    said = said_of(text, tmp_path)
    assert name in said
    assert "required" in said


@pytest.mark.parametrize("name", ["owner", "reason"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_nobody_is_no_owner_and_nothing_no_reason(name: str, blank: str, tmp_path: Path) -> None:
    lines = [f'{name} = "{blank}"' if line.startswith(name) else line for line in GOOD.splitlines()]
    said = said_of("\n".join(lines), tmp_path)
    assert name in said
    assert "at least 1 character" in said


def test_a_field_that_no_gap_has_is_named(tmp_path: Path) -> None:
    said = said_of(GOOD + 'acount = "123456789012"\n', tmp_path)
    assert "acount" in said


@pytest.mark.parametrize("text", [GOOD.replace("[[gap]]", "[[gaps]]"), 'title = "Gaps"\n' + GOOD])
def test_a_table_of_another_name_is_named_and_not_passed_over(text: str, tmp_path: Path) -> None:
    said = said_of(text, tmp_path)
    assert "gaps\n" in said or "title\n" in said


@pytest.mark.parametrize("text", [GOOD.replace("[[gap]]", "[gap]"), "gap = 5\n", 'gap = "*"\n', "gap = [5]\n"])
def test_a_gap_of_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    assert "gap" in said_of(text, tmp_path)


@pytest.mark.parametrize("status", ["Pass", "SCP_DENIED", ""])
def test_a_status_that_is_none_is_shown_with_those_there_are(status: str, tmp_path: Path) -> None:
    said = said_of(GOOD.replace('"scp_denied"', f'"{status}"'), tmp_path)
    assert "status" in said
    assert "'scp_denied'" in said


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "expires" in said_of(GOOD.replace("2026-07-01", '"next summer"'), tmp_path)
