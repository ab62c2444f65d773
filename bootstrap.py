"""Sets up .venv from requirements.lock; `make` calls it before whatever needs the packages.

It must parse under Python 2.7 and 3.6, so that these get a sentence instead of a SyntaxError:
no f-strings, no annotations, nothing imported that they lack.
"""

from __future__ import print_function

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time

SUPPORTED = ((3, 11), (3, 12), (3, 13))
ROOT = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))

NOTHING, PROJECT, INSTALL, REBUILD = "nothing", "project", "install", "rebuild"

# Each of these would make an installer work on another place than .venv.
MISLEADING = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "UV_TARGET", "UV_PREFIX")
# The lock is complete, so nothing is resolved; and a wheel runs nothing while it is installed.
LOCKED = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", "requirements.lock")
LINES_OF_A_FAILURE = 30


class SetupError(Exception):
    """The set-up cannot go on. The message is a sentence for people."""


def complaint(version_info, executable):
    """The sentence for a Python that is too old or too new; None for one that will do."""
    if tuple(version_info[:2]) in SUPPORTED:
        return None
    names = ["%d.%d" % version for version in SUPPORTED]
    return (
        "a360-pipeline needs Python %s or %s; found %s at %s. "
        "Install one of them or say `make PYTHON=/path/to/python`."
        % (", ".join(names[:-1]), names[-1], dotted(version_info), executable)
    )


def dotted(version_info):
    return ".".join(str(part) for part in version_info[:3])


def wanted_stamp(root, version_info):
    """What a complete set-up depends on; its place too, because the scripts in a .venv name it."""
    return {
        "lock": _hash(os.path.join(root, "requirements.lock")),
        "place": root,
        "project": _hash(os.path.join(root, "pyproject.toml")),
        "python": dotted(version_info),
    }


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def stamp_path(root):
    return os.path.join(root, ".venv", "a360-set-up.json")


def read_stamp(root):
    """None where nobody stamped; an empty one where a set-up began and did not end."""
    try:
        with open(stamp_path(root)) as file:
            text = file.read()
    except OSError:
        return None
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError):
        return {}


def write_stamp(root, stamp):
    """In one step: a half-written stamp must not exist."""
    draft = stamp_path(root) + ".new"
    with open(draft, "w") as file:
        json.dump(stamp, file, indent=2, sort_keys=True)
    os.rename(draft, stamp_path(root))


def plan(stamp, wanted, found_python):
    """What is to be done, given the stamp found and which Python .venv has (None: none that runs)."""
    if found_python != wanted["python"]:
        return REBUILD
    if stamp is None:
        # Somebody made this .venv by hand: theirs to keep, ours to complete.
        return INSTALL
    if stamp == wanted:
        return NOTHING
    if dict(stamp, project=wanted["project"]) == wanted:
        return PROJECT
    return REBUILD


def venv_python(root):
    return os.path.join(root, ".venv", "bin", "python")


def python_in_venv(root):
    """The version of the Python in .venv; None if there is none that runs."""
    ask = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        answer = subprocess.check_output([venv_python(root), "-I", "-c", ask], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.decode("ascii", "replace").strip()


def runs_in_venv(root):
    return os.path.realpath(sys.prefix) == os.path.realpath(os.path.join(root, ".venv"))


def environment():
    """The caller's environment, with its mirrors and certificates, but nothing that leads out of .venv."""
    env = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    env.update(
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        PIP_ROOT_USER_ACTION="ignore",
        PIP_USER="0",
    )
    # Companies that look into TLS put their certificates in the system's store, where pip looks by itself.
    env.setdefault("UV_SYSTEM_CERTS", "1")
    env.setdefault("UV_NATIVE_TLS", "1")
    if not _can_cache(env.get("PIP_CACHE_DIR") or "~"):
        env["PIP_NO_CACHE_DIR"] = "1"
    if not _can_cache(env.get("UV_CACHE_DIR") or env.get("XDG_CACHE_HOME") or "~/.cache"):
        env["UV_NO_CACHE"] = "1"
    return env


def _can_cache(folder):
    """Whether a cache can be made there. pip warns and uv fails where it cannot."""
    if "HOME" not in os.environ and folder.startswith("~"):
        return False
    path = os.path.abspath(os.path.expanduser(folder))
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return os.access(path, os.W_OK)


class Runner(object):
    """Runs the installers quietly: shows progress on a terminal, and their words only when they fail."""

    def __init__(self, root, lock):
        self.root = root
        self.lock = lock
        self.env = environment()

    def __call__(self, *command):
        """Whether the command succeeded."""
        # The command inherits the lock: should it outlive this process, the next set-up waits for it.
        child = subprocess.Popen(
            command,
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=(self.lock,),
        )
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(child.stdout), daemon=True)
        reader.start()
        try:
            self._watch(reader)
            failed = child.wait() != 0
        except KeyboardInterrupt:
            # A terminal interrupts the command as well: let it tidy up, unless only this process was meant.
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.terminate()
                child.wait()
            raise
        if failed:
            sys.stderr.write("".join(lines[-LINES_OF_A_FAILURE:]))
        return not failed

    @staticmethod
    def _watch(reader):
        begin = time.time()
        shown = sys.stdout.isatty()
        while reader.is_alive():
            reader.join(0.2)
            if shown:
                print("\r  %d s " % (time.time() - begin), end="")
                sys.stdout.flush()
        if shown:
            print("\r\033[K", end="")


