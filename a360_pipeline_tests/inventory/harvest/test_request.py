"""Requests of harvests: what may be asked for, and what is said of the rest."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.inventory.harvest.request import (
    HarvestRequest,
    Lifetime,
    RequestRefused,
    fields_table,
    read_request,
    request_of,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "harvest-request.md"
ACCOUNT = "111122223333"


def refusal(**fields: Any) -> str:
    with pytest.raises(RequestRefused) as refused:
        request_of({"run_id": "spring", **fields})
    return str(refused.value)


def test_a_name_is_enough() -> None:
    asked = request_of({"run_id": "spring-2026"})
    assert (asked.accounts, asked.regions, asked.queries) == ("all", (), "all")
    assert (asked.format, asked.lifetime, asked.time_limit_hours) == ("Parquet", Lifetime.ONCE, 72)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"run_id": "A"}, r"^run_id is 'A'\. Allowed: .*3 to 40 characters"),
        ({"run_id": "a--b"}, "^run_id is 'a--b'"),
        ({"run_id": "a/../b"}, "^run_id is "),
        ({"run_id": "a" * 41}, "^run_id is "),
        ({"run_id": "spring\n"}, "^run_id is "),
        ({"acounts": "all"}, "^'acounts' is not known; known are run_id, accounts,"),
        ({"accounts": "some"}, "^accounts is 'some'. Allowed: `\"all\"`"),
        ({"accounts": []}, r"^accounts is \[\]: it lists no account"),
        ({"accounts": [{"account_id": 111122223333}]}, r"^accounts\[0\]\.account_id is 1111.*12 digits"),
        ({"accounts": [{"account_id": ACCOUNT, "skip": []}]}, r"^'accounts\[0\]\.skip' is not known; known are acc"),
        ({"accounts": [{"account_id": ACCOUNT, "exclude": ["A B"]}]}, r"^accounts\[0\]\.exclude\[0\] is 'A B'"),
        ({"accounts": [{"account_id": ACCOUNT}] * 2}, f"account {ACCOUNT} stands there more than once"),
        ({"regions": ["EU"]}, r"^regions\[0\] is 'EU'\. Allowed: Names such as us-east-1"),
        ({"database": 'a"; DROP'}, "^database is .*small letters, digits and _"),
        ({"queries": [{"name": "mine", "sql": "SELECT 1"}]}, r"^queries\[0\]\.sql .*it does not name {ATHENA_TABLE}"),
        (
            {"queries": [{"name": "mine", "sql": "SELECT * FROM {ATHENA_TABLE}", "arguments": {"a": 1}}]},
            "own `sql` goes without `arguments`",
        ),
        ({"queries": [{"name": "duplicates"}, {"name": "duplicates"}]}, "query duplicates stands there more than once"),
        ({"sender": "jo"}, "^sender is 'jo'. Allowed: Mail address"),
        ({"recipients": ["a@b.example>, c@d.example"]}, r"^recipients\[0\] is "),
        ({"time_limit_hours": 0}, "^time_limit_hours is 0. Allowed: .*1 to 720"),
        ({"time_limit_hours": "48"}, "^time_limit_hours is '48'"),
        ({"format": "XML"}, "^format is 'XML'. Allowed: .*Parquet, ORC or CSV"),
        ({"lifetime": "always"}, "^lifetime is 'always'. Allowed: `once` .* `recurring`"),
        ({"listed_objects": -1}, "^listed_objects is -1. Allowed: .*0 to 100000"),
        (
            {"kms_keys": {"us-east-1": "arn:aws:kms:eu-west-1:111122223333:key/ab"}},
            "^kms_keys is .* is no ARN of a key in us-east-1",
        ),
        ({"kms_keys": {"us-east-1": "alias/mine"}}, "^kms_keys is .*alias/mine is no ARN"),
        ({"smoke_test": "yes"}, "^smoke_test is 'yes'. Allowed: true "),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_its_field(fields: dict[str, Any], said: str) -> None:
    lines = refusal(**fields).splitlines()
    assert len(lines) == 1
    assert re.search(said, lines[0])


def test_every_problem_is_told_at_once() -> None:
    told = refusal(format="XML", regions=["EU"], sendr="a@b.example")
    assert {line.split()[0] for line in told.splitlines()} == {"format", "regions[0]", "'sendr'"}


@pytest.mark.parametrize("content", [None, [], "spring", {}])
def test_what_is_no_request_at_all_is_refused(content: Any) -> None:
    with pytest.raises(RequestRefused):
        request_of(content)


def test_a_value_of_any_length_is_shown_in_short() -> None:
    assert len(refusal(format="X" * 100_000)) < 300


def test_a_request_comes_back_from_json_as_it_was() -> None:
    asked = request_of(tomllib.loads(sample()))
    assert HarvestRequest.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_request_is_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    path, shown = tmp_path / f"request{suffix}", tomllib.loads(sample())
    path.write_text(sample() if suffix == ".toml" else json.dumps(shown))
    assert read_request(path) == request_of(shown)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("r.yaml", b"", "neither in .toml nor in .json"),
        ("r.toml", b"run_id = ", "no TOML in UTF-8"),
        ("r.json", b"\xff\xfe\x00", "no JSON in UTF-8"),
        ("r.json", b"[" * 200_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_request_is_refused(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(RequestRefused, match=said):
        read_request(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="cannot be read: No such file"):
        read_request(tmp_path / "none.toml")


def test_buckets_are_included_and_left_out_by_name_and_pattern() -> None:
    listed = {"account_id": ACCOUNT, "include": ["logs-*", "vault"], "exclude": ["logs-old"]}
    asked = request_of({"run_id": "spring", "accounts": [listed], "exclude_buckets": ["*-tmp"]})
    account = asked.account(ACCOUNT)
    assert account is not None
    names = ("logs-new", "vault", "logs-old", "logs-tmp", "web")
    assert [name for name in names if asked.left_out(account, name) is None] == ["logs-new", "vault"]
    assert asked.left_out(account, "logs-tmp") == "the request leaves it out in `exclude_buckets`"
    assert asked.account("444455556666") is None


def sample() -> str:
    found = re.search(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_documented_sample_is_a_request_and_shows_every_field() -> None:
    shown = tomllib.loads(sample())
    request_of(shown)
    assert set(shown) == set(HarvestRequest.model_fields)


def test_the_page_has_the_table_of_fields() -> None:
    assert fields_table() in PAGE.read_text(encoding="utf-8"), "put fields_table() into docs/harvest-request.md"
