"""A resource as the table `service_resources` has it, and all that an account runs in a region."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, named as the table `service_resources` names it. What its service does not say is None."""

    service_name: str
    resource_type: str
    resource_id: str
    resource_name: str | None = None
    region: str | None = None
    availability_zone: str | None = None
    state: str | None = None
    instance_type: str | None = None
    vpc_id: str | None = None
    engine: str | None = None
    instance_class: str | None = None
    multi_az: bool | None = None
    size_gb: int | None = None
    volume_type: str | None = None
    creation_date: dt.datetime | None = None
    type: str | None = None
    scheme: str | None = None
    instance_count: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    available_ip_count: int | None = None
    arn: str | None = None
    subnet_id: str | None = None
    cidr_block: str | None = None
    dns_name: str | None = None
    launch_time: dt.datetime | None = None
    platform: str | None = None
    attached_to: str | None = None
    encrypted: bool | None = None
    iops: int | None = None
    throughput: int | None = None
    engine_version: str | None = None
    desired_capacity: int | None = None
    runtime: str | None = None
    memory_mb: int | None = None
    ephemeral_storage_mb: int | None = None
    timeout_seconds: int | None = None
    code_size_bytes: int | None = None
    package_type: str | None = None
    architectures: str | None = None
    last_modified: dt.datetime | None = None
    tags: tuple[tuple[str, str], ...] | None = None


Made = tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """All that an account runs in a region, by listing."""

    subnets: Made = ()
    instances: Made = ()
    volumes: Made = ()
    databases: Made = ()
    load_balancers: Made = ()
    classic_load_balancers: Made = ()
    groups: Made = ()
    functions: Made = ()


def as_row(resource: Resource) -> dict[str, Any]:
    """A row of the table, its tags as an object."""
    row = {name: getattr(resource, name) for name in Resource.__slots__}
    return row | {"tags": None if resource.tags is None else dict(resource.tags)}
