"""Collecting 100 accounts in 3 regions, 50 ms a call, 12 calls in flight; throttling; what Cost Explorer is asked."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.client
from botocore.config import Config
from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shelf import Folder
from a360_pipeline.sections.model import Scope
from a360_pipeline.sections.registry import SECTIONS, is_paid
from a360_pipeline.settings import Profile, Settings
from benchmarks.cheap_aws import MEMBER_ROLE, REGIONS
from benchmarks.frame import measured, peak_mb, write_result

NOTES = (
    "The simulated AWS is a process of its own that answers members from memory; all accounts are alike. CPU and "
    "memory are the client's. The bound is calls x latency / threads. Plain boto3 replays the calls of one account, "
    "known beforehand, for one account after another, 12 at once, with clients of its own for each account. Snapshots "
    "go to a folder. Cost Explorer is counted over six runs of 50 accounts on one day, further pages apart."
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run measures."""

    accounts: int = 100
    keys: int = 60
    instances: int = 45
    latency: float = 0.05
    threads: int = 12
    sample: int = 6
    """Accounts that plain boto3 asks."""
    throttled: int = 8
    """Accounts that are throttled."""
    calls_per_second: float = 12.0
    """Which each of those accepts."""
    organization: int = 300
    accounts_per_run: int = 50


Metrics = dict[str, float]
Call = tuple[str, str, str, dict[str, Any]]
"""Service, region, operation, parameters."""


@dataclass(frozen=True)
class Aws:
    """A running simulation, and the settings that lead to it."""

    settings: Settings

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        address = urlsplit(str(self.settings.endpoint_url))
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        connection.request(method, path, json.dumps(body) if body else None)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def be(self, *, latency: float, calls_per_second: float | None = None) -> None:
        """Sets how slow and how strict it is, and counts anew."""
        self.ask("PUT", "/_bench/", {"latency": latency, "calls_per_second": calls_per_second})

    def counts(self) -> Counter[str]:
        return Counter(self.ask("GET", "/_bench/"))


