"""Objects of the sandbox's S3 as files that DuckDB can open, each fetched once for its ETag."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

from moto.s3.models import FakeKey, s3_backends

from a360_pipeline.sandbox.athena.catalogue import Source
from a360_pipeline.sandbox.athena.refusals import Failed
from a360_pipeline.sandbox.identity import PARTITION


class Files:
    """What lies under addresses in the buckets of one account; as of the first look into each."""

    def __init__(self, root: Path, account_id: str) -> None:
        self._root = root / account_id
        self._held = s3_backends[account_id][PARTITION].buckets
        self._names: dict[str, list[str]] = {}

    def of(self, source: Source) -> list[Path]:
        """Every file of a table, in folders that say `key=value` of its partitions.

        Raises Failed where a bucket is not the account's.
        """
        own = self._root / sha256(f"{source.database}.{source.name}".encode()).hexdigest()[:16]
        partitions = source.partitions if source.keys else (((), source.location),)
        return [
            file
            for values, location in partitions
            for file in self._under(
                location,
                own.joinpath(
                    *(f"{key}={quote(value, safe='')}" for key, value in zip(source.keys, values, strict=True))
                ),
            )
        ]

    def _under(self, location: str, folder: Path) -> Iterator[Path]:
        address = urlsplit(location, allow_fragments=False)
        bucket = self._held.get(address.netloc)
        if address.scheme != "s3" or bucket is None:
            raise Failed(f"PERMISSION_DENIED: Access Denied to {location} (Service: Amazon S3; Status Code: 403)")
        prefix = address.path.strip("/") + "/"
        if address.netloc not in self._names:
            self._names[address.netloc] = sorted(bucket.keys)
        names = self._names[address.netloc]
        for name in names[bisect_left(names, prefix) :]:
            if not name.startswith(prefix):
                break
            key = bucket.keys.get(name)
            # Athena passes over what is named like this.
            is_hidden = any(part.startswith(("_", ".")) for part in name.removeprefix(prefix).split("/"))
            if isinstance(key, FakeKey) and key.size and not is_hidden:
                yield _fetched(key, folder)


def _fetched(key: FakeKey, folder: Path) -> Path:
    file = folder / f"{sha256(f'{key.name} {key.etag}'.encode()).hexdigest()[:32]}.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.urandom(8).hex()}")
        draft.write_bytes(key.value)
        draft.replace(file)
    return file
