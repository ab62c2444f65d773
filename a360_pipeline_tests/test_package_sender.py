"""The sender's package: small, whole, the same each time, and all the code there is."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from a360_pipeline import package_sender
from a360_pipeline.package_sender import DEPENDENCIES, LARGEST_FOLDER, NotPackaged, build
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline_tests.test_sender import TODAY, runs_in

RUNTIME = ("botocore", "dateutil", "jmespath", "six", "urllib3")
"""What the Lambda runtime has, of what the sender imports."""
LISTED = """
import json, sys
{body}
origins = {{name: getattr(module, "__file__", None) for name, module in sys.modules.items()}}
print(json.dumps({{"told": told, "origins": origins}}))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is installed elsewhere does not run in Lambda")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip."""
    out = tmp_path_factory.mktemp("package") / "dist" / "sender.zip"
    build(out)
    return out


@pytest.fixture(scope="module")
def task_root(package: Path) -> Path:
    """The folder in which Lambda unzips it."""
    folder = package.parent / "task"
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the Lambda runtime has, and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def run(body: str, path: Sequence[Path]) -> dict[str, Any]:
    """What a Python without site packages says that has just these folders to import from."""
    code = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n" + LISTED.format(body=body)
    environment = {name: value for name, value in os.environ.items() if name.startswith(("A360_", "AWS_"))}
    # Lambda starts in the folder of the package.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        capture_output=True, text=True, check=False, env=environment, cwd=path[0],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def strangers(origins: dict[str, str | None], *folders: Path) -> list[str]:
    """Modules from elsewhere than these folders and the standard library."""
    standard = Path(ast.__file__).parent

    def at_home(origin: Path) -> bool:
        if any(origin.is_relative_to(folder) for folder in folders):
            return True
        return origin.is_relative_to(standard) and "site-packages" not in origin.parts

    return [name for name, origin in origins.items() if origin and not at_home(Path(origin))]


def test_it_is_small_and_says_what_it_is(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        names = zipped.namelist()
        assert sum(entry.file_size for entry in zipped.infolist()) < LARGEST_FOLDER
    assert "a360_pipeline/sender.py" in names
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("/", ".."))]
    absent = ("dagster", "psycopg", "pandas", "pyarrow", "boto3", "botocore")
    absent += tuple(f"a360_pipeline/{room}" for room in ("warehouse", "report", "defs", "sandbox", "cli"))
    assert not [name for name in names if name.startswith(absent)]


def test_the_same_code_makes_the_same_package(package: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "sender.zip")
    assert (tmp_path / "sender.zip").read_bytes() == package.read_bytes()
    assert again["handler"] == "a360_pipeline.sender.handler"
    assert again["runtime"] == f"python3.{sys.version_info.minor}"


def test_the_rooms_it_carries_have_no_file_that_stays_behind() -> None:
    folder = Path(package_sender.__file__).parent
    rooms = [folder / room for room in package_sender.ROOMS if (folder / room).is_dir()]
    left = [path for room in rooms for path in room.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert left == []


def test_it_carries_all_that_its_dependencies_need() -> None:
    needed, names = set(), ["pydantic", "pydantic-settings"]
    while names:
        name = str(canonicalize_name(names.pop()))
        needed.add(name)
        for line in distribution(name).requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                names.append(requirement.name)
    assert sorted(needed) == sorted(DEPENDENCIES)


def test_it_imports_from_the_package_and_the_runtime_alone(task_root: Path, runtime: Path) -> None:
    answer = run("import a360_pipeline.sender as told; told = told.handler.__module__", (task_root, runtime))
    assert answer["told"] == "a360_pipeline.sender"
    assert strangers(answer["origins"], task_root, runtime) == []


def test_a_run_executes_the_packages_code_and_fetches_none(
    environment: StandIn, store: SnapshotStore, task_root: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S27. Nothing may be read from any bucket, and yet everything runs: what runs is what was deployed."""
    account = environment.organization.accounts[1]
    runs_in(environment, account, monkeypatch)
    environment.faults.set(denied={account.id: ["s3:Get*", "s3:List*", "s3:Head*", "lambda:*", "ecr:*"]})
    event = {"sections": ["kms", "account"], "regions": ["us-east-1"]}
    body = f"from a360_pipeline.sender import handler\ntold = handler({event!r}, None)"
    answer = run(body, (task_root, runtime))
    keys = [f"data/{account.id}/{region}/{TODAY}_DAILY.json" for region in ("Global", "us-east-1")]
    assert answer["told"]["stored"] == [store.uri(key) for key in keys]
    assert sorted(found.key for found in store.waiting("")) == keys
    assert strangers(answer["origins"], task_root, runtime) == []


def test_files_of_ones_own_lie_beside_the_code(tmp_path: Path) -> None:
    gaps = tmp_path / "accepted-gaps.toml"
    gaps.write_text("gap = []\n")
    build(tmp_path / "sender.zip", [gaps])
    with zipfile.ZipFile(tmp_path / "sender.zip") as zipped:
        assert zipped.read("accepted-gaps.toml") == b"gap = []\n"


def test_what_lambda_could_not_run_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere:
        name, version, files = "pydantic-core", "1", ()

        def read_text(self, name: str) -> str:
            return "Tag: cp311-cp311-macosx_11_0_arm64\n"

    monkeypatch.setattr(package_sender, "DEPENDENCIES", ("pydantic-core",))
    known = package_sender.distribution
    monkeypatch.setattr(
        package_sender, "distribution", lambda name: Elsewhere() if name == "pydantic-core" else known(name)
    )
    with pytest.raises(NotPackaged, match="macosx_11_0_arm64: build on Linux"):
        build(tmp_path / "sender.zip")
    assert not (tmp_path / "sender.zip").exists()


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.toml"
    assert package_sender.main(["--out", str(tmp_path / "sender.zip"), "--add", str(missing)]) == 1
    assert capsys.readouterr().err == f"{missing} cannot be read: No such file or directory\n"
