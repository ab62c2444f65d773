"""The accounts file: what is taken, and what is said of whatever else somebody puts there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from a360_pipeline.aws.accounts_file import LARGEST_FILE, ListedAccount, read_accounts_file
from a360_pipeline.settings import SettingsError, load_settings

ONE = {"id": "012345678901", "name": "one"}
TOML = """
[[account]]
id = "012345678901"
name = "payments"
regions = ["us-east-1", "eu-central-2"]
customer = "Halvorsen Ports"

[[account]]
id = "210987654321"
name = " lake "
partner = "Zürich & Söhne"
product = "lake,reports"
category = "data"
environment = "prod"
"""


def problems(tmp_path: Path, body: str | bytes, name: str = "accounts.json") -> list[str]:
    path = tmp_path / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    with pytest.raises(SettingsError) as error:
        read_accounts_file(path)
    prefix = f"A360_ACCOUNTS_FILE: {path}: "
    lines = str(error.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def listing(*accounts: Any) -> str:
    return json.dumps({"account": accounts})


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml, plain = tmp_path / "accounts.toml", tmp_path / "accounts.JSON"
    toml.write_text(TOML, encoding="utf-8")
    accounts = read_accounts_file(toml)
    assert accounts == (
        ListedAccount(
            id="012345678901", name="payments", regions=("us-east-1", "eu-central-2"), customer="Halvorsen Ports"
        ),
        ListedAccount(
            id="210987654321",
            name="lake",
            partner="Zürich & Söhne",
            product="lake,reports",
            category="data",
            environment="prod",
        ),
    )
    plain.write_text(listing(*(one.model_dump() for one in accounts)), encoding="utf-8-sig")
    assert read_accounts_file(plain) == accounts


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            {"id": 123456789012, "name": "x"},
            "(123456789012): id is 123456789012, where 12 digits in quotes is expected",
        ),
        ({"id": "1234", "name": "x"}, "('1234'): id is '1234', where 12 digits in quotes is expected"),
        ({"id": "012345678901\n", "name": "x"}, r"('012345678901\n'): id is '012345678901\n', where 12 digits in qu"),
        ({"id": "٠١٢٣٤٥٦٧٨٩٠١", "name": "x"}, "where 12 digits in quotes is expected"),
        ({"name": "x"}, ": id is missing: 12 digits in quotes"),
        ({"id": "012345678901"}, "('012345678901'): name is missing: text in quotes"),
        ({**ONE, "name": " "}, "name is ' ', where text in quotes"),
        ({**ONE, "name": "a\0b"}, r"name is 'a\x00b', where text in quotes, without line breaks"),
        ({**ONE, "customer": "a\nb | c"}, r"customer is 'a\nb | c', where text"),
        ({**ONE, "partner": "x" * 257}, "of at most 256 characters is expected"),
        ({**ONE, "partner": "\ud800"}, r"partner is '\ud800', where text"),
        ({**ONE, "regions": "us-east-1"}, "regions is 'us-east-1', where a list of names such as us-east-1 is"),
        ({**ONE, "regions": ["us-east-1", "../x"]}, "regions is '../x', where a list of names"),
        ({**ONE, "regions": []}, "regions is [], where a list of names"),
        ({**ONE, "colour": "red"}, "'colour' is not known; known are id, name, regions, customer, partner, product, "),
        ("012345678901", " is no table of id, name and attributes"),
        (None, " is no table of id, name and attributes"),
    ],
)
def test_a_bad_account_is_said_with_what_where_and_why(tmp_path: Path, account: Any, said: str) -> None:
    (problem,) = problems(tmp_path, listing({"id": "999999999999", "name": "good"}, account))
    assert problem.startswith("account number 2")
    assert said in problem
    assert problem.isprintable()
    assert len(problem) < 300


def test_every_problem_has_a_line_of_its_own(tmp_path: Path) -> None:
    said = problems(tmp_path, listing({"id": "1"}, ONE, {**ONE, "id": "x", "customer": 1}))
    assert said == [
        "account number 1 ('1'): id is '1', where 12 digits in quotes is expected",
        "account number 1 ('1'): name is missing: text in quotes, without line breaks, of at most 256 characters",
        "account number 3 ('x'): id is 'x', where 12 digits in quotes is expected",
        "account number 3 ('x'): customer is 1, where text in quotes, without line breaks, of at most 256 characters "
        "is expected",
    ]


def test_an_account_may_be_listed_once(tmp_path: Path) -> None:
    assert problems(tmp_path, listing(ONE, {**ONE, "name": "other"})) == [
        "account 012345678901 is listed more than once"
    ]


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        ("", "accounts.toml", "it lists no account: at least one is expected under `account`"),
        ("{}", "accounts.json", "it lists no account: at least one is expected under `account`"),
        ('{"account": []}', "accounts.json", "it lists no account: at least one is expected under `account`"),
        ('{"account": {}}', "accounts.json", "it lists no account: at least one is expected under `account`"),
        ("[]", "accounts.json", "the file is not expected: it has a list `account` and nothing else"),
        ("x = 1", "accounts.toml", "it lists no account"),
        ("{", "accounts.json", "it is no JSON in UTF-8: "),
        ("[[account]", "accounts.toml", "it is no TOML in UTF-8: "),
        (b"\xff\xfe", "accounts.toml", "it is no TOML in UTF-8: "),
        ('{"account": [], "account": []}', "accounts.json", "'account' stands twice in one object"),
        ("[" * 200_000, "accounts.json", "it is nested too deeply"),
        ("a = " + "[" * 200_000, "accounts.toml", ""),
        ("9" * 5000, "accounts.json", "it is no JSON in UTF-8: "),
        (b" " * (LARGEST_FILE + 1), "accounts.json", f"it has more than {LARGEST_FILE} bytes"),
        ("id,name", "accounts.csv", "its name ends neither in .toml nor in .json"),
    ],
    ids=range(15),
)
def test_a_file_that_is_none_is_refused_in_a_line(tmp_path: Path, body: str | bytes, name: str, said: str) -> None:
    problem = problems(tmp_path, body, name)[0]
    assert said in problem
    assert len(problem) < 300


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it cannot be read: No such file"):
        read_accounts_file(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SettingsError, match="it cannot be read: Is a directory"):
        read_accounts_file(tmp_path / "folder.toml")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ListedAccount.model_fields, ""]), inner)
    ),
    max_leaves=8,
)


@rules(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accounts=ANYTHING)
def test_whatever_it_holds_it_is_taken_or_refused_with_a_reason(tmp_path: Path, accounts: Any) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"account": accounts}))
    try:
        taken = read_accounts_file(path)
    except SettingsError as error:
        assert str(error).isprintable() or "\n" in str(error)
    else:
        assert all(len(one.id) == 12 for one in taken)


def test_a_file_names_the_accounts_itself(tmp_path: Path) -> None:
    for name, value in {"include_ous": "r-ab12", "exclude_ous": "r-ab12", "account_tags": "a=b"}.items():
        with pytest.raises(SettingsError, match="A360_ACCOUNTS_FILE goes without A360_INCLUDE_OUS"):
            load_settings(accounts_file=tmp_path / "accounts.toml", **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("include_ous", "Workloads", "ids of organizational units or roots are expected"),
        ("exclude_ous", "ou-ab12-cdef3456;rm", "ids of organizational units or roots are expected"),
        ("account_tags", "env", "key=value pairs are expected"),
        ("account_tags", "env=", "key=value pairs are expected"),
        ("account_tags", "env=prod,env=dev", "each key may stand once"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**{name: value})


def test_a_tags_value_may_have_an_equals_sign() -> None:
    assert load_settings(account_tags="path=a=b, env=prod").account_tags == {"path": "a=b", "env": "prod"}
