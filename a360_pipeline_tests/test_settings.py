"""Settings: where they come from, what is said of wrong ones, and that their page is up to date.

`python -m a360_pipeline_tests.test_settings` writes docs/settings.md anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.settings import (
    SANDBOX_SETTINGS_FILE,
    Profile,
    Settings,
    SettingsError,
    load_settings,
    settings_table,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
INTRODUCTION = """# Settings

Every setting is an environment variable; in the profile `local` what is unset comes from the running sandbox.
A wrong value stops the product at its start, with the variable, the value and what is allowed.

"""
SECRETS = ("database_url", "dagster_database_url", "secret_access_key", "external_id")
URLS = ("database_url", "dagster_database_url")
PREFIXES = ("data_prefix", "loaded_prefix", "quarantine_prefix")
SECRET = "hunter2-very-secret"


def problem(**overrides: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return str(caught.value)


@pytest.fixture
def sandbox_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a running sandbox says what it is; empty until a test writes it."""
    monkeypatch.setenv("A360_HOME", str(tmp_path))
    path = tmp_path / "sandbox" / SANDBOX_SETTINGS_FILE
    path.parent.mkdir()
    path.write_text("{}")
    return path


def test_product_codes_are_a_list_like_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A360_SELLER_PRODUCT_CODES", "5sxvk1m, c0u4pyl,")
    assert load_settings().choices.seller_product_codes == ("5sxvk1m", "c0u4pyl")


# --- What is said of them


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_in_a_sentence_what_it_is(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description
    assert description.endswith(".")
    assert len(description) > 20
    assert "|" not in description, "It would end the cell of its table."


def test_the_table_has_a_row_for_every_setting_with_its_default() -> None:
    rows = settings_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [f"A360_{name.upper()}" for name in Settings.model_fields]
    assert "| `A360_DATA_PREFIX` | `data/` | Prefix under which snapshots arrive. |" in rows
    assert "| `A360_PROFILE` | `local` |" in settings_table()
    assert any(row.startswith("| `A360_DATABASE_URL` |  | ") for row in rows)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == INTRODUCTION + settings_table(), (
        "docs/settings.md is made from settings.py: "
        "write it anew with `.venv/bin/python -m a360_pipeline_tests.test_settings`."
    )


# --- Wrong values


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("profile", "production", "'local' or 'aws'"),
        ("bucket", "b", "at least 3 characters"),
        ("data_prefix", "data", "ends with / and does not start with it"),
        ("loaded_prefix", "/loaded/", "ends with / and does not start with it"),
        ("quarantine_prefix", "", "ends with / and does not start with it"),
        ("max_attempts", "0", "greater than or equal to 1"),
        ("max_attempts", "51", "less than or equal to 50"),
        ("collect_threads", "many", "valid integer"),
        ("accounts_per_run", "1.5", "valid integer"),
        ("partition_days", "1", "greater than or equal to 2"),
        ("load_batch_files", "-5", "greater than or equal to 1"),
        ("load_batch_bytes", "", "valid integer"),
        ("load_run_files", "1000000", "less than or equal to 10000"),
    ],
)
def test_a_wrong_value_is_shown_with_its_variable_and_what_is_allowed(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"A360_{name.upper()}", value)
    said = problem()
    assert said.startswith(f"A360_{name.upper()} is {value!r}: ")
    assert allowed in said
    assert said.endswith(str(Settings.model_fields[name].description))


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROFILE", "MAX_ATTEMPTS", "COLLECT_THREADS"):
        monkeypatch.setenv(f"A360_{name}", "wrong")
    said = problem()
    assert [line.split(" is ")[0] for line in said.splitlines()] == [
        "A360_PROFILE",
        "A360_MAX_ATTEMPTS",
        "A360_COLLECT_THREADS",
    ]


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"mysql://a360:{SECRET}@db.example/warehouse",
        f"postgresql+psycopg://a360:{SECRET}@db.example/warehouse",
        f"https://a360:{SECRET}@db.example",
        f"postgresql://a360:{SECRET}@db.example:port/warehouse",
        f"a360:{SECRET}@db.example/warehouse",
    ],
)
def test_a_wrong_database_url_is_told_with_what_is_expected_and_never_shown(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"A360_{name.upper()}", url)
    said = problem()
    assert said.startswith(
        f"A360_{name.upper()} is (hidden): postgresql://user:password@host:port/database is expected."
    )
    assert SECRET not in said


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [[SECRET], {"secret": SECRET}, 5])
def test_a_secret_of_another_kind_is_never_shown_either(name: str, value: Any, sandbox_says: Path) -> None:
    sandbox_says.write_text(json.dumps({name: value}))
    said = problem()
    assert said.startswith(f"A360_{name.upper()} is (hidden): ")
    assert SECRET not in said
    assert ("postgresql://" in said) is (name in URLS)