@contextmanager
def simulated_aws(accounts: int, size: Size) -> Iterator[Aws]:
    """A simulation of so many accounts, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        options = {"ready-file": ready_file, "accounts": accounts, "keys": size.keys, "instances": size.instances}
        command = [sys.executable, "-m", "benchmarks.cheap_aws"]
        process = subprocess.Popen([*command, *(f"--{name}={value}" for name, value in options.items())])
        try:
            while not ready_file.exists():
                if process.poll() is not None:
                    raise RuntimeError("the simulated AWS ended before it was ready")
                time.sleep(0.05)
            ready = json.loads(ready_file.read_text())
            # As in AWS, where quotas are kept to.
            yield Aws(Settings(profile=Profile.AWS, member_role=MEMBER_ROLE, collect_threads=size.threads, **ready))
        finally:
            process.terminate()
            process.wait()


def _collect(aws: Aws, accounts: Sequence[Account], everyone: Sequence[Account], sections: Iterable[str] = ()) -> None:
    """Collects to a folder that goes away. Raises ValueError where calls failed: they must not count as speed."""
    today = dt.datetime.now(dt.UTC).date()
    order = replace(Order.of(aws.settings, accounts, everyone, today, today, sections), regions=REGIONS)
    with tempfile.TemporaryDirectory() as folder:
        _run(Sessions(aws.settings, is_paid), Folder(Path(folder)), order)


def _run(sessions: Sessions, shelf: Folder, order: Order) -> None:
    bad: Counter[str] = Counter()
    for each in collect_accounts(sessions, shelf, order):
        for name, covered in each.without_facts().snapshot.coverage.items():
            if covered.status.is_gap and covered.status != "region_disabled":
                bad[f"{name} {covered.status}: {covered.message}"] += 1
    if bad:
        raise ValueError(f"not everything was collected: {bad.most_common(5)}")


def collecting(size: Size) -> Metrics:
    """Wall, CPU and memory against the bound and against plain boto3; what throttling costs."""
    with simulated_aws(size.accounts, size) as aws:
        everyone = discover_accounts(Sessions(aws.settings, is_paid).hub())
        # The management account has most of everything: what it is answered all others are answered too.
        first = max(everyone, key=lambda account: sum(account.regions.values()))
        calls = _recorded(aws, first, everyone)

        aws.be(latency=size.latency)
        with measured() as ours:
            _collect(aws, everyone, everyone)
        answered, peak = aws.counts()["answered"], peak_mb()

        sample = everyone[: size.sample]
        with measured() as plain:
            rival_calls = _plain_boto3(aws, sample, calls, size.threads)

        aws.be(latency=size.latency, calls_per_second=size.calls_per_second)
        with measured() as slow:
            _collect(aws, everyone[: size.throttled], everyone)
        counts = aws.counts()
    wall = ours.seconds / answered
    return {
        "wall_vs_bound": ours.seconds / (answered * size.latency / size.threads),
        "cpu_ms_per_call": ours.client / answered * 1000,
        "peak_mb": peak,
        "wall_vs_plain_boto3": wall / (plain.seconds / rival_calls),
        "cpu_ms_per_call_plain_boto3": plain.client / rival_calls * 1000,
        "calls_vs_succeeded_when_throttled": counts.total() / counts["answered"],
        "seconds_when_throttled": slow.seconds,
        "calls": answered,
        "calls_per_account_region": len(calls) / len(REGIONS),
        "seconds": ours.seconds,
        "cpu_seconds": ours.client,
    }


@contextmanager
def _noted(note: Callable[[Call], None]) -> Iterator[None]:
    """Tells of every call that is made inside."""
    whole = botocore.client.BaseClient._make_api_call

    def noted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        note((client.meta.service_model.service_name, client.meta.region_name, operation, parameters))
        return whole(client, operation, parameters)

    botocore.client.BaseClient._make_api_call = noted
    try:
        yield
    finally:
        botocore.client.BaseClient._make_api_call = whole


def _recorded(aws: Aws, account: Account, everyone: Sequence[Account]) -> list[Call]:
    """Collects one account, so that the simulation knows all answers; returns what its regions were asked."""
    calls: list[Call] = []

    def note(call: Call) -> None:
        if call[0] not in ("sts", "ce", "organizations"):
            calls.append(call)

    with _noted(note):
        of_members = [name for name, section in SECTIONS.items() if section.collect is not None]
        _collect(aws, [account], everyone, of_members)
    return calls


def _plain_boto3(aws: Aws, accounts: Sequence[Account], calls: Sequence[Call], threads: int) -> int:
    """Makes the calls for each account as a script with boto3 would; returns how many."""
    settings = aws.settings
    assert settings.secret_access_key is not None
    assert settings.external_id is not None
    there = {"endpoint_url": settings.endpoint_url, "region_name": settings.home_region}
    secret = settings.secret_access_key.get_secret_value()
    sts = boto3.client("sts", aws_access_key_id=settings.access_key_id, aws_secret_access_key=secret, **there)
    for account in accounts:
        given = sts.assume_role(
            RoleArn=f"arn:aws:iam::{account.id}:role/{settings.member_role}",
            RoleSessionName="plain",
            ExternalId=settings.external_id.get_secret_value(),
        )["Credentials"]
        session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        config = Config(max_pool_connections=threads)
        clients = {
            (service, region): session.client(
                service, region_name=region, endpoint_url=settings.endpoint_url, config=config
            )
            for service, region in sorted({call[:2] for call in calls})
        }

        def make(call: Call, clients: dict[tuple[str, str], Any] = clients) -> None:
            service, region, operation, parameters = call
            # Refusals are answers too: that there is no such contact, for one.
            with suppress(ClientError):
                clients[service, region]._make_api_call(operation, parameters)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(make, calls))
    return len(accounts) * (len(calls) + 1)


def cost_explorer(size: Size) -> Metrics:
    """What Cost Explorer is asked on one day for an organization that is collected in runs of 50 accounts."""
    with simulated_aws(size.organization, size) as aws, tempfile.TemporaryDirectory() as folder:
        everyone = discover_accounts(Sessions(aws.settings, is_paid).hub())
        today = dt.datetime.now(dt.UTC).date()
        shared = [name for name, section in SECTIONS.items() if section.scope is Scope.ORGANIZATION]
        collected = [name for name in shared if SECTIONS[name].is_collected]
        requests: Counter[str] = Counter()

        def note(call: Call) -> None:
            service, _, _, parameters = call
            if service == "ce":
                is_page = any(name.endswith("Token") for name in parameters)
                requests["pages" if is_page else "queries"] += 1

        for start in range(0, len(everyone), size.accounts_per_run):
            some = everyone[start : start + size.accounts_per_run]
            order = Order.of(aws.settings, some, everyone, today, today, collected)
            with _noted(note):
                _run(Sessions(aws.settings, is_paid), Folder(Path(folder)), order)
        return {
            "cost_explorer_requests_300_accounts": requests["queries"],
            "cost_explorer_pages_300_accounts": requests["pages"],
        }


def measure(size: Size) -> Metrics:
    return cost_explorer(size) | collecting(size)


def main() -> int:
    write_result("collect", measure(Size()), NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
