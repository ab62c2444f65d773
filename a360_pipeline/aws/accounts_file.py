"""The accounts file: accounts and their attributes for whoever cannot or will not ask AWS Organizations."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from a360_pipeline.settings import SettingsError

LARGEST_FILE = 16_000_000
"""Bytes: a hundred thousand accounts."""
SHOWN_CHARACTERS = 60

EXPECTED = {
    "id": "12 digits in quotes",
    "regions": "a list of names such as us-east-1",
}
TEXT = "text in quotes, without line breaks, of at most 256 characters"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has characters that cannot be shown")
    return text


Text = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=256),
    AfterValidator(_printable),
]
AccountId = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{12}$")]
RegionName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$", max_length=32)]


class ListedAccount(BaseModel):
    """One account of the file. Without `regions` it is asked which it has enabled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: AccountId
    name: Text
    regions: Annotated[tuple[RegionName, ...], Field(min_length=1)] | None = None
    customer: Text | None = None
    partner: Text | None = None
    product: Text | None = None
    category: Text | None = None
    environment: Text | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: Annotated[tuple[ListedAccount, ...], Field(min_length=1)]


def read_accounts_file(path: Path) -> tuple[ListedAccount, ...]:
    """Reads `[[account]]` tables of a TOML file, or `{"account": [...]}` of a .json file.

    Raises SettingsError with a line for each problem: what is wrong, where, and what is expected.
    """
    content = _parsed(path)
    try:
        accounts = _File.model_validate(content).account
    except ValidationError as error:
        raise _unusable(path, [_explain(problem, content) for problem in error.errors()]) from None
    twice = [account_id for account_id, count in Counter(one.id for one in accounts).items() if count > 1]
    if twice:
        raise _unusable(path, [f"account {account_id} is listed more than once" for account_id in twice])
    return accounts


def _unusable(path: Path, problems: list[str]) -> SettingsError:
    return SettingsError("\n".join(f"A360_ACCOUNTS_FILE: {path}: {problem}" for problem in problems))


def _parsed(path: Path) -> Any:
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise _unusable(path, ["its name ends neither in .toml nor in .json"])
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_FILE + 1)
        if len(body) > LARGEST_FILE:
            raise _unusable(path, [f"it has more than {LARGEST_FILE} bytes"])
        return read(body.decode("utf-8-sig"))
    except OSError as error:
        raise _unusable(path, [f"it cannot be read: {error.strerror}"]) from error
    except RecursionError:
        raise _unusable(path, ["it is nested too deeply"]) from None
    except SettingsError:
        raise
    except ValueError as error:
        raise _unusable(path, [f"it is no {path.suffix[1:].upper()} in UTF-8: {_shown(error)}"]) from None


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as JSON has it; the last of two members of one name would stand for both, unseen."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{_shown(twice)} stands twice in one object")
    return found


READERS: Mapping[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": _loads}


def _explain(problem: Any, content: Any) -> str:
    place = problem["loc"]
    if place[:1] != ("account",):
        return f"{_shown(place[0]) if place else 'the file'} is not expected: it has a list `account` and nothing else"
    if len(place) < 2:
        return "it lists no account: at least one is expected under `account`"
    where = " ".join(_where(place[1], content))
    if len(place) < 3:
        return f"{where} is no table of id, name and attributes"
    name = place[2]
    if name not in ListedAccount.model_fields:
        return f"{where}: {_shown(name)} is not known; known are {', '.join(ListedAccount.model_fields)}"
    if problem["type"] == "missing":
        return f"{where}: {name} is missing: {EXPECTED.get(name, TEXT)}"
    return f"{where}: {name} is {_shown(problem['input'])}, where {EXPECTED.get(name, TEXT)} is expected"


def _where(number: int, content: Any) -> Iterator[str]:
    """Which account it is: its place in the file, and its id where it says one."""
    yield f"account number {number + 1}"
    given = content["account"][number]
    if isinstance(given, dict) and "id" in given:
        yield f"({_shown(given['id'])})"


def _shown(value: object) -> str:
    """Anything in one short line."""
    text = ascii(str(value)) if isinstance(value, Exception) else ascii(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