def test_an_error_carries_no_secret_along_for_a_traceback_to_show() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(database_url=SECRET, max_attempts=0)
    assert caught.value.__suppress_context__
    assert SECRET not in str(caught.value)


def test_secrets_are_hidden_however_settings_are_shown() -> None:
    url = f"postgresql://a360:{SECRET}@db.example/warehouse"
    shown = load_settings(database_url=url, dagster_database_url=url, secret_access_key=SECRET, external_id=SECRET)
    for form in (repr(shown), str(shown), str(shown.model_dump()), shown.model_dump_json()):
        assert SECRET not in form
    assert shown.database_url is not None
    assert shown.database_url.get_secret_value() == url


def test_every_setting_that_could_hold_a_secret_is_one() -> None:
    telling = re.compile(r"secret|password|token|external_id|database_url")
    # An ARN names a secret and holds none.
    told = {name for name in Settings.model_fields if telling.search(name) and not name.endswith("_arn")}
    assert told == set(SECRETS)
    for name in SECRETS:
        assert "SecretStr" in str(Settings.model_fields[name].annotation)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_database_url_is_kept_to_the_letter(scheme: str) -> None:
    url = f"{scheme}://a360:p%40ss@db.example:5433/warehouse?sslmode=require"
    database_url = load_settings(database_url=url).database_url
    assert database_url is not None
    assert database_url.get_secret_value() == url


SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!cluster-1-AbCdEf"
CLUSTER_ARN = "arn:aws:rds:eu-central-1:123456789012:cluster:warehouse"


def test_there_is_one_way_into_the_warehouse() -> None:
    taken = load_settings(cluster_arn=CLUSTER_ARN, database_secret_arn=SECRET_ARN)
    assert (taken.cluster_arn, taken.database_secret_arn, taken.database_name) == (CLUSTER_ARN, SECRET_ARN, "a360")
    assert "A360_CLUSTER_ARN needs A360_DATABASE_SECRET_ARN" in problem(cluster_arn=CLUSTER_ARN)
    for other in ({"database_secret_arn": SECRET_ARN}, {"cluster_arn": CLUSTER_ARN, "database_secret_arn": SECRET_ARN}):
        assert "A360_DATABASE_IAM goes without" in problem(database_iam=True, **other)


@pytest.mark.parametrize("name", ["cluster_arn", "database_secret_arn"])
@pytest.mark.parametrize("value", ["", "warehouse", "arn:aws:s3:::bucket", "arn:aws:rds:eu-central-1:1:cluster:x"])
def test_what_is_no_arn_of_its_kind_is_told(name: str, value: str) -> None:
    said = problem(**{name: value})
    assert said.startswith(f"A360_{name.upper()} is {value!r}: ")


# --- Prefixes


@pytest.mark.parametrize(
    ("prefixes", "apart"),
    [
        (("data/", "loaded/", "quarantine/"), True),
        (("data/", "data-loaded/", "dat/"), True),
        (("a/data/", "a/loaded/", "a/quarantine/"), True),
        (("data/", "data/", "quarantine/"), False),
        (("data/", "data/loaded/", "quarantine/"), False),
        (("a/data/", "a/", "quarantine/"), False),
        (("data/", "loaded/", "loaded/bad/"), False),
        (("data/", "loaded/", "data/bad/"), False),
    ],
)
def test_prefixes_must_not_contain_one_another(prefixes: tuple[str, str, str], apart: bool) -> None:
    values = dict(zip(PREFIXES, prefixes, strict=True))
    if apart:
        assert load_settings(**values).loaded_prefix == prefixes[1]
    else:
        assert problem(**values) == ("data_prefix, loaded_prefix and quarantine_prefix must not contain one another")


folders = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/")


