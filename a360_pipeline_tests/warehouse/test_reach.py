"""How settings lead to the warehouse: by URL, by a secret, by IAM, by Data API; and what is waited for."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.warehouse.connection import Server, WarehouseUnavailable, connect
from a360_pipeline.warehouse.data_api import Cluster
from a360_pipeline.warehouse.patience import Patience
from a360_pipeline.warehouse.reach import server_url, warehouse_of

PASSWORD = "p@ss/w%rd hunter2"
CLUSTER_ARN = "arn:aws:rds:eu-central-1:123456789012:cluster:warehouse"
SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf"


@pytest.fixture
def keep(sessions: Sessions, environment: StandIn) -> Callable[[Any], str]:
    """Keeps a secret and returns its ARN."""

    def keep(told: Any) -> str:
        client = sessions.client("secretsmanager", None, "us-east-1")
        text = told if isinstance(told, str) else json.dumps(told)
        arn: str = client.create_secret(Name="warehouse", SecretString=text)["ARN"]
        client.close()
        return arn

    return keep


@pytest.fixture
def nobodys_url(warehouse_url: str) -> str:
    """The URL of the warehouse without user and password."""
    parts = urlsplit(warehouse_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# --- Which way


def test_a_url_leads_to_a_server_and_is_kept_to_the_letter(warehouse_url: str, environment: StandIn) -> None:
    way = warehouse_of(load_settings())
    assert isinstance(way, Server)
    assert way.url() == warehouse_url
    with connect(way) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_a_cluster_goes_before_a_url_since_that_may_be_the_sandboxs(environment: StandIn) -> None:
    api = environment.data_api
    way = warehouse_of(load_settings(cluster_arn=api.cluster_arn, database_secret_arn=api.secret_arn))
    assert isinstance(way, Cluster)
    assert (way.arn, way.secret_arn, way.database) == (api.cluster_arn, api.secret_arn, "a360")


def test_the_client_asks_in_the_clusters_region() -> None:
    way = warehouse_of(load_settings(cluster_arn=CLUSTER_ARN, database_secret_arn=SECRET_ARN))
    assert isinstance(way, Cluster)
    client = way.client()
    assert client.meta.region_name == "eu-central-1"
    client.close()


def test_without_any_way_it_is_said_what_to_set() -> None:
    with pytest.raises(WarehouseUnavailable, match="set A360_DATABASE_URL"):
        warehouse_of(load_settings())
    with pytest.raises(WarehouseUnavailable, match="needs a connection by network"):
        server_url(load_settings(cluster_arn=CLUSTER_ARN, database_secret_arn=SECRET_ARN))


# --- A secret in place of a password


def test_a_secret_has_user_and_password_whatever_the_url_says(
    keep: Callable[[Any], str], warehouse_url: str, nobodys_url: str
) -> None:
    told = conninfo_to_dict(warehouse_url)
    arn = keep({"username": told["user"], "password": told["password"], "engine": "postgres"})
    for url in (nobodys_url, nobodys_url.replace("//", "//somebody:wrong@")):
        way = warehouse_of(load_settings(database_url=url, database_secret_arn=arn))
        with connect(way) as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == (told["user"],)


def test_a_secret_is_read_at_each_connecting_for_it_is_rotated(keep: Callable[[Any], str], sessions: Sessions) -> None:
    arn = keep({"username": "a360", "password": "old"})
    settings = load_settings(database_url="postgresql://db.example:5433/w?sslmode=require", database_secret_arn=arn)
    way = warehouse_of(settings)
    assert isinstance(way, Server)
    assert way.url() == "postgresql://a360:old@db.example:5433/w?sslmode=require"
    client = sessions.client("secretsmanager", None, "us-east-1")
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "a360", "password": PASSWORD}))
    client.close()
    assert conninfo_to_dict(way.url())["password"] == PASSWORD


@pytest.mark.parametrize("told", [f"{PASSWORD}", {"password": PASSWORD}, [PASSWORD], f'"{PASSWORD}'])
def test_a_secret_of_another_kind_is_told_and_never_shown(told: Any, keep: Callable[[Any], str]) -> None:
    arn = keep(told)
    settings = load_settings(database_url="postgresql://db.example/w", database_secret_arn=arn)
    with pytest.raises(WarehouseUnavailable, match="is no JSON object with a username and a password") as caught:
        server_url(settings)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_secret_that_is_not_there_is_told(environment: StandIn) -> None:
    arn = SECRET_ARN.replace("eu-central-1", "us-east-1")
    with pytest.raises(
        WarehouseUnavailable, match=r"no credentials of the warehouse are to be had: .*ResourceNotFound"
    ):
        server_url(load_settings(database_secret_arn=arn))


def test_what_is_secret_is_in_no_repr_message_or_log(
    keep: Callable[[Any], str], nobodys_url: str, caplog: pytest.LogCaptureFixture, environment: StandIn
) -> None:
    arn = keep({"username": "a360", "password": PASSWORD})
    caplog.set_level(logging.INFO)
    api = environment.data_api
    ways = [
        warehouse_of(load_settings(database_url=nobodys_url, database_secret_arn=arn)),
        warehouse_of(load_settings(cluster_arn=api.cluster_arn, database_secret_arn=arn)),
    ]
    said = [repr(way) + str(way) for way in ways]
    for way in ways:
        with pytest.raises(WarehouseUnavailable) as caught:
            connect(way)
        said.append(f"{caught.value} {caught.value!r}")
    assert "password authentication failed" in said[-1]
    for form in ("hunter2", environment.secret_access_key):
        assert not [each for each in [*said, caplog.text] if form in each]


# --- A token in place of a password


def iam(url: str, **more: Any) -> Settings:
    return load_settings(
        database_url=url, database_iam=True, access_key_id="AKIAEXAMPLE", secret_access_key="hush", **more
    )


def test_a_token_is_signed_for_the_server_and_the_user_and_tls_is_required() -> None:
    way = warehouse_of(iam("postgresql://loader@db.example:5433/w", home_region="eu-west-1"))
    assert isinstance(way, Server)
    told = conninfo_to_dict(way.url())
    assert (told["host"], told["port"], told["user"], told["sslmode"]) == ("db.example", "5433", "loader", "require")
    token = urlsplit(f"https://{told['password']}")
    signed = parse_qs(token.query)
    assert token.netloc == "db.example:5433"
    assert (signed["Action"], signed["DBUser"]) == (["connect"], ["loader"])
    assert "/eu-west-1/rds-db/aws4_request" in unquote(signed["X-Amz-Credential"][0])
    assert "X-Amz-Signature" in signed


@pytest.mark.parametrize(
    ("given", "taken"),
    [("disable", "require"), ("prefer", "require"), ("require", "require"), ("verify-full", "verify-full")],
)
def test_no_token_goes_over_a_line_that_is_not_encrypted(given: str, taken: str) -> None:
    url = server_url(iam(f"postgresql://loader@db.example/w?sslmode={given}&application_name=a%20b"))
    told = conninfo_to_dict(url)
    assert (told["sslmode"], told["application_name"]) == (taken, "a b")


def test_without_credentials_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    settings = load_settings(database_url="postgresql://loader@db.example/w", database_iam=True)
    with pytest.raises(WarehouseUnavailable, match="no credentials of the warehouse are to be had"):
        server_url(settings)


# --- A server that is about to answer


@dataclass
class Waking:
    """A server that refuses its first callers and hands the others on to another one."""

    there: tuple[str, int]
    refusals: int
    said: str = "the database system is starting up"
    code: str = "57P03"
    callers: int = 0
    _listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            self.callers += 1
            if self.callers <= self.refusals:
                with caller:
                    caller.recv(4096)
                    caller.sendall(self._refusal())
            else:
                threading.Thread(target=self._hand_on, args=(caller,), daemon=True).start()

    def _refusal(self) -> bytes:
        told = (b"SFATAL", b"VFATAL", b"C" + self.code.encode(), b"M" + self.said.encode())
        fields = b"".join(each + b"\0" for each in told)
        return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"

    def _hand_on(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(self.there) as server:
            back = threading.Thread(target=self._pump, args=(server, caller), daemon=True)
            back.start()
            self._pump(caller, server)
            back.join()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        while sent := source.recv(65536):
            target.sendall(sent)
        target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def waking(warehouse_url: str) -> Iterator[Waking]:
    parts = urlsplit(warehouse_url)
    server = Waking((parts.hostname or "", parts.port or 0), refusals=0)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join()


def through(waking: Waking, url: str) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{waking.port}"
    return parts._replace(netloc=netloc, query="sslmode=disable&gssencmode=disable").geturl()


def test_a_server_that_starts_up_is_waited_for(waking: Waking, warehouse_url: str) -> None:
    """R3."""
    waking.refusals, slept = 3, []
    with connect(through(waking, warehouse_url), Patience(clock=lambda: sum(slept), sleep=slept.append)) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    assert (waking.callers, slept) == (4, [0.5, 1.0, 2.0])


def test_one_that_does_not_start_in_time_is_an_error(waking: Waking, warehouse_url: str) -> None:
    """R3."""
    slept: list[float] = []
    waking.refusals = 1_000
    with pytest.raises(WarehouseUnavailable, match="the database system is starting up"):
        connect(through(waking, warehouse_url), Patience(10, clock=lambda: sum(slept), sleep=slept.append))
    assert sum(slept) <= 10
    assert waking.callers == len(slept) + 1


def test_one_that_refuses_for_another_reason_is_not_asked_again(waking: Waking, warehouse_url: str) -> None:
    waking.refusals, waking.code, waking.said = 1_000, "28P01", "password authentication failed"
    with pytest.raises(WarehouseUnavailable, match="password authentication failed"):
        connect(through(waking, warehouse_url), Patience(sleep=lambda _: pytest.fail("nothing to wait for")))
    assert waking.callers == 1


def test_pauses_grow_to_a_limit_and_what_is_not_named_passes_through() -> None:
    slept: list[float] = []
    patience = replace(Patience(30, 1, 4), clock=lambda: sum(slept), sleep=slept.append)

    def busy() -> None:
        raise psycopg.errors.TooManyConnections

    with pytest.raises(psycopg.errors.TooManyConnections):
        patience.ask(busy, (psycopg.errors.TooManyConnections,))
    assert slept == [1, 2, 4, 4, 4, 4, 4, 4]
    with pytest.raises(psycopg.errors.TooManyConnections):
        patience.ask(busy, (psycopg.errors.CannotConnectNow,))
    assert sum(slept) == 27
