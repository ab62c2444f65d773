"""The sandbox as a whole: up, down and status, over a stand-in for AWS that only keeps the contract."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from a360_pipeline.sandbox import control, postgres
from a360_pipeline.sandbox.postgres import SandboxError
from a360_pipeline.settings import Settings, load_settings

genuine_command = control.stand_in_command

STAND_IN = """
import http.server, json, os, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid()}).encode())
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
server = http.server.HTTPServer(("127.0.0.1", int(options["--port"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
pathlib.Path(options["--gaps-file"]).write_text("")
ready = pathlib.Path(options["--ready-file"])
address = "http://127.0.0.1:%d" % server.server_port
secrets = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "hush", "external_id": "outside"}
ready.with_suffix(".new").write_text(json.dumps({"pid": os.getpid(), "endpoint_url": address} | secrets))
ready.with_suffix(".new").rename(ready)
server.serve_forever()
"""


def fake(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have `up` start this code in place of the stand-in, with the same arguments."""

    def replaced(*given: Any) -> list[str]:
        return [sys.executable, "-c", code, *genuine_command(*given)[3:]]

    monkeypatch.setattr(control, "stand_in_command", replaced)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("A360_")]:
        monkeypatch.delenv(name)
    fake(monkeypatch, STAND_IN)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which PostgreSQL's cluster is made once."""
    path = tmp_path_factory.mktemp("home of mine")
    yield path
    directory = path / "sandbox" / "postgres"
    postgres.stop(directory)
    # As root the cluster lies outside of the sandbox's directory.
    if (directory / "location").exists():
        shutil.rmtree((directory / "location").read_text().strip())


@pytest.fixture
def settings(home: Path) -> Iterator[Settings]:
    settings = load_settings(home=home)
    yield settings
    control.down(settings)


def ready(settings: Settings) -> dict[str, Any]:
    found = json.loads((settings.sandbox_directory / "aws-ready.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


def test_up_starts_both_parts_and_the_local_profile_finds_them(settings: Settings, home: Path) -> None:
    lines: list[str] = []
    state = control.up(settings, progress=lines.append)
    assert state.state == "up"
    assert control.status(settings) == state
    assert len(lines) >= 4
    assert not any("\n" in line or "hush" in line for line in lines)
    found = load_settings(home=home)
    assert found.endpoint_url == state.endpoint_url == ready(settings)["endpoint_url"]
    assert (found.access_key_id, found.accepted_gaps) == (
        "AKIAEXAMPLE",
        settings.sandbox_directory / "accepted-gaps.toml",
    )
    assert found.secret_access_key is not None and found.secret_access_key.get_secret_value() == "hush"
    assert found.external_id is not None and found.external_id.get_secret_value() == "outside"
    assert found.database_url is not None and found.dagster_database_url is not None
    assert found.database_url.get_secret_value() == state.database_url
    for url, name in ((found.database_url, "a360"), (found.dagster_database_url, "dagster")):
        with psycopg.connect(url.get_secret_value()) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (name,)


def test_files_with_secrets_are_private_and_reprs_have_none(settings: Settings) -> None:
    state = control.up(settings)
    assert (settings.sandbox_directory / "settings.json").stat().st_mode & 0o777 == 0o600
    assert settings.sandbox_directory.stat().st_mode & 0o777 == 0o700
    assert state.database_url is not None
    assert state.database_url not in repr(state)
    assert json.loads(state.to_json()) == dataclasses.asdict(state)


def test_a_second_up_keeps_what_runs(settings: Settings) -> None:
    state = control.up(settings)
    pid = ready(settings)["pid"]
    assert control.up(settings) == state
    assert ready(settings)["pid"] == pid


def test_down_stops_both_and_takes_the_settings_away(settings: Settings, home: Path) -> None:
    control.up(settings)
    assert control.down(settings) is True
    assert control.status(settings) == control.State("down", None, None)
    assert load_settings(home=home).database_url is None
    assert not (settings.sandbox_directory / "aws-ready.json").exists()
    assert control.down(settings) is False


def test_a_home_that_was_never_used_is_down_and_stays_empty(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert control.status(settings).state == "down"
    assert control.down(settings) is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["postgres", "aws"])
def test_when_one_part_is_lost_up_restores_it_and_down_stops_the_other(settings: Settings, part: str) -> None:
    def lose() -> None:
        if part == "postgres":
            postgres.stop(settings.sandbox_directory / "postgres")
        else:
            os.kill(ready(settings)["pid"], signal.SIGKILL)
            while control.status(settings).endpoint_url is not None:
                pass

    first = control.up(settings)
    lose()
    assert control.status(settings).state == "partial"
    again = control.up(settings)
    assert again.state == "up"
    assert again.database_url == first.database_url
    assert (again.endpoint_url == first.endpoint_url) is (part == "postgres")
    lose()
    assert control.down(settings) is True
    assert control.status(settings).state == "down"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"accounts": 5}, "accounts 4, not 5"),
        ({"seed": 8}, "seed 7, not 8"),
        ({"regions": ("us-east-1",)}, "regions .*eu-central-2.*, not .*us-east-1"),
        ({"aws_port": 1}, "port [0-9]+, not 1"),
    ],
)
def test_other_parameters_than_the_running_ones_are_refused(
    settings: Settings, changed: dict[str, Any], named: str
) -> None:
    state = control.up(settings)
    with pytest.raises(SandboxError, match=f"already runs with {named}.*a360 sandbox down"):
        control.up(settings, **changed)
    assert control.status(settings) == state


