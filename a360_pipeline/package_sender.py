"""Builds the sender's package: its rooms and their dependencies in one zip, as a Lambda function takes it.

`python -m a360_pipeline.package_sender --out dist/sender.zip`. botocore is what the Lambda runtime has.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import platform
import sys
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

ROOMS = (
    "__init__.py",
    "aws",
    "collection",
    "coverage.py",
    "gaps.py",
    "sections",
    "sender.py",
    "settings.py",
    "snapshot",
)
DEPENDENCIES = (
    "annotated-types",
    "pydantic",
    "pydantic-core",
    "pydantic-settings",
    "python-dotenv",
    "typing-extensions",
    "typing-inspection",
)
HANDLER = "a360_pipeline.sender.handler"
LARGEST_FOLDER = 50_000_000
BUILT_AT = (1980, 1, 1, 0, 0, 0)
"""The time of every file: the same code makes the same package, whose hash then says whether to deploy it."""


class NotPackaged(Exception):
    """There is no package. The message says why, and what to do."""


def files(added: Sequence[Path] = ()) -> dict[str, Path | bytes]:
    """Everything that belongs into the package, by its name there. Raises NotPackaged.

    `added` are files of one's own, such as accepted gaps: they lie beside the code, in the folder that it starts in.
    """
    found: dict[str, Path | bytes] = dict(_own())
    for name in DEPENDENCIES:
        found |= _installed(distribution(name))
    for path in added:
        if path.name in found:
            raise NotPackaged(f"{path.name} is in the package already: give {path} another name")
        found[path.name] = path
    return found


def build(out: Path, added: Sequence[Path] = ()) -> dict[str, Any]:
    """Writes the zip, and says what it is: handler, runtime, architecture, sizes in bytes, and Lambda's CodeSha256."""
    contents = {
        name: source if isinstance(source, bytes) else _read(source) for name, source in sorted(files(added).items())
    }
    unzipped = sum(len(body) for body in contents.values())
    if unzipped > LARGEST_FOLDER:
        raise NotPackaged(f"it has {unzipped} bytes unzipped, more than the {LARGEST_FOLDER} that it may")
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, body in contents.items():
            entry = zipfile.ZipInfo(name, BUILT_AT)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            package.writestr(entry, body)
    zipped = out.read_bytes()
    return {
        "package": str(out),
        "handler": HANDLER,
        "runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "architecture": {"aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "bytes": len(zipped),
        "bytes_unzipped": unzipped,
        "code_sha256": base64.b64encode(hashlib.sha256(zipped).digest()).decode(),
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotPackaged(f"{path} cannot be read: {error.strerror}") from error


def _own() -> Iterator[tuple[str, Path | bytes]]:
    package = Path(__file__).parent
    for room in ROOMS:
        path = package / room
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield module.relative_to(package.parent).as_posix(), module
    known = distribution("a360-pipeline")
    # The user agent has the version.
    yield f"a360_pipeline-{known.version}.dist-info/METADATA", (known.read_text("METADATA") or "").encode()


def _installed(known: Distribution) -> dict[str, Path | bytes]:
    """The files of an installed wheel, without its scripts. Raises NotPackaged where Lambda could not run it."""
    wheel = (known.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ") for line in wheel if line.startswith("Tag: ")]
    if not any(tag.endswith("-any") or "-manylinux" in tag for tag in tags):
        raise NotPackaged(f"{known.name} as it is installed here runs on {', '.join(tags)}: build on Linux with glibc")
    return {
        file.as_posix(): Path(str(file.locate()))
        for file in known.files or ()
        if file.parts[0] != ".." and file.suffix != ".pyc" and file.name not in ("INSTALLER", "REQUESTED", "RECORD")
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, and prints what was built as JSON; exit code 1 with a sentence where it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m a360_pipeline.package_sender", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("dist/sender.zip"), help="the zip (default dist/sender.zip)")
    parser.add_argument(
        "--add",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file to put beside the code; repeatable",
    )
    asked = parser.parse_args(arguments)
    try:
        built = build(asked.out, asked.add)
    except NotPackaged as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(built, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
