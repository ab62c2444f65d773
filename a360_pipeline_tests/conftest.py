"""Real parts for tests: a PostgreSQL, a warehouse of one's own, a stand-in for AWS, and the field's snapshots."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.sandbox import postgres
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.migrate import migrate

BUCKET = "a360-snapshots"
FIELD_SNAPSHOTS = Path(__file__).parents[2] / "shared" / "data" / "snapshots" / "data"
SMALL = Sizes(keys=6, instances=4, applications=6, patches=5, others=4)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see no setting, credential or sandbox of whoever runs them."""
    for name in os.environ:
        if name.startswith(("A360_", "AWS_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("A360_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    directory = tmp_path_factory.mktemp("postgres")
    server = postgres.start(directory)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        # Hundreds of databases come and go, and no machine is to be survived.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")
    postgres.ensure_database(server, "template_warehouse")
    migrate(server.url("template_warehouse"))
    yield server
    # At once: an orderly end would first write all that nobody reads again.
    os.kill(server.pid, signal.SIGQUIT)
    with suppress(postgres.SandboxError):
        postgres.stop(directory)
    location = directory / "location"
    if location.exists():
        shutil.rmtree(location.read_text().strip())


_NUMBERS = count(1)


@pytest.fixture
def new_database(postgres_server: postgres.Server) -> Callable[[str], str]:
    """Makes a database from a template and returns its URL."""

    def make(template: str = "template0") -> str:
        name = f"test_{next(_NUMBERS)}"
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return postgres_server.url(name)

    return make


@pytest.fixture
def warehouse_url(new_database: Callable[[str], str]) -> str:
    """An empty warehouse, migrated."""
    return new_database("template_warehouse")


@pytest.fixture
def connection(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(warehouse_url, autocommit=True, options="-c timezone=UTC") as opened:
        yield opened


@pytest.fixture(scope="session")
def small_organization() -> Organization:
    return Organization.seeded(sizes=SMALL)


@pytest.fixture
def stand_in(small_organization: Organization, postgres_server: postgres.Server) -> Iterator[StandIn]:
    """AWS with the small organization, an empty bucket, and the databases of the server by Data API too."""
    url = postgres_server.url("postgres")
    with serve(small_organization, bucket=BUCKET, member_role="a360-member", database_url=url) as running:
        yield running


def lead_to(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the environment as a sandbox would, but for its database."""
    gaps = tmp_path / "accepted-gaps.toml"
    gaps.write_text(stand_in.organization.accepted_gaps_toml())
    for name, value in {
        "ENDPOINT_URL": stand_in.endpoint_url,
        "ACCESS_KEY_ID": stand_in.access_key_id,
        "SECRET_ACCESS_KEY": stand_in.secret_access_key,
        "EXTERNAL_ID": stand_in.external_id,
        "REGIONS": ",".join(stand_in.organization.region_names),
        "ACCEPTED_GAPS": str(gaps),
    }.items():
        monkeypatch.setenv(f"A360_{name}", value)


@pytest.fixture
def environment(stand_in: StandIn, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The settings lead to the stand-in and the empty warehouse, as they would in a sandbox."""
    lead_to(stand_in, tmp_path, monkeypatch)
    monkeypatch.setenv("A360_DATABASE_URL", warehouse_url)
    return stand_in


@pytest.fixture
def settings(environment: StandIn) -> Settings:
    return load_settings()


@pytest.fixture
def sessions(settings: Settings) -> Sessions:
    return Sessions(settings, is_paid)


@pytest.fixture
def store(settings: Settings, sessions: Sessions) -> SnapshotStore:
    return SnapshotStore.of(settings, sessions.client("s3", None, settings.home_region))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def field_snapshots(store: SnapshotStore) -> list[str]:
    """What senders in the field write, put where they put it; returns the keys."""
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")
    keys = []
    for path in sorted(FIELD_SNAPSHOTS.glob("*/*/*.json")):
        key = f"data/{path.relative_to(FIELD_SNAPSHOTS)}"
        store.put(key, path.read_bytes())
        keys.append(key)
    return keys
