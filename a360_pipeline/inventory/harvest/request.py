"""What a harvest is asked for: a typed request, each of its errors with what is allowed instead."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from a360_pipeline.inventory.library import QUERIES

LARGEST_REQUEST = 16_000_000
"""Bytes: a hundred thousand buckets by name."""
SHOWN_CHARACTERS = 60
TABLE = "{ATHENA_TABLE}"
"""What a query names the harvest's objects by."""
KEY_ARN = re.compile(r"arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]{1,64}")

RunId = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[a-z](?:-?[a-z0-9])*$", min_length=3, max_length=40),
]
AccountId = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{12}$")]
RegionName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$", max_length=32)]
BucketPattern = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9*][a-z0-9.*_-]{0,62}$")]
Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z_][a-z0-9_]{0,127}$")]
QueryName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z](?:[-_]?[a-z0-9])*$", max_length=80)]
Mail = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[^@\s<>,;\"\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=254),
]
Argument = str | bool | int | float | tuple[str | int | float, ...]


class RequestRefused(ValueError):
    """A request cannot be meant. The message has a line for each problem: the field, its value, what is allowed."""


class Lifetime(StrEnum):
    """Whether a harvest ends with its report, or goes on day by day."""

    ONCE = "once"
    RECURRING = "recurring"


class _Typed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountBuckets(_Typed):
    """An account to look at, and which of its buckets."""

    account_id: AccountId = Field(description="12 digits in quotes.")
    include: tuple[BucketPattern, ...] = Field(
        (), description="Names of buckets, `*` for any characters; empty: all of the account's."
    )
    exclude: tuple[BucketPattern, ...] = Field(
        (), description="Names of buckets to leave out, `*` for any characters, also of those that `include` names."
    )


class QueryChoice(_Typed):
    """A query to run: one of the library's by name, or one's own SQL."""

    name: QueryName = Field(
        description="A name of the library; with `sql` any other: small letters, digits, single - and _ between them."
    )
    arguments: Mapping[Name, Argument] = Field(
        {}, description="Values of the library query's parameters; those that are left out keep their defaults."
    )
    sql: str | None = Field(
        None,
        max_length=100_000,
        description="Own SQL in Trino's dialect, which names the harvest's objects by `{ATHENA_TABLE}`.",
    )

    @field_validator("sql")
    @classmethod
    def _names_the_table(cls, value: str | None) -> str | None:
        if value is not None and TABLE not in value:
            raise ValueError("it does not name {ATHENA_TABLE}")
        return value

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.sql is None and self.name not in QUERIES:
            raise ValueError(f"{self.name} is no query of the library: {', '.join(QUERIES)}")
        return self

    @model_validator(mode="after")
    def _takes_arguments(self) -> Self:
        if self.sql is not None and self.arguments:
            raise ValueError("own `sql` goes without `arguments`: write the values into it")
        return self