@given(st.tuples(folders, folders, folders))
def test_whatever_prefixes_are_taken_an_object_lies_under_one_of_them(prefixes: tuple[str, str, str]) -> None:
    try:
        load_settings(**dict(zip(PREFIXES, prefixes, strict=True)))
    except SettingsError:
        assert any(a.startswith(b) for a in prefixes for b in prefixes if a is not b)
    else:
        assert [sum(f"{a}object".startswith(b) for b in prefixes) for a in prefixes] == [1, 1, 1]


# --- Where they come from


def test_without_anything_set_the_defaults_are_those_of_a_laptop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A360_HOME")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.profile is Profile.LOCAL
    assert settings.sandbox_directory == Path(".a360/sandbox")
    assert settings.regions == ()
    assert settings.database_url is None


def test_what_the_sandbox_says_fills_in_what_is_unset(sandbox_says: Path) -> None:
    sandbox_says.write_text('{"bucket": "of-the-sandbox", "regions": "eu-west-1,us-east-1"}')
    settings = load_settings()
    assert settings.bucket == "of-the-sandbox"
    assert settings.regions == ("eu-west-1", "us-east-1")


def test_the_environment_beats_the_sandbox_and_an_argument_both(
    sandbox_says: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_says.write_text('{"bucket": "of-the-sandbox", "member_role": "of-the-sandbox", "max_attempts": 3}')
    monkeypatch.setenv("A360_BUCKET", "of-the-environment")
    monkeypatch.setenv("A360_MEMBER_ROLE", "of-the-environment")
    settings = load_settings(bucket="of-an-argument")
    assert (settings.bucket, settings.member_role, settings.max_attempts) == (
        "of-an-argument",
        "of-the-environment",
        3,
    )


def test_in_aws_no_sandbox_is_listened_to(sandbox_says: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox_says.write_text('{"bucket": "of-the-sandbox", "endpoint_url": "http://localhost:1"}')
    monkeypatch.setenv("A360_PROFILE", "aws")
    settings = load_settings()
    assert settings.profile is Profile.AWS
    assert settings.bucket == "a360-snapshots"
    assert settings.endpoint_url is None


def test_a_profile_given_as_an_argument_decides_as_well(sandbox_says: Path) -> None:
    sandbox_says.write_text('{"bucket": "of-the-sandbox"}')
    assert load_settings(profile=Profile.AWS).bucket == "a360-snapshots"
    assert load_settings(profile="aws").bucket == "a360-snapshots"
    assert load_settings(profile=Profile.LOCAL).bucket == "of-the-sandbox"


def test_a_home_given_as_an_argument_is_where_the_sandbox_is_looked_for(
    sandbox_says: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_says.write_text('{"bucket": "of-the-sandbox"}')
    monkeypatch.setenv("A360_HOME", str(tmp_path / "elsewhere"))
    assert load_settings().bucket == "a360-snapshots"
    assert load_settings(home=tmp_path).bucket == "of-the-sandbox"


@pytest.mark.parametrize("content", ['{"bucket": "cut', "[1, 2]", "null", "\u0000"])
def test_a_sandbox_file_that_cannot_be_read_is_named(content: str, sandbox_says: Path) -> None:
    sandbox_says.write_text(content)
    assert str(sandbox_says) in problem()


def test_a_wrong_value_of_the_sandbox_is_told_like_any_other(sandbox_says: Path) -> None:
    sandbox_says.write_text('{"max_attempts": 0}')
    assert problem().startswith("A360_MAX_ATTEMPTS is 0: ")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().bucket = "another"


# --- Regions


@pytest.mark.parametrize(
    ("value", "regions"),
    [
        ("", ()),
        (" , ,", ()),
        ("eu-west-1", ("eu-west-1",)),
        ("eu-west-1,us-east-1", ("eu-west-1", "us-east-1")),
        (" us-east-1 , eu-west-1,", ("us-east-1", "eu-west-1")),
    ],
)
def test_regions_are_split_at_commas(value: str, regions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A360_REGIONS", value)
    assert load_settings().regions == regions


def test_regions_may_be_given_as_a_list(sandbox_says: Path) -> None:
    sandbox_says.write_text('{"regions": ["eu-west-1", "us-east-1"]}')
    assert load_settings().regions == ("eu-west-1", "us-east-1")


if __name__ == "__main__":
    PAGE.write_text(INTRODUCTION + settings_table(), encoding="utf-8")