def test_another_bucket_than_the_running_one_is_refused(settings: Settings, home: Path) -> None:
    control.up(settings)
    with pytest.raises(SandboxError, match="bucket a360-snapshots, not another-bucket"):
        control.up(load_settings(home=home, bucket="another-bucket"))


def test_a_ready_file_that_names_an_unrelated_process_harms_nobody(
    settings: Settings, bystander: subprocess.Popen[bytes]
) -> None:
    control.up(settings)
    genuine = ready(settings)
    file = settings.sandbox_directory / "aws-ready.json"
    try:
        file.write_text(json.dumps(genuine | {"pid": bystander.pid}))
        assert control.status(settings).endpoint_url is None
        control.down(settings)
        assert bystander.poll() is None
    finally:
        file.write_text(json.dumps(genuine))
    assert control.down(settings) is True


@pytest.mark.parametrize("text", ["", "garbage", "[]", "{}", '{"pid": 1}', '"text"'])
def test_a_broken_ready_file_counts_as_none(settings: Settings, text: str) -> None:
    settings.sandbox_directory.mkdir(mode=0o700, exist_ok=True)
    (settings.sandbox_directory / "aws-ready.json").write_text(text)
    assert control.status(settings).state == "down"


def test_a_stand_in_that_dies_shows_the_end_of_its_log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, "raise SystemExit('the reason')")
    with pytest.raises(SandboxError, match=r"(?s)ended before it was ready.*the reason"):
        control.up(settings)
    assert control.status(settings).state == "partial"


def test_a_stand_in_that_is_never_ready_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake(
        monkeypatch,
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(300)",
    )
    monkeypatch.setattr(control, "_DEADLINE_SECONDS", 1.0)
    with pytest.raises(SandboxError, match="was not ready after 1 s"):
        control.up(settings)
    monkeypatch.undo()
    pid = int((tmp_path / "pid").read_text())
    while Path(f"/proc/{pid}").exists():
        pass


def test_a_stand_in_that_hangs_is_named_and_not_replaced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    control.up(settings)
    genuine = ready(settings)
    monkeypatch.setattr(control, "_ANSWER_SECONDS", 0.2)
    os.kill(genuine["pid"], signal.SIGSTOP)
    try:
        for attempt in (control.status, control.up, control.down):
            with pytest.raises(SandboxError, match="does not answer"):
                attempt(settings)
        assert ready(settings) == genuine
    finally:
        os.kill(genuine["pid"], signal.SIGCONT)


@pytest.mark.parametrize("part", ["postgres_port", "aws_port"])
def test_a_taken_port_is_refused_by_name(settings: Settings, part: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        start: Callable[..., control.State] = control.up
        with pytest.raises(SandboxError, match=f"Port {port} "):
            start(settings, **{part: port})


def test_asked_ports_are_used(settings: Settings) -> None:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = (one.getsockname()[1], two.getsockname()[1])
    state = control.up(settings, postgres_port=ports[0], aws_port=ports[1])
    assert state.database_url is not None and f"@127.0.0.1:{ports[0]}/" in state.database_url
    assert state.endpoint_url == f"http://127.0.0.1:{ports[1]}"


def test_the_proxy_of_the_environment_is_not_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert control.up(settings).state == "up"


def test_neither_part_holds_a_pipe_of_its_starter(settings: Settings, home: Path) -> None:
    code = (
        "import pathlib, sys; from a360_pipeline.sandbox import control;"
        "from a360_pipeline.settings import Settings;"
        "command = control.stand_in_command;"
        "control.stand_in_command = lambda *given: [sys.executable, '-c', sys.argv[2], *command(*given)[3:]];"
        "control.up(Settings(home=pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(home), STAND_IN]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert control.status(settings).state == "up"


def test_the_command_names_everything_that_the_stand_in_needs_and_no_secret(tmp_path: Path) -> None:
    settings = Settings(bucket="some-bucket", member_role="some-role", home=tmp_path)
    command = genuine_command(settings, tmp_path, 3, ("us-east-1", "eu-west-1"), 9, None)
    assert command[:3] == [sys.executable, "-m", "a360_pipeline.sandbox.aws"]
    assert dict(zip(command[3::2], command[4::2], strict=True)) == {
        "--ready-file": str(tmp_path / "aws-ready.json"),
        "--bucket": "some-bucket",
        "--member-role": "some-role",
        "--harvest-role": "a360-harvest",
        "--inventory-bucket": "a360-inventory",
        "--accounts": "3",
        "--regions": "us-east-1,eu-west-1",
        "--seed": "9",
        "--port": "0",
        "--gaps-file": str(tmp_path / "accepted-gaps.toml"),
        "--postgres": str(tmp_path / "postgres"),
        "--database": "a360",
    }
