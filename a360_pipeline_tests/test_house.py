"""The rules of the house that no linter keeps: names, sizes, walls, the lock, and how the tree speaks."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "a360_pipeline"
MOST_LINES = 400
DRAWERS = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}

# In pieces, so that this file does not say what it forbids.
PLACES = ("wo" + "rk", "fa" + "rm", "ro" + "ot", "ho" + "me", "Us" + "ers")
HOSTS = ("py" + "pi", "python" + "hosted", "arti" + "factory", "jf" + "rog", "dev" + "pi")
INDEX_OPTIONS = ("index" + "-url", "extra-index" + "-url", "find" + "-links", "trusted" + "-host")
SAYS_TOO_MUCH = {
    "a path of one machine": re.compile(r"(?<![\w.:/>})-])/(?:" + "|".join(PLACES) + r")/[\w.]"),
    "the host of a package registry": re.compile(r"(?:" + "|".join(HOSTS) + r")[\w.-]*\.(?:org|io|com|net)\b"),
    "an option that names a package index": re.compile(
        r"(?<![\w-])(?:--)?(?:" + "|".join(INDEX_OPTIONS) + r")\s*[=\s]\s*\S", re.IGNORECASE
    ),
}

MODULES = sorted(PACKAGE.rglob("*.py"))
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; [^\\]+)?")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tracked_texts() -> list[Path]:
    """What is or would be committed; in an unpacked archive, without git, what is not hidden."""
    git = shutil.which("git")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False) if git else None
    if listed is not None and listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        inside = (path for path in ROOT.rglob("*") if not path.relative_to(ROOT).parts[0].startswith("."))
        paths = [path for path in inside if "__pycache__" not in path.parts]
    return sorted(path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000])


@cache
def _lock() -> tuple[tuple[str, ...], ...]:
    """The requirements of the lock: each a pin and its hashes."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = text.replace("\\\n", "\0").splitlines()
    return tuple(tuple(part.strip() for part in line.split("\0")) for line in joined if line.strip())


def _direct_dependencies() -> list[Requirement]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        document = tomllib.load(file)
    extras = document["project"]["optional-dependencies"].values()
    every = [*document["project"]["dependencies"], *(line for extra in extras for line in extra)]
    return [Requirement(line) for line in (*every, *document["build-system"]["requires"])]


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_says_first_what_it_is_for(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.startswith('"""'), f"{_name(module)} must begin with its docstring."
    assert ast.get_docstring(ast.parse(text)), f"The docstring of {_name(module)} is empty."


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_can_be_read_in_one_sitting(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{_name(module)} has {lines} lines; split it where its subject divides."


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = [_name(module) for module in MODULES if {module.stem, module.parent.name} & DRAWERS]
    assert not drawers, "These names say nothing about what is inside."


def test_rooms_import_as_the_contracts_say() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([tool, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tree_speaks_of_itself_alone() -> None:
    found = [
        f"{_name(path)}:{number}: {what}: {line.strip()[:120]}"
        for path in _tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        for what, pattern in SAYS_TOO_MUCH.items()
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("cd /" + PLACES[0] + "/main", "a path of one machine"),
        ('"/' + PLACES[4] + '/jo/src"', "a path of one machine"),
        ("https://files." + HOSTS[1] + ".org/x", "the host of a package registry"),
        ("--" + INDEX_OPTIONS[0] + " https://mirror.example", "an option that names a package index"),
        (INDEX_OPTIONS[2] + " = wheels", "an option that names a package index"),
    ],
)
def test_a_line_that_says_too_much_is_noticed(line: str, what: str) -> None:
    assert [name for name, pattern in SAYS_TOO_MUCH.items() if pattern.search(line)] == [what]


def test_the_lock_pins_everything_to_one_version_and_its_hashes() -> None:
    assert _lock()
    for pin, *hashes in _lock():
        assert PIN.fullmatch(pin), f"{pin!r} is not pinned with ==."
        assert hashes, f"{pin} has no hashes."
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), pin


def test_the_lock_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE), "Only hashes are options in the lock."


@pytest.mark.parametrize("wanted", _direct_dependencies(), ids=str)
def test_the_lock_has_what_the_project_asks_for(wanted: Requirement) -> None:
    pins = [match for pin, *_ in _lock() if (match := PIN.fullmatch(pin))]
    versions = [pin["version"] for pin in pins if canonicalize_name(pin["name"]) == canonicalize_name(wanted.name)]
    assert versions, f"{wanted.name} is not in requirements.lock: call `make lock`."
    assert all(version in wanted.specifier for version in versions), f"{wanted} is locked at {versions}."
