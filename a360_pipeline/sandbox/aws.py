"""The sandbox's AWS as a process: moto, what moto lacks, and a made-up organization behind one address."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.s3.models import s3_backends

from a360_pipeline.sandbox import postgres
from a360_pipeline.sandbox.faults import Faults
from a360_pipeline.sandbox.gateway import Gateway
from a360_pipeline.sandbox.httpd import HOST, Server
from a360_pipeline.sandbox.hub import make_hub_queue
from a360_pipeline.sandbox.identity import HARVEST_ROLE, PARTITION, Identities
from a360_pipeline.sandbox.inventory.deliverer import Deliverer
from a360_pipeline.sandbox.mail import Post
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.postgres import SandboxError
from a360_pipeline.sandbox.repairs import repair
from a360_pipeline.sandbox.services.athena import AthenaService
from a360_pipeline.sandbox.services.rds_data import DataApi
from a360_pipeline.sandbox.services.s3 import make_buckets
from a360_pipeline.sandbox.stacks.answers import Stacks


class StandInError(Exception):
    """The stand-in cannot start. The message says why, and what to do."""


@dataclass(frozen=True)
class StandIn:
    """A running stand-in, and the hub's way into it."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    external_id: str = field(repr=False)
    organization: Organization
    faults: Faults
    data_api: DataApi = field(repr=False)
    """Its cluster and the secret of that, once `serve` is told of a database."""
    athena: AthenaService = field(repr=False)
    deliverer: Deliverer = field(repr=False)
    """Delivers S3 Inventory when it is told to."""
    post: Post = field(repr=False)
    """Which addresses SES may use, and what it sent."""
    _server: Server = field(repr=False)

    def close(self) -> None:
        self._server.close()
        self.data_api.close()
        self.athena.close()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    organization: Organization,
    *,
    bucket: str,
    member_role: str,
    harvest_role: str = HARVEST_ROLE,
    inventory_bucket: str | None = None,
    port: int = 0,
    database_url: str | None = None,
) -> StandIn:
    """Starts a stand-in with the organization's buckets and one more, empty and versioned, in the management account.

    With an `inventory_bucket` what the hub has for harvests is there as well: that bucket, and the queue of deliveries.
    Its RDS Data API speaks with the PostgreSQL server of `database_url`, in whichever database a call names.

    moto keeps its data in globals of the process: a start empties them, so one process has one
    stand-in at a time. Raises StandInError when the port is taken.
    """
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # It would make every caller that one account.
    os.environ.pop("MOTO_ACCOUNT_ID", None)
    repair()
    BackendDict.reset()
    reset_model_data()
    s3 = s3_backends[organization.management.id][PARTITION]
    s3.create_bucket(bucket, organization.region_names[0])
    s3.put_bucket_versioning(bucket, "Enabled")
    if inventory_bucket is not None:
        s3.create_bucket(inventory_bucket, organization.region_names[0])
        make_hub_queue(organization)
    make_buckets(organization)
    identities = Identities(organization, member_role, harvest_role)
    faults = Faults(organization.seed)
    data_api, athena = DataApi(organization, database_url), AthenaService(organization)
    deliverer, post = Deliverer(organization), Post()
    gateway = Gateway(
        organization,
        identities,
        faults,
        bound={**data_api.answers, **athena.answers, **Stacks(faults).answers, **post.answers},
        controls={("PUT", "inventory"): deliverer.put, ("GET", "mail"): post.get, ("PUT", "mail"): post.put},
    )
    try:
        server = Server(gateway, port)
    except OSError as error:
        athena.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise StandInError(f"Port {port} is already in use: stop what uses it, or choose another port.") from None
    return StandIn(
        endpoint_url=f"http://{HOST}:{server.port}",
        access_key_id=identities.hub_key.access_key_id,
        secret_access_key=identities.hub_key.secret_access_key,
        external_id=identities.external_id,
        organization=organization,
        faults=faults,
        data_api=data_api,
        athena=athena,
        deliverer=deliverer,
        post=post,
        _server=server,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. The gaps file comes first, the ready file once calls are answered."""
    asked = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        organization = Organization.seeded(asked.seed, asked.accounts, tuple(asked.regions.split(",")))
        if asked.gaps_file:
            asked.gaps_file.write_text(organization.accepted_gaps_toml(), encoding="utf-8")
        server = postgres.status(asked.postgres) if asked.postgres else None
        with serve(
            organization,
            bucket=asked.bucket,
            member_role=asked.member_role,
            harvest_role=asked.harvest_role,
            inventory_bucket=asked.inventory_bucket,
            port=asked.port,
            database_url=server.url(asked.database) if server else None,
        ) as stand_in:
            if asked.ready_file:
                _write_ready(asked.ready_file, stand_in)
            # The system may hand the signal to another thread, and Python's handlers run in this one alone.
            while not stop.wait(timeout=1):
                pass
    except (StandInError, SandboxError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m a360_pipeline.sandbox.aws", description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="written, mode 600, once calls are answered")
    parser.add_argument("--gaps-file", type=Path, help="where to write the planned gaps, as TOML")
    parser.add_argument("--bucket", required=True, help="bucket to make in the management account")
    parser.add_argument("--member-role", required=True, help="name of the role to assume in each account")
    parser.add_argument("--harvest-role", default=HARVEST_ROLE, help="name of the role that configures inventories")
    parser.add_argument("--inventory-bucket", help="bucket of inventories to make in the management account")
    parser.add_argument("--accounts", type=int, default=4, help="how many accounts (default 4)")
    parser.add_argument("--regions", default="us-east-1,eu-central-2", help="regions, comma-separated")
    parser.add_argument("--seed", type=int, default=7, help="draws another organization (default 7)")
    parser.add_argument("--postgres", type=Path, help="directory of the server that the RDS Data API speaks with")
    parser.add_argument("--database", default="a360", help="the cluster's own database (default a360)")
    parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 (default 0: any that is free)")
    return parser


def _write_ready(path: Path, stand_in: StandIn) -> None:
    ready = {
        "pid": os.getpid(),
        "endpoint_url": stand_in.endpoint_url,
        "access_key_id": stand_in.access_key_id,
        "secret_access_key": stand_in.secret_access_key,
        "external_id": stand_in.external_id,
    }
    if stand_in.data_api.secret_arn:
        ready |= {"cluster_arn": stand_in.data_api.cluster_arn, "database_secret_arn": stand_in.data_api.secret_arn}
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(ready, file)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
