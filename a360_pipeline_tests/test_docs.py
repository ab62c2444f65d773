"""Docs are run: the commands of the README exist, and the example section is one file that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMAND = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```python file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!http)([^)#]+)")


def commands() -> list[str]:
    return [line for block in COMMAND.findall((ROOT / "README.md").read_text()) for line in block.splitlines() if line]


def test_the_readme_gives_its_two_commands_first() -> None:
    assert commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", commands())
def test_the_readmes_commands_exist(command: str) -> None:
    name, *words = command.split()
    if name == "make":
        asked = ["make", "--dry-run", *words]
    else:
        asked = [sys.executable, "-m", "a360_pipeline", *words, "--help"]
    assert subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    for target in LINK.findall((ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_example_section_is_one_file_and_its_test_passes(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "a360_pipeline", tmp_path / "a360_pipeline", ignore=ignore)
    (tmp_path / "a360_pipeline_tests" / "sections").mkdir(parents=True)
    for name in ("__init__.py", "conftest.py", "sections/__init__.py"):
        shutil.copy(ROOT / "a360_pipeline_tests" / name, tmp_path / "a360_pipeline_tests" / name)
    examples = dict(EXAMPLE.findall((ROOT / "docs" / "adding-a-section.md").read_text()))
    assert [name.split("/")[0] for name in examples] == ["a360_pipeline", "a360_pipeline_tests"]
    for name, code in examples.items():
        (tmp_path / name).write_text(code)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[n for n in examples if "test_" in n]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout
