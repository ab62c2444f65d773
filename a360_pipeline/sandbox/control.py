"""Brings the sandbox up and down: PostgreSQL, the stand-in for AWS, and the settings that lead to both."""

from __future__ import annotations

import datetime as dt
import http
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from a360_pipeline.sandbox import postgres
from a360_pipeline.sandbox.postgres import SandboxError
from a360_pipeline.settings import SANDBOX_SETTINGS_FILE, Settings

_READY, _PARAMETERS, _GAPS, _LOG = "aws-ready.json", "aws-parameters.json", "accepted-gaps.toml", "aws.log"
_WAREHOUSE, _DAGSTER = "a360", "dagster"
_DEADLINE_SECONDS = 60.0
_ANSWER_SECONDS = 10.0
_DELIVERY_SECONDS = 300.0


@dataclass(frozen=True)
class State:
    """What of the sandbox runs; "partial" when one part or the settings file is missing."""

    state: Literal["up", "down", "partial"]
    endpoint_url: str | None
    database_url: str | None = field(repr=False)
    cluster_arn: str | None = None
    """For settings that are to go through the RDS Data API, with the secret's ARN."""
    database_secret_arn: str | None = None

    def to_json(self) -> str:
        """The state as a JSON object, for programs: `database_url` comes with its password."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class _StandIn:
    """What the stand-in for AWS wrote when it was ready."""

    pid: int
    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    external_id: str = field(repr=False)
    cluster_arn: str | None = None
    database_secret_arn: str | None = None


def up(
    settings: Settings,
    *,
    accounts: int = 4,
    regions: tuple[str, ...] = ("us-east-1", "eu-central-2"),
    seed: int = 7,
    postgres_port: int | None = None,
    aws_port: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> State:
    """Start what does not run yet and write the settings file; `progress` gets one line a step.

    Without a port each part chooses its own. Raises SandboxError when a part does not start in 60 seconds,
    a port is taken, or the sandbox already runs with other parameters or ports.
    """
    directory = _directory(settings, create=True)
    with postgres.locked(directory):
        wanted = {
            "accounts": accounts,
            "regions": list(regions),
            "seed": seed,
            "bucket": settings.bucket,
            "member_role": settings.member_role,
            "harvest_role": settings.harvest_role,
            "inventory_bucket": settings.inventory_bucket,
        }
        stand_in = _find(directory)
        if stand_in is not None:
            _require_same(directory, stand_in, wanted, aws_port)
        progress("PostgreSQL: starting")
        server = postgres.start(directory / "postgres", port=postgres_port)
        progress(f"PostgreSQL: databases {_WAREHOUSE} and {_DAGSTER} on port {server.port}")
        for database in (_WAREHOUSE, _DAGSTER):
            postgres.ensure_database(server, database)
        if stand_in is None:
            progress(f"AWS stand-in: starting with {accounts} accounts in {', '.join(regions)}")
            command = stand_in_command(settings, directory, accounts, regions, seed, aws_port)
            stand_in = _start(directory, command, wanted, aws_port)
        progress(f"AWS stand-in: answers at {stand_in.endpoint_url}")
        _write_settings(directory, server, stand_in, regions)
        progress(f"Settings: {directory / SANDBOX_SETTINGS_FILE}")
    return status(settings)


def down(settings: Settings) -> bool:
    """Stop both parts and remove the settings file; True when anything ran. The database's data stays.

    Raises SandboxError when a part does not stop within a minute.
    """
    directory = _directory(settings, create=False)
    if not directory.is_dir():
        return False
    with postgres.locked(directory):
        try:
            stand_in = _find(directory)
            if stand_in is not None:
                _stop(directory, stand_in)
        finally:
            stopped = postgres.stop(directory / "postgres")
        for name in (SANDBOX_SETTINGS_FILE, _READY, _PARAMETERS):
            (directory / name).unlink(missing_ok=True)
    return stopped or stand_in is not None


def status(settings: Settings) -> State:
    """What runs now. Raises SandboxError when the stand-in hangs or the sandbox is another user's."""
    directory = _directory(settings, create=False)
    server, stand_in = postgres.status(directory / "postgres"), _find(directory)
    parts = (server is not None, stand_in is not None, (directory / SANDBOX_SETTINGS_FILE).exists())
    return State(
        "up" if all(parts) else "partial" if any(parts[:2]) else "down",
        stand_in.endpoint_url if stand_in else None,
        server.url(_WAREHOUSE) if server else None,
        stand_in.cluster_arn if stand_in else None,
        stand_in.database_secret_arn if stand_in else None,
    )


def deliver(settings: Settings, date: dt.date) -> dict[str, Any]:
    """Has the running stand-in deliver the inventories of a day, and returns what it did. Raises SandboxError."""
    address = urlsplit(settings.endpoint_url or "")
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_DELIVERY_SECONDS)
    try:
        connection.request("PUT", "/_a360/inventory", json.dumps({"date": date.isoformat()}))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SandboxError(f"The sandbox at {settings.endpoint_url} delivers nothing: {body.decode()[:500]}")
        delivered: dict[str, Any] = json.loads(body)
        return delivered
    except (OSError, http.client.HTTPException) as error:
        raise SandboxError(f"The sandbox at {settings.endpoint_url} does not answer: {error}") from None
    finally:
        connection.close()


