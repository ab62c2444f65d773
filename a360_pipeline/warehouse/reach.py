"""How the settings say to reach the warehouse: by network, with one of three kinds of credentials, or by Data API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.settings import Settings
from a360_pipeline.warehouse.connection import Server, Warehouse, WarehouseUnavailable, database_url
from a360_pipeline.warehouse.data_api import Cluster

POSTGRESQL_PORT = 5432
ENCRYPTED = ("require", "verify-ca", "verify-full")


def warehouse_of(settings: Settings) -> Warehouse:
    """How to reach the warehouse. Reads no secret yet. Raises WarehouseUnavailable when nothing says where it is."""
    if settings.cluster_arn is None:
        database_url(settings)
        return Server(lambda: server_url(settings))
    region = _region(settings.cluster_arn)
    return Cluster(
        settings.cluster_arn,
        settings.database_secret_arn or "",
        settings.database_name,
        lambda: _client(settings, "rds-data", region, max_attempts=1),
    )


def server_url(settings: Settings) -> str:
    """The URL of the warehouse with the credentials as they are now, for what needs a connection by network.

    Secrets Manager GetSecretValue, where a secret has them. Raises WarehouseUnavailable when there is no URL, or no
    credentials are to be had. Never log what it returns.
    """
    if settings.cluster_arn is not None:
        raise WarehouseUnavailable(
            "this needs a connection by network, and A360_CLUSTER_ARN leads to the Data API: give a --database-url"
        )
    url = database_url(settings)
    try:
        if settings.database_secret_arn is not None:
            return _with(url, *_secret(settings, settings.database_secret_arn))
        if settings.database_iam:
            return _with(url, *_token(settings, url), encrypted=True)
    except AWS_ERRORS as error:
        raise WarehouseUnavailable(f"no credentials of the warehouse are to be had: {explain(error)}") from None
    return url


def _secret(settings: Settings, arn: str) -> tuple[str, str]:
    client = _client(settings, "secretsmanager", _region(arn))
    try:
        told = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        return str(told["username"]), str(told["password"])
    except (KeyError, TypeError, ValueError):
        # Not the error's own words, which may quote the secret.
        raise WarehouseUnavailable(f"{arn} is no JSON object with a username and a password") from None
    finally:
        client.close()


def _token(settings: Settings, url: str) -> tuple[str, str]:
    """The user of the URL, and a password that IAM signs for it; no call of AWS."""
    parts = urlsplit(url)
    user = parts.username or ""
    client = _client(settings, "rds", settings.home_region)
    try:
        token: str = client.generate_db_auth_token(
            DBHostname=parts.hostname, Port=parts.port or POSTGRESQL_PORT, DBUsername=user
        )
    finally:
        client.close()
    return user, token


def _with(url: str, user: str, password: str, *, encrypted: bool = False) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if encrypted and options.get("sslmode") not in ENCRYPTED:
        options["sslmode"] = ENCRYPTED[0]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(options, quote_via=quote)))


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _client(settings: Settings, service: str, region: str, **other_settings: Any) -> Any:
    from a360_pipeline.aws.sessions import Sessions  # noqa: PLC0415 - where a URL says all, nobody waits for botocore

    return Sessions(settings.model_copy(update=other_settings)).client(service, None, region)