def make_venv(root, run):
    """A new .venv without pip, marked as unfinished before anything else is in it."""
    path = os.path.join(root, ".venv")
    if os.path.lexists(path):
        if os.path.islink(path) or not os.path.isdir(path):
            raise SetupError("%s is in the way: it is no folder; move it elsewhere and call make again." % path)
        shutil.rmtree(path)
    os.mkdir(path)
    write_stamp(root, {})
    # This script may run on the Python of the .venv just removed: the one below it is meant.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if not run(base, "-I", "-m", "venv", "--without-pip", path):
        raise SetupError("The Python at %s cannot make virtual environments (see above)." % base)


def get_pip(root, run):
    python = venv_python(root)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.call([python, "-I", "-m", "pip", "--version"], **quiet) == 0:
        return
    if subprocess.call([python, "-I", "-c", "import ensurepip"], **quiet) != 0:
        raise SetupError(
            "The Python at %s came without pip's installer (ensurepip): install it (on Debian and Ubuntu "
            "`apt install python%d.%d-venv`), or install uv, or say `make PYTHON=/path/to/python`."
            % ((os.path.realpath(python),) + tuple(sys.version_info[:2]))
        )
    if not run(python, "-I", "-m", "ensurepip", "--default-pip"):
        raise SetupError("pip could not be put into .venv (see above).")


def with_uv(root, run, what):
    install = (shutil.which("uv"), "pip", "install", "--python", venv_python(root))
    project = ("--no-build-isolation", "--reinstall-package", "a360-pipeline", "--editable", ".")
    return (what == PROJECT or run(*(install + LOCKED))) and run(*(install + ("--no-deps",) + project))


def with_pip(root, run, what):
    get_pip(root, run)
    install = (venv_python(root), "-I", "-m", "pip", "install", "--progress-bar", "off")
    # Compiling every module takes longer than all the rest, and a run imports only some of them.
    locked = LOCKED + ("--no-compile",)
    project = ("--no-build-isolation", "--editable", ".")
    return (what == PROJECT or run(*(install + locked))) and run(*(install + ("--no-deps",) + project))


def installers():
    """Those to try, the quicker first: pip comes second because uv does not know the mirrors set for pip."""
    return (("uv", with_uv), ("pip", with_pip)) if shutil.which("uv") else (("pip", with_pip),)


def install_with(tools, root, run, what):
    for position, (name, install) in enumerate(tools):
        if position:
            print("Trying %s instead." % name)
            sys.stdout.flush()
        if install(root, run, what):
            return
    raise SetupError(
        "The set-up failed: %s could not install the packages (the reason is above); "
        "put it right and call make again." % " and ".join(name for name, _ in tools)
    )


def hold_lock():
    """One set-up at a time: waits for another one to end. Returns the handle that holds the lock."""
    import fcntl  # noqa: PLC0415 - Windows has none, and there the sentences above matter most

    # Locking this very file leaves nothing behind in the tree.
    handle = os.open(os.path.abspath(__file__), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another set-up of this project is under way; waiting for it to end.")
        sys.stdout.flush()
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        # Some network file systems do not lock: then there is no protection, but no reason to stop either.
        pass
    return handle


def set_up(root):
    """Makes .venv what requirements.lock and pyproject.toml say, unless it is. The stamp comes last."""
    wanted = wanted_stamp(root, sys.version_info)
    if runs_in_venv(root) and read_stamp(root) == wanted:
        return
    run = Runner(root, hold_lock())
    # Only now: whoever held the lock may have done all that was to do.
    what = plan(read_stamp(root), wanted, python_in_venv(root))
    if what == NOTHING:
        return
    begin = time.time()
    tools = installers()
    if what == PROJECT:
        print("pyproject.toml changed: installing the project anew.")
    else:
        print("Setting up .venv: Python %s, requirements.lock, %s." % (wanted["python"], tools[0][0]))
    sys.stdout.flush()
    if what == REBUILD:
        make_venv(root, run)
    scratch = os.path.join(root, ".venv", "tmp")
    if not os.path.isdir(scratch):
        os.mkdir(scratch)
    # Hundreds of megabytes: too much for some /tmp, and what is killed would leave them there for ever.
    run.env["TMPDIR"] = scratch
    install_with(tools, root, run, what)
    shutil.rmtree(scratch)
    write_stamp(root, wanted)
    print("Set-up is complete after %d s." % round(time.time() - begin))


def main(arguments):
    refusal = complaint(sys.version_info, sys.executable)
    if refusal:
        print(refusal, file=sys.stderr)
        return 1
    if arguments == ["--supported"]:
        return 0
    try:
        set_up(ROOT)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print("The set-up failed: %s." % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The set-up was interrupted; the next call of make begins it anew.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
