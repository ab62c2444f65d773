"""The set-up: which Python it accepts, when it has something to do, and what it says when it fails."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "bootstrap.py"
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
HERE = (3, 12, 1)


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout as small as one can be, in a folder with a space in its name, with a .venv in it."""
    root = tmp_path / "a checkout"
    (root / ".venv").mkdir(parents=True)
    (root / "requirements.lock").write_text("made-up==1.0 --hash=sha256:" + "0" * 64 + "\n")
    (root / "pyproject.toml").write_text('[project]\nname = "made-up"\n')
    shutil.copy(SCRIPT, root)
    return root


def _runs(python: str) -> bool:
    """A pyenv shim exists for versions that are not active too; it does not run."""
    try:
        return subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _older_pythons() -> list[str]:
    names = ("python2.7", *(f"python3.{minor}" for minor in range(6, 11)))
    in_path = [found for name in names if (found := shutil.which(name))]
    of_pyenv = [str(path) for name in names for path in PYENV.glob(f"versions/*/bin/{name}")]
    return [python for python in dict.fromkeys(in_path + of_pyenv) if _runs(python)]


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 8, 18), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_a_python_out_of_range_gets_one_sentence_that_says_what_to_do(
    bootstrap: ModuleType, version: tuple[int, int, int]
) -> None:
    found = ".".join(map(str, version))
    assert bootstrap.complaint((*version, "final", 0), "/opt/python") == (
        f"a360-pipeline needs Python 3.11, 3.12 or 3.13; found {found} at /opt/python. "
        "Install one of them or say `make PYTHON=/path/to/python`."
    )


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_a_python_in_range_gets_no_complaint(bootstrap: ModuleType, version: tuple[int, int, int]) -> None:
    assert bootstrap.complaint((*version, "final", 0), "/opt/python") is None


def test_the_script_has_only_syntax_that_old_pythons_know() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 4))
    too_new = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.Nonlocal)
        or (isinstance(node, ast.arg) and node.annotation)
        or (isinstance(node, ast.FunctionDef) and (node.returns or node.args.kwonlyargs))
        or (isinstance(node, ast.Raise) and node.cause)
    ]
    assert not too_new


def test_old_pythons_that_are_here_say_the_sentence_and_fail() -> None:
    pythons = _older_pythons()
    if not pythons:
        pytest.skip("No Python older than 3.11 is installed.")
    for python in pythons:
        done = subprocess.run([python, str(SCRIPT)], capture_output=True, text=True, check=False)
        assert done.returncode == 1, python
        assert done.stdout == "", python
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith("a360-pipeline needs Python 3.11, 3.12 or 3.13; found "), python


def test_a_venv_that_nobody_stamped_is_completed_not_replaced(bootstrap: ModuleType, project: Path) -> None:
    wanted = bootstrap.wanted_stamp(str(project), HERE)
    stamp = bootstrap.read_stamp(str(project))
    assert bootstrap.plan(stamp, wanted, "3.12.1") == bootstrap.INSTALL


def test_a_complete_set_up_is_not_done_again(bootstrap: ModuleType, project: Path) -> None:
    wanted = bootstrap.wanted_stamp(str(project), HERE)
    bootstrap.write_stamp(str(project), wanted)
    stamp = bootstrap.read_stamp(str(project))
    assert bootstrap.plan(stamp, wanted, "3.12.1") == bootstrap.NOTHING


@pytest.mark.parametrize(("changed", "again"), [("requirements.lock", "rebuild"), ("pyproject.toml", "project")])
def test_a_change_of_what_was_installed_is_set_up_again(
    bootstrap: ModuleType, project: Path, changed: str, again: str
) -> None:
    bootstrap.write_stamp(str(project), bootstrap.wanted_stamp(str(project), HERE))
    with (project / changed).open("a") as file:
        file.write("# one line more\n")
    wanted = bootstrap.wanted_stamp(str(project), HERE)
    assert bootstrap.plan(bootstrap.read_stamp(str(project)), wanted, "3.12.1") == again


@pytest.mark.parametrize("found", [None, "3.9.18", "3.12.0"])
def test_a_venv_of_another_python_or_of_none_that_runs_is_made_anew(
    bootstrap: ModuleType, project: Path, found: str | None
) -> None:
    wanted = bootstrap.wanted_stamp(str(project), HERE)
    assert bootstrap.plan(wanted, wanted, found) == bootstrap.REBUILD