def stand_in_command(
    settings: Settings, directory: Path, accounts: int, regions: tuple[str, ...], seed: int, port: int | None
) -> list[str]:
    """The command that runs the stand-in for AWS, whose files go to `directory`; port 0 is any free one."""
    options = {
        "ready-file": directory / _READY,
        "bucket": settings.bucket,
        "member-role": settings.member_role,
        "harvest-role": settings.harvest_role,
        "inventory-bucket": settings.inventory_bucket,
        "accounts": accounts,
        "regions": ",".join(regions),
        "seed": seed,
        "port": port or 0,
        "gaps-file": directory / _GAPS,
        # Where its password lies, rather than the password itself: anybody on the machine sees arguments.
        "postgres": directory / "postgres",
        "database": _WAREHOUSE,
    }
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "a360_pipeline.sandbox.aws", *given]


def _directory(settings: Settings, *, create: bool) -> Path:
    directory = settings.sandbox_directory.resolve()
    try:
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.is_dir() and not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(0, "it belongs to another user")
    except OSError as error:
        advice = "Set A360_HOME to a folder of yours."
        raise SandboxError(f"{directory} cannot be used: {error.strerror}. {advice}") from None
    return directory


def _find(directory: Path) -> _StandIn | None:
    """The stand-in that the ready file names, if it answers with the pid that stands there."""
    try:
        said = json.loads((directory / _READY).read_text(encoding="utf-8"))
        stand_in = _StandIn(**{each.name: said[each.name] for each in fields(_StandIn) if each.name in said})
        return stand_in if stand_in.pid > 1 and _health(stand_in.endpoint_url) == stand_in.pid else None
    except TimeoutError:
        advice = f"See {directory / _LOG}; end process {stand_in.pid} if it is the stand-in."
        problem = f"The AWS stand-in does not answer at {stand_in.endpoint_url} within {_ANSWER_SECONDS:.0f} s."
        raise SandboxError(f"{problem} {advice}") from None
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, AttributeError):
        return None


def _health(endpoint_url: str) -> Any:
    # Not urllib, which would ask the proxy that the environment names.
    address = urlsplit(endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/_a360/health")
        return json.loads(connection.getresponse().read())["pid"]
    finally:
        connection.close()


def _require_same(directory: Path, stand_in: _StandIn, wanted: dict[str, Any], port: int | None) -> None:
    try:
        running = json.loads((directory / _PARAMETERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        running = {}
    actual = {name: running.get(name, "unknown") for name in wanted}
    if port:
        actual, wanted = {**actual, "port": urlsplit(stand_in.endpoint_url).port}, {**wanted, "port": port}
    different = [f"{name} {actual[name]}, not {wanted[name]}" for name in wanted if actual[name] != wanted[name]]
    if different:
        advice = "To change that, stop it first: a360 sandbox down."
        raise SandboxError(f"The sandbox already runs with {'; '.join(different)}. {advice}")


def _start(directory: Path, command: list[str], wanted: dict[str, Any], port: int | None) -> _StandIn:
    if port:
        postgres.require_free(port)
    (directory / _READY).unlink(missing_ok=True)
    postgres.write_private(directory / _PARAMETERS, json.dumps(wanted))
    log = directory / _LOG
    with open(log, "ab", opener=postgres.private) as stream:
        offset = stream.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    # Else a stand-in that ends before us stays as a zombie, and one that does not earns us a warning.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline, problem = time.monotonic() + _DEADLINE_SECONDS, "ended before it was ready"
    try:
        while process.poll() is None:
            if (stand_in := _find(directory)) is not None:
                return stand_in
            if time.monotonic() > deadline:
                problem = f"was not ready after {_DEADLINE_SECONDS:.0f} s"
                break
            time.sleep(0.05)
        tail = log.read_bytes()[offset:].decode(errors="replace")[-2000:].strip()
        raise SandboxError(f"The AWS stand-in {problem}. The end of its log, {log}:\n{tail}")
    except BaseException:
        # Not SIGTERM, which may be ignored by inheritance: from runuser, for one.
        process.kill()
        raise


def _stop(directory: Path, stand_in: _StandIn) -> None:
    with suppress(ProcessLookupError):
        os.kill(stand_in.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while _find(directory) is not None:
        if time.monotonic() > deadline:
            advice = f"See {directory / _LOG}, then end it with kill -9 {stand_in.pid}."
            raise SandboxError(f"The AWS stand-in did not stop within {_DEADLINE_SECONDS:.0f} s. {advice}")
        time.sleep(0.05)


def _write_settings(directory: Path, server: postgres.Server, stand_in: _StandIn, regions: tuple[str, ...]) -> None:
    # Not its cluster: where both lead to the warehouse, the Data API would be taken.
    apart = ("pid", "cluster_arn", "database_secret_arn")
    values = {name: value for name, value in asdict(stand_in).items() if name not in apart} | {
        "database_url": server.url(_WAREHOUSE),
        "dagster_database_url": server.url(_DAGSTER),
        "accepted_gaps": str(directory / _GAPS),
        # Asked for by name, so that a region an account has not enabled shows as a gap.
        "regions": ",".join(regions),
    }
    postgres.write_private(directory / SANDBOX_SETTINGS_FILE, json.dumps(values, indent=2) + "\n")
