"""The manifest of a delivery: read only once its checksum is right, and believed only as far as its form goes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from a360_pipeline.inventory.layout import FIELDS
from a360_pipeline.inventory.places import Place, TooLarge, join

MOST_FILES = 100_000
LARGEST_FILE = 20 << 30
"""Bytes. S3 splits an inventory into files far smaller than either bound allows."""
LONGEST_KEY = 1024
MOST_FIELDS = 200
SUFFIX = "manifest.json"

MD5 = re.compile(r"[0-9a-f]{32}")
BUCKET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){1,253}[A-Za-z0-9]")
ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>.+)")
STRUCT = re.compile(r"\s*struct\s*<(?P<members>.*)>\s*", re.DOTALL)
STRUCT_MEMBER = re.compile(r"(?:^|,)\s*(?P<name>\w+)\s*:")
MESSAGE = re.compile(r"\s*message\s+[\w.]+\s*\{(?P<members>.*)\}\s*", re.DOTALL)
MESSAGE_MEMBER = re.compile(r"(?:required|optional|repeated)\s+\w+(?:\s*\(\s*\d+\s*\))?\s+(?P<name>\w+)")


class VerificationFailed(ValueError):
    """A delivery is not what it says it is. The message says where and why; the next delivery may be good."""


class Format(StrEnum):
    """As manifests name them."""

    CSV = "CSV"
    ORC = "ORC"
    PARQUET = "Parquet"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file of a delivery: its key as the manifest has it, its size in bytes, its MD5 in hex."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a delivery says of itself."""

    source_bucket: str
    destination_bucket: str
    created: dt.datetime
    """In UTC: when S3 began to make the inventory."""
    format: Format
    fields: tuple[str, ...]
    """Names of the layout in the order of the columns; those that the layout does not know as they were delivered."""
    files: tuple[ManifestFile, ...]
    md5: str
    """Of the manifest itself."""


def checksum_key(manifest_key: str) -> str:
    """Where the manifest's checksum lies."""
    return f"{manifest_key.removesuffix('.json')}.checksum"


def read_manifest(place: Place, manifest_key: str) -> Manifest:
    """The manifest under a key, its checksum checked first.

    Raises NotThere when the checksum or the manifest has not arrived yet, VerificationFailed when they do not fit or
    the manifest is not of the form that S3 writes.
    """
    where = place.uri(manifest_key)
    try:
        said = place.read(checksum_key(manifest_key)).decode("ascii", "replace").strip().lower()
        body = place.read(manifest_key)
    except TooLarge as error:
        raise VerificationFailed(f"{where}: {error}") from error
    if not MD5.fullmatch(said):
        raise VerificationFailed(f"{place.uri(checksum_key(manifest_key))} holds no MD5 in hex: {said[:80]!r}")
    found = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if found != said:
        raise VerificationFailed(f"{where} has the MD5 {found}, its checksum says {said}")
    try:
        return _manifest(json.loads(body), found)
    except (ValueError, RecursionError) as error:
        raise VerificationFailed(f"{where}: {error}") from error


def _manifest(document: Any, md5: str) -> Manifest:
    """Raises ValueError saying what is amiss."""
    if not isinstance(document, Mapping):
        raise ValueError("it is no JSON object")
    files = document.get("files")
    if not isinstance(files, list):
        raise ValueError("it lists no files")
    if len(files) > MOST_FILES:
        raise ValueError(f"it lists {len(files):,} files, more than the {MOST_FILES:,} that are taken")
    listed = tuple(map(_file, files))
    if len({file.key for file in listed}) != len(listed):
        raise ValueError("it lists a file twice, whose rows would count twice")
    destination = _text(document, "destinationBucket")
    in_arn = ARN.fullmatch(destination)
    kind = _format(_text(document, "fileFormat"))
    return Manifest(
        source_bucket=_bucket(_text(document, "sourceBucket")),
        destination_bucket=_bucket(in_arn["bucket"] if in_arn else destination),
        created=_instant(_text(document, "creationTimestamp")),
        format=kind,
        fields=_fields(kind, _text(document, "fileSchema")),
        files=listed,
        md5=md5,
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    # The instant comes as text, and as a number from some that rewrite manifests.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"it has no {name}")
    return value


def _file(listed: Any) -> ManifestFile:
    if not isinstance(listed, Mapping):
        raise ValueError("it lists a file that is no JSON object")
    key, size, md5 = (listed.get(name) for name in ("key", "size", "MD5checksum"))
    if not isinstance(key, str) or not 0 < len(key.encode("utf-8", "surrogatepass")) <= LONGEST_KEY:
        raise ValueError("it lists a file whose key is no key")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST_FILE:
        raise ValueError(f"it lists {key} with a size of {str(size)[:40]}: 0 to {LARGEST_FILE:,} bytes are taken")
    if not isinstance(md5, str) or not MD5.fullmatch(md5.lower()):
        raise ValueError(f"it lists {key} without an MD5")
    return ManifestFile(key, size, md5.lower())


def _bucket(name: str) -> str:
    if not BUCKET.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a bucket")
    return name


def _instant(millis: str) -> dt.datetime:
    try:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(millis))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"creationTimestamp {millis[:40]!r} is no instant in milliseconds") from error


def _format(name: str) -> Format:
    for kind in Format:
        if kind.lower() == name.lower():
            return kind
    raise ValueError(f"its format {name[:40]!r} is none of {', '.join(Format)}")


def _listed(schema: str) -> list[str]:
    return [name.strip() for name in schema.split(",")]


def _members(whole: re.Pattern[str], member: re.Pattern[str]) -> Callable[[str], list[str]]:
    def names(schema: str) -> list[str]:
        found = whole.fullmatch(schema)
        return [each["name"] for each in member.finditer(found["members"])] if found else []

    return names


_NAMES: dict[Format, Callable[[str], list[str]]] = {
    Format.CSV: _listed,
    Format.ORC: _members(STRUCT, STRUCT_MEMBER),
    Format.PARQUET: _members(MESSAGE, MESSAGE_MEMBER),
}
_LAYOUT_NAMES = {spelling.lower(): field.name for field in FIELDS for spelling in (field.wire, field.name)}


def layout_name(delivered: str) -> str:
    """A column's name in the layout, however it was spelt; one that the layout does not know stays as it is."""
    return _LAYOUT_NAMES.get(delivered.lower(), delivered)


def _fields(kind: Format, schema: str) -> tuple[str, ...]:
    names = tuple(map(layout_name, _NAMES[kind](schema)))
    if not {"bucket", "key"} <= set(names):
        raise ValueError(f"its fileSchema names no bucket and key: {schema[:200]!r}")
    if len(names) > MOST_FIELDS or len(set(names)) != len(names) or not all(names):
        raise ValueError(f"its fileSchema names columns twice, without a name, or more than {MOST_FIELDS}")
    return names


def candidates(manifest_key: str, file_key: str) -> list[str]:
    """Keys under which a listed file may lie, the likeliest first: never outside the configuration's own folder.

    S3 names files by their key in the destination bucket. Manifests that were rewritten name them beside themselves,
    and a delivery that was copied elsewhere has them under `data/` in the folder above the manifest's.
    """
    folder = manifest_key.rpartition("/")[0]
    above = folder.rpartition("/")[0]
    found = [file_key] if not above or file_key.startswith(f"{above}/") else []
    found.append(join(folder, file_key))
    parent, _, name = file_key.rpartition("/")
    if parent.rpartition("/")[2] == "data":
        found.append(join(above, "data", name))
    return list(dict.fromkeys(found))