def test_a_copied_checkout_does_not_use_the_original_s_venv(
    bootstrap: ModuleType, project: Path, tmp_path: Path
) -> None:
    bootstrap.write_stamp(str(project), bootstrap.wanted_stamp(str(project), HERE))
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    wanted = bootstrap.wanted_stamp(str(copy), HERE)
    assert bootstrap.plan(bootstrap.read_stamp(str(copy)), wanted, "3.12.1") == bootstrap.REBUILD


@pytest.mark.parametrize("text", ["{}", "", '{"lock": "0', "null", "[1]"])
def test_a_set_up_that_was_interrupted_is_done_anew(bootstrap: ModuleType, project: Path, text: str) -> None:
    Path(bootstrap.stamp_path(str(project))).write_text(text)
    wanted = bootstrap.wanted_stamp(str(project), HERE)
    assert bootstrap.plan(bootstrap.read_stamp(str(project)), wanted, "3.12.1") == bootstrap.REBUILD


def test_a_new_venv_counts_as_unfinished_before_anything_is_in_it(bootstrap: ModuleType, project: Path) -> None:
    bootstrap.write_stamp(str(project), bootstrap.wanted_stamp(str(project), HERE))
    found: list[object] = []

    def killed(*_command: str) -> bool:
        found.append(bootstrap.read_stamp(str(project)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap.make_venv(str(project), killed)
    assert found == [{}]


def test_a_file_called_venv_is_not_deleted(bootstrap: ModuleType, project: Path) -> None:
    (project / ".venv").rmdir()
    (project / ".venv").write_text("a name that somebody's shell reads")
    with pytest.raises(bootstrap.SetupError, match="in the way"):
        bootstrap.make_venv(str(project), lambda *_command: True)
    assert (project / ".venv").is_file()


def test_installers_that_fail_make_one_sentence_and_leave_no_stamp(
    bootstrap: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "Runner", lambda *_: SimpleNamespace(env={}))
    monkeypatch.setattr(bootstrap, "make_venv", lambda *_: bootstrap.write_stamp(str(project), {}))
    monkeypatch.setattr(bootstrap, "installers", lambda: (("uv", lambda *_: False), ("pip", lambda *_: False)))
    with pytest.raises(bootstrap.SetupError, match="uv and pip could not install"):
        bootstrap.set_up(str(project))
    assert bootstrap.read_stamp(str(project)) == {}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ensurepip") is None, reason="This Python cannot bring pip along.")
def test_an_installer_that_fails_is_quoted(project: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text("#!/bin/sh\necho 'the made-up uv cannot reach its index'\nexit 2\n")
    uv.chmod(0o755)
    (project / ".venv").rmdir()
    # No index: pip, which comes second, fails without a look at the network.
    env = {"PATH": f"{tools}{os.pathsep}{os.defpath}", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "-I", "bootstrap.py"],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stderr.splitlines()
    assert said[0] == "the made-up uv cannot reach its index"
    assert "made-up" in "".join(said[1:-1])
    assert said[-1] == (
        "The set-up failed: uv and pip could not install the packages (the reason is above); "
        "put it right and call make again."
    )
    assert (project / ".venv" / "a360-set-up.json").read_text() == "{}"


def test_a_second_set_up_waits_for_the_first(bootstrap: ModuleType, project: Path) -> None:
    holder = (
        "import importlib.util as u, sys, time; s = u.spec_from_file_location('b', 'bootstrap.py');"
        "m = u.module_from_spec(s); s.loader.exec_module(m); m.hold_lock(); print('mine', flush=True);"
        "time.sleep(float(sys.argv[1])); print('done', flush=True)"
    )
    start = {"cwd": project, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", holder, "0.5"], **start) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"
        with subprocess.Popen([sys.executable, "-c", holder, "0"], **start) as second:
            assert second.stdout is not None
            assert "waiting for it to end" in second.stdout.readline()
            assert second.stdout.readline() == "mine\n"
            assert first.stdout.readline() == "done\n"


def test_a_home_that_cannot_be_written_means_no_cache(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "PIP_CACHE_DIR", "UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    env = bootstrap.environment()
    assert (env["PIP_NO_CACHE_DIR"], env["UV_NO_CACHE"]) == ("1", "1")


def test_nothing_in_the_environment_leads_out_of_the_venv(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in bootstrap.MISLEADING:
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_CERT", "/etc/certificate.pem")
    env = bootstrap.environment()
    assert not set(bootstrap.MISLEADING) & set(env)
    assert env["PIP_CERT"] == "/etc/certificate.pem"