class HarvestRequest(_Typed):
    """A harvest as a person asks for it. What is left out keeps its default, or that of the settings."""

    run_id: RunId = Field(
        description="Name of the harvest, in the names of all that it makes: 3 to 40 characters, small letters, digits "
        "and single hyphens between them, a letter first."
    )
    accounts: Literal["all"] | tuple[AccountBuckets, ...] = Field(
        "all", description='`"all"` that the organization has, or a list of accounts, each with its buckets.'
    )
    exclude_buckets: tuple[BucketPattern, ...] = Field(
        (), description="Names of buckets to leave out in whatever account, `*` for any characters."
    )
    regions: tuple[RegionName, ...] = Field(
        (), description="Names such as us-east-1; empty: every region that an account has enabled."
    )
    database: Name | None = Field(
        None, description="Glue database: small letters, digits and _; without it that of the settings."
    )
    table: Name | None = Field(
        None, description="Table in it: small letters, digits and _; without it that of the settings."
    )
    queries: Literal["all"] | tuple[QueryChoice, ...] = Field(
        "all", description='`"all"` of the library with their defaults, or a list of queries.'
    )
    sender: Mail | None = Field(
        None, description="Mail address that the report is sent from; without it that of the settings."
    )
    recipients: tuple[Mail, ...] = Field(
        (), description="Mail addresses that the report is sent to; none: those of the settings."
    )
    time_limit_hours: int = Field(
        72, strict=True, ge=1, le=720, description="Hours to wait for deliveries, 1 to 720; the first may take 48."
    )
    format: Literal["Parquet", "ORC", "CSV"] = Field(
        "Parquet", description="What transient configurations ask S3 for: Parquet, ORC or CSV."
    )
    lifetime: Lifetime = Field(
        Lifetime.ONCE,
        description="`once` removes a configuration when its delivery is taken; `recurring` keeps it, for each day.",
    )
    listed_objects: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=100_000,
        description="Buckets of no more versions are listed, not inventoried: 0 to 100000, 0 for none; "
        "without it that of the settings.",
    )
    kms_keys: Mapping[RegionName, str] = Field(
        {}, description="ARN of an existing KMS key for each region whose destination is to be encrypted with one."
    )
    smoke_test: bool = Field(
        False,
        strict=True,
        description="true places objects of its own and does not wait for S3; false waits.",
    )

    @field_validator("accounts")
    @classmethod
    def _accounts_once(cls, value: Any) -> Any:
        if value == "all":
            return value
        if not value:
            raise ValueError("it lists no account")
        _once("account", [one.account_id for one in value])
        return value

    @field_validator("queries")
    @classmethod
    def _queries_once(cls, value: Any) -> Any:
        if value != "all":
            _once("query", [one.name for one in value])
        return value

    @field_validator("regions", "recipients")
    @classmethod
    def _values_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _once("value", value)
        return value

    @field_validator("kms_keys")
    @classmethod
    def _keys_of_their_regions(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for region, arn in value.items():
            found = KEY_ARN.fullmatch(arn)
            if found is None or found["region"] != region:
                raise ValueError(f"{arn[:100]} is no ARN of a key in {region}, arn:...:kms:{region}:...:key/...")
        return value

    def account(self, account_id: str) -> AccountBuckets | None:
        """What is asked for of an account; None where it is not looked at."""
        if self.accounts == "all":
            return AccountBuckets(account_id=account_id)
        return next((one for one in self.accounts if one.account_id == account_id), None)

    def left_out(self, account: AccountBuckets, bucket: str) -> str | None:
        """Why a bucket of an account is not looked at; None where it is."""
        if account.include and not _matches(bucket, account.include):
            return "the request does not include it"
        for field, patterns in (("exclude", account.exclude), ("exclude_buckets", self.exclude_buckets)):
            if _matches(bucket, patterns):
                return f"the request leaves it out in `{field}`"
        return None


def _once(what: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what} {twice[0]} stands there more than once")


def _matches(bucket: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(bucket, pattern) for pattern in patterns)


def read_request(path: Path) -> HarvestRequest:
    """The request of a .toml or .json file. Raises RequestRefused."""
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise RequestRefused(f"{path}: its name ends neither in .toml nor in .json")
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_REQUEST + 1)
        if len(body) > LARGEST_REQUEST:
            raise RequestRefused(f"{path}: it has more than {LARGEST_REQUEST} bytes")
        content = read(body.decode("utf-8-sig"))
    except OSError as error:
        raise RequestRefused(f"{path}: it cannot be read: {error.strerror}") from error
    except RecursionError:
        raise RequestRefused(f"{path}: it is nested too deeply") from None
    except RequestRefused:
        raise
    except ValueError as error:
        raise RequestRefused(f"{path}: it is no {path.suffix[1:].upper()} in UTF-8: {_shown(error)}") from None
    return request_of(content)


READERS = {".toml": tomllib.loads, ".json": json.loads}


def request_of(content: Any) -> HarvestRequest:
    """The request that parsed TOML or JSON holds. Raises RequestRefused with a line for each problem."""
    try:
        return HarvestRequest.model_validate(content)
    except ValidationError as error:
        # A union tells each of its branches: the word `all` is not what a list was meant to be.
        problems = [one for one in error.errors() if not _is_the_other_branch(one)]
        raise RequestRefused("\n".join(dict.fromkeys(map(_explain, problems)))) from None


MODELS: Mapping[str, type[BaseModel]] = {"accounts": AccountBuckets, "queries": QueryChoice}
TITLES: Mapping[str, type[BaseModel]] = {"A request": HarvestRequest} | {
    f"One of `{name}`": MODELS[name] for name in MODELS
}


def _is_the_other_branch(problem: Any) -> bool:
    return (
        problem["type"] == "literal_error"
        and problem["loc"][0] in MODELS
        and isinstance(problem["input"], list | tuple)
    )


def _explain(problem: Any) -> str:
    place = [part for part in problem["loc"] if not (isinstance(part, str) and part.startswith(("literal[", "tuple[")))]
    if not place:
        return f"the request is {_shown(problem['input'])}, where a table of fields is expected"
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[1:]
    model, name = _field(place)
    if problem["type"] == "extra_forbidden":
        return f"{_shown(where)} is not known; known are {', '.join(model.model_fields)}"
    allowed = model.model_fields[name].description if name in model.model_fields else model.__doc__
    if problem["type"] == "missing":
        return f"{where} is missing. {allowed}"
    said = f": {problem['msg'].removeprefix('Value error, ')}" if problem["type"] == "value_error" else ""
    return f"{where} is {_shown(problem['input'])}{said}. Allowed: {allowed}"


def _field(place: Sequence[str | int]) -> tuple[type[BaseModel], str]:
    """The model and the name of the field that a place is in."""
    inner = MODELS.get(str(place[0]))
    if inner is not None and len(place) > 1:
        return inner, str(place[2]) if len(place) > 2 else ""
    return HarvestRequest, str(place[0])


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def fields_table() -> str:
    """The tables of docs/harvest-request.md: every field and what it may be."""
    blocks = []
    for title, model in TITLES.items():
        lines = [f"| {title} | default | meaning |", "|---|---|---|"]
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else _default(field.default)
            lines.append(f"| `{name}` | {default} | {field.description} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _default(value: Any) -> str:
    return "" if value in (None, (), {}) else f"`{json.dumps(value)}`"
