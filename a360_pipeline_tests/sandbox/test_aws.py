"""The stand-in as a process: what it writes, when it is ready, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import boto3
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.sandbox import postgres


def arguments(folder: Path, port: int = 0) -> list[str]:
    files = [f"--ready-file={folder / 'ready.json'}", f"--gaps-file={folder / 'gaps.toml'}"]
    return [*files, "--bucket=a360-snapshots", "--member-role=a360-member", f"--port={port}"]


def test_a_process_answers_once_its_ready_file_is_there_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "a360_pipeline.sandbox.aws", *arguments(tmp_path)]
    ready_file = tmp_path / "ready.json"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            waiting = threading.Event()
            while not ready_file.exists() and process.poll() is None:
                waiting.wait(0.05)
            assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
            ready = json.loads(ready_file.read_text(encoding="utf-8"))
            assert ready.keys() == {
                "pid",
                "endpoint_url",
                "access_key_id",
                "secret_access_key",
                "external_id",
            }
            assert ready["pid"] == process.pid
            client = boto3.client(
                "organizations",
                region_name="us-east-1",
                endpoint_url=ready["endpoint_url"],
                aws_access_key_id=ready["access_key_id"],
                aws_secret_access_key=ready["secret_access_key"],
            )
            listed = client.list_accounts()["Accounts"]
            assert [one["Status"] for one in listed] == ["ACTIVE"] * 4 + ["SUSPENDED"]
            client.close()
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert said == (b"", b"")
    assert [gap["status"] for gap in tomllib.loads((tmp_path / "gaps.toml").read_text())["gap"]] == [
        "scp_denied",
        "region_disabled",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gaps.toml", "ready.json"]


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "a360_pipeline.sandbox.aws", *arguments(tmp_path, port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is already in use: stop what uses it, or choose another port.\n"
    assert not (tmp_path / "ready.json").exists()


def test_a_process_that_is_told_of_a_server_answers_statements_without_its_password_in_sight(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    database = [f"--postgres={postgres_server.directory}", "--database=template_warehouse"]
    command = [sys.executable, "-m", "a360_pipeline.sandbox.aws", *arguments(tmp_path), *database]
    ready_file = tmp_path / "ready.json"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            waiting = threading.Event()
            while not ready_file.exists() and process.poll() is None:
                waiting.wait(0.05)
            told = ready_file.read_text(encoding="utf-8")
            assert str(conninfo_to_dict(postgres_server.url())["password"]) not in told
            ready = json.loads(told)
            client = boto3.client(
                "rds-data",
                region_name="us-east-1",
                endpoint_url=ready["endpoint_url"],
                aws_access_key_id=ready["access_key_id"],
                aws_secret_access_key=ready["secret_access_key"],
            )
            answer = client.execute_statement(
                resourceArn=ready["cluster_arn"],
                secretArn=ready["database_secret_arn"],
                sql="SELECT count(*) FROM kms_keys",
            )
            assert answer["records"] == [[{"longValue": 0}]]
            client.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
