"""What the sandbox knows of an account: frozen facts, named as snapshots name them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much an account has in a region; the first region of the first account has just as much."""

    keys: int = 64
    instances: int = 56
    applications: int = 30
    """On one instance, give or take a third."""
    patches: int = 28
    """On one instance, give or take a quarter."""
    others: int = 12
    """Of everything else that is listed, at most; the services' own files say of what there is less."""
    objects: int = 300
    """In a bucket, give or take half: some have a handful, some none."""


@dataclass(frozen=True, slots=True)
class Contact:
    """The primary contact of an account."""

    full_name: str
    address_line1: str
    address_line2: str | None
    address_line3: str | None
    city: str
    state_or_region: str | None
    district_or_county: str | None
    postal_code: str
    country_code: str
    phone_number: str
    company_name: str | None
    website_url: str | None


@dataclass(frozen=True, slots=True)
class AlternateContact:
    """Whom AWS writes to about one subject."""

    type: str
    name: str
    title: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key. `key_rotation_enabled` is None where the kind of key has no rotation."""

    key_id: str
    arn: str
    description: str
    key_manager: str
    key_usage: str
    key_spec: str
    key_state: str
    enabled: bool
    creation_date: dt.datetime
    deletion_date: dt.datetime | None
    key_rotation_enabled: bool | None
    primary_region: str | None = None
    """Multi-region keys only, as are the replicas'."""
    replica_regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine that Systems Manager manages."""

    instance_id: str
    instance_type: str
    name: str | None
    activation_id: str | None
    computer_name: str
    ip_address: str
    platform_type: str
    platform: str
    platform_version: str
    ping_status: str
    last_ping_date_time: dt.datetime
    agent_version: str
    is_latest_version: bool
    association_status: str
    association_execution_date: dt.datetime
    association_success_date: dt.datetime | None
    registration_date: dt.datetime


@dataclass(frozen=True, slots=True)
class Application:
    """A program on an instance. What its inventory does not say is None."""

    instance_id: str
    name: str
    application_type: str
    publisher: str
    version: str | None
    architecture: str | None
    install_time: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch of an instance. `installed_time` is None where it is not installed."""

    instance_id: str
    title: str
    kb_id: str
    classification: str
    severity: str
    state: str
    installed_time: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Region:
    """What an account has in a region that it has enabled."""

    name: str
    kms_keys: tuple[Key, ...]
    instances: tuple[Instance, ...]
    applications: tuple[Application, ...]
    patches: tuple[Patch, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the organization and all that it has."""

    id: str
    name: str
    email: str
    arn: str
    status: str
    joined_method: str
    joined_timestamp: dt.datetime
    tags: tuple[tuple[str, str], ...]
    contact_info: Contact
    alternate_contacts: tuple[AlternateContact, ...]
    opt_status: tuple[tuple[str, str], ...]
    """Every region the Account API lists for it, with its opt status."""
    regions: tuple[Region, ...]
    denied: tuple[str, ...] = ()
    """Actions that a service control policy denies in it, as patterns `service:Operation`."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that cannot be collected, on purpose."""

    account: str
    region: str
    section: str
    status: str
    owner: str
    reason: str
    expires: dt.date
