"""What an account runs in a region, service by service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance, draw
from a360_pipeline.sandbox.facts.listed import Made, Resource, Resources

STACKS = (
    "payments",
    "ledger",
    "parcel-tracking",
    "manifests",
    "customs-desk",
    "route-planning",
    "labels",
    "reports",
    "identity",
    "billing",
    "depot-console",
    "notifications",
)
"""What a database, a load balancer of either generation and a group are named after: the same names, on purpose."""
ZONES = "abcdef"
INSTANCE_TYPES = ("t3.micro", "m6i.large", "c7g.xlarge", "r6i.2xlarge", "t4g.small")
VOLUME_TYPES = (("gp3", 3000, 125), ("io2", 6400, None), ("gp2", 300, None), ("st1", None, None))
"""Type, IOPS and throughput, where EC2 says them."""
ENGINES = (
    ("postgres", "16.3", "gp3"),
    ("aurora-postgresql", "15.6", "aurora"),
    ("mysql", "8.0.36", "gp2"),
    ("sqlserver-se", "15.00.4365.2.v1", "io1"),
    ("docdb", "5.0.0", "standard"),
)
"""Engine, version and storage type; of Aurora and DocumentDB an instance has no size of its own."""
CLUSTERED = ("aurora-postgresql", "docdb")
RUNTIMES = ("python3.12", "nodejs20.x", "java21", "provided.al2023")


@dataclass(frozen=True, slots=True)
class Place:
    """An account in a region, and how much of everything it has there."""

    seed: int
    account_id: str
    region: str
    count: int
    settled: dt.datetime

    def id(self, prefix: str, *names: object) -> str:
        """An id as EC2 gives them: a prefix and 17 digits."""
        return f"{prefix}-{draw(self.seed, self.account_id, self.region, prefix, *names):017x}"

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"

    def zone(self, number: int) -> str:
        return f"{self.region}{ZONES[number % 3]}"

    def vpc(self, number: int) -> str:
        """One of the two networks of the region."""
        return self.id("vpc", number % 2)


@lru_cache(maxsize=4096)
def resources_at(place: Place, machines: tuple[tuple[str, str], ...]) -> Resources:
    """What is there; `machines` are the ids and platform types of the EC2 instances that Systems Manager knows."""
    subnets = _each(place, _subnet)
    instances = _instances(place, machines, subnets)
    running = [instance for instance in instances if instance.state == "running"] or list(instances)
    return Resources(
        subnets=subnets,
        instances=instances,
        volumes=tuple(_volume(place, number, running) for number in range(place.count)),
        databases=_each(place, _database),
        load_balancers=_each(place, _load_balancer),
        classic_load_balancers=_each(place, _classic_load_balancer),
        groups=_each(place, _group),
        functions=_each(place, _function),
    )


def _each(place: Place, make: Callable[[Place, int], Resource]) -> Made:
    return tuple(make(place, number) for number in range(place.count))


def _stack(number: int) -> str:
    turn, which = divmod(number, len(STACKS))
    return f"{STACKS[which]}-{turn}" if turn else STACKS[which]


def _tags(name: str | None, number: int) -> tuple[tuple[str, str], ...]:
    """The tags; every fifth thing has none at all."""
    named = (("Name", name),) if name else ()
    return () if number % 5 == 4 else (*named, ("cost-center", f"{4100 + number % 7}"))


def _named(tags: tuple[tuple[str, str], ...]) -> str | None:
    return dict(tags).get("Name")


def _subnet(place: Place, number: int) -> Resource:
    subnet_id = place.id("subnet", number)
    tags = _tags(f"{('private', 'public')[number % 2]}-{number // 2}", number)
    return Resource(
        service_name="VPC",
        resource_type="Subnet",
        resource_id=subnet_id,
        resource_name=_named(tags),
        region=place.region,
        availability_zone=place.zone(number),
        state="available",
        vpc_id=place.vpc(number),
        available_ip_count=draw(place.region, subnet_id) % 4092,
        arn=place.arn("ec2", f"subnet/{subnet_id}"),
        cidr_block=f"10.{number // 256}.{number % 256}.0/24",
        tags=tags,
    )


def _instances(place: Place, machines: Sequence[tuple[str, str]], subnets: Sequence[Resource]) -> Made:
    """Those of Systems Manager, and some that it does not know: stopped, or gone this hour."""
    unmanaged = [(place.id("i", "unmanaged", number), "Linux") for number in range(max(place.count // 4, 2))]
    known = {instance_id for instance_id, _ in machines}
    rng = chance(place.seed, place.account_id, place.region, "ec2")
    made = []
    for number, (instance_id, platform) in enumerate([*machines, *unmanaged]):
        subnet = rng.choice(subnets)
        state = "running" if instance_id in known else ("terminated", "stopped")[number % 2]
        gone = state == "terminated"
        tags = _tags(f"{_stack(number)}-node", number)
        made.append(
            Resource(
                service_name="EC2",
                resource_type="Instance",
                resource_id=instance_id,
                resource_name=_named(tags),
                region=place.region,
                availability_zone=subnet.availability_zone,
                state=state,
                instance_type=rng.choice(INSTANCE_TYPES),
                # What is gone is in no network any more.
                vpc_id=None if gone else subnet.vpc_id,
                subnet_id=None if gone else subnet.resource_id,
                launch_time=before(rng, place.settled, 400),
                platform="Windows" if platform == "Windows" else "Linux/UNIX",
                tags=tags,
            )
        )
    return tuple(sorted(made, key=lambda instance: instance.resource_id))


def _volume(place: Place, number: int, running: Sequence[Resource]) -> Resource:
    volume_id = place.id("vol", number)
    rng = chance(volume_id)
    volume_type, iops, throughput = VOLUME_TYPES[number % len(VOLUME_TYPES)]
    owner = None if number % 6 == 5 else running[number % len(running)]
    tags = _tags(f"{_stack(number)}-data" if number % 3 else None, number)
    return Resource(
        service_name="EBS",
        resource_type="Volume",
        resource_id=volume_id,
        resource_name=_named(tags),
        region=place.region,
        availability_zone=owner.availability_zone if owner else place.zone(number),
        state="in-use" if owner else "available",
        size_gb=rng.choice((1, 8, 100, 500, 16384)),
        volume_type=volume_type,
        creation_date=before(rng, place.settled, 800),
        attached_to=owner.resource_id if owner else None,
        encrypted=number % 4 != 2,
        iops=iops,
        throughput=throughput,
        tags=tags,
    )


def _database(place: Place, number: int) -> Resource:
    name = _stack(number)
    rng = chance(place.seed, place.account_id, place.region, "rds", number)
    engine, version, storage = ENGINES[number % len(ENGINES)]
    created = before(rng, place.settled, 900)
    # A database that is still made has no time, no zone and no address.
    being_made = number % 8 == 6
    return Resource(
        service_name="RDS",
        resource_type="DBInstance",
        resource_id=name,
        resource_name=name,
        region=place.region,
        availability_zone=None if being_made else place.zone(number),
        state="creating" if being_made else ("stopped" if number % 8 == 3 else "available"),
        vpc_id=place.vpc(number),
        engine=engine,
        instance_class=rng.choice(("db.t4g.medium", "db.r6g.large", "db.m6i.xlarge")),
        multi_az=number % 2 == 0,
        size_gb=None if engine in CLUSTERED else rng.choice((20, 100, 1000)),
        volume_type=storage,
        creation_date=None if being_made else created,
        arn=place.arn("rds", f"db:{name}"),
        dns_name=None if being_made else f"{name}.c{draw(place.account_id):012x}.{place.region}.rds.amazonaws.com",
        encrypted=number % 3 != 1,
        iops=3000 if storage in ("gp3", "io1") else None,
        throughput=125 if storage == "gp3" else None,
        engine_version=version,
        tags=_tags(None, number),
    )


def _load_balancer(place: Place, number: int) -> Resource:
    name = _stack(number)
    kind = ("application", "network", "application", "gateway")[number % 4]
    short = {"application": "app", "network": "net", "gateway": "gwy"}[kind]
    digits = f"{draw(place.seed, place.account_id, place.region, 'elbv2', number):016x}"
    scheme = None if kind == "gateway" else ("internet-facing", "internal")[number % 2]
    return Resource(
        service_name="ELB",
        resource_type="LoadBalancer",
        resource_id=name,
        resource_name=name,
        region=place.region,
        # The first spans all the zones of a large region.
        availability_zone=",".join(f"{place.region}{zone}" for zone in ZONES[: 2 if number else 6]),
        state="provisioning" if number % 7 == 5 else "active",
        vpc_id=place.vpc(number),
        creation_date=before(chance(digits), place.settled, 700),
        type=kind,
        scheme=scheme,
        arn=place.arn("elasticloadbalancing", f"loadbalancer/{short}/{name}/{digits}"),
        dns_name=None if kind == "gateway" else f"{name}-{digits}.elb.{place.region}.amazonaws.com",
    )


def _classic_load_balancer(place: Place, number: int) -> Resource:
    name = _stack(number)
    return Resource(
        service_name="ELB",
        resource_type="ClassicLoadBalancer",
        resource_id=name,
        resource_name=name,
        region=place.region,
        availability_zone=f"{place.region}a,{place.region}b",
        vpc_id=place.vpc(number),
        creation_date=before(chance(place.seed, place.account_id, place.region, "elb", number), place.settled, 2500),
        type="classic",
        scheme="internet-facing",
        instance_count=number % 4,
        dns_name=f"{name}-{number}.{place.region}.elb.amazonaws.com",
    )


def _group(place: Place, number: int) -> Resource:
    name = _stack(number)
    rng = chance(place.seed, place.account_id, place.region, "autoscaling", number)
    being_deleted = number % 9 == 7
    desired = 0 if being_deleted else rng.randint(1, 4)
    unique = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    return Resource(
        service_name="AutoScaling",
        resource_type="AutoScalingGroup",
        resource_id=name,
        resource_name=name,
        region=place.region,
        availability_zone=",".join(place.zone(zone) for zone in range(3)),
        state="Delete in progress" if being_deleted else "Active",
        creation_date=before(rng, place.settled, 600),
        # The newest group has not started all it wants yet.
        instance_count=max(desired - 1, 0) if number % 4 == 3 else desired,
        min_size=0 if being_deleted else 1,
        max_size=desired + rng.randint(0, 6),
        desired_capacity=desired,
        arn=place.arn("autoscaling", f"autoScalingGroup:{unique}:autoScalingGroupName/{name}"),
        tags=_tags(None, number),
    )


def _function(place: Place, number: int) -> Resource:
    name = f"{_stack(number)}-fn"
    rng = chance(place.seed, place.account_id, place.region, "lambda", number)
    is_image = number % 4 == 3
    arn = place.arn("lambda", f"function:{name}")
    return Resource(
        service_name="Lambda",
        resource_type="Function",
        resource_id=arn,
        resource_name=name,
        region=place.region,
        vpc_id=place.vpc(number) if number % 3 == 1 else None,
        arn=arn,
        runtime=None if is_image else rng.choice(RUNTIMES),
        memory_mb=rng.choice((128, 512, 1769, 10240)),
        ephemeral_storage_mb=rng.choice((512, 2048)),
        timeout_seconds=rng.choice((3, 30, 900)),
        code_size_bytes=0 if is_image else rng.randrange(300, 60_000_000),
        package_type="Image" if is_image else "Zip",
        architectures=("x86_64", "arm64")[number % 2],
        last_modified=before(rng, place.settled, 300),
    )
