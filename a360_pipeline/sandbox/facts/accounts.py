"""Accounts of a made-up company: names, addresses, people, tags and regions."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from a360_pipeline.sandbox.facts.chance import before, chance, draw
from a360_pipeline.sandbox.facts.model import AlternateContact, Contact

COMPANY = "Northlight Freight"
DOMAIN = "northlight.example"


class Profile(NamedTuple):
    """What an account is for, as its name and tags tell."""

    name: str
    category: str
    environment: str
    products: tuple[str, ...]


PROFILES = (
    Profile("org-management", "governance", "prod", ()),
    Profile("shared-services", "platform", "prod", ("identity", "build", "observability")),
    Profile("payments-prod", "workload", "prod", ("payments",)),
    Profile("sandbox-research", "sandbox", "dev", ("research",)),
    Profile("data-lake-prod", "data", "prod", ("data-lake", "reporting")),
    Profile("payments-staging", "workload", "staging", ("payments",)),
    Profile("tracking-prod", "workload", "prod", ("parcel-tracking", "notifications")),
    Profile("security-audit", "governance", "prod", ("audit",)),
    Profile("routing-dev", "workload", "dev", ("route-planning",)),
    Profile("log-archive", "governance", "prod", ("audit",)),
)
CUSTOMERS = ("Northlight Freight", "Halvorsen Ports", "Meridian Parcel", "Aurelia Foods")
PARTNERS = ("Clearwater Cloud", "Bluestack Consulting", "in-house")

PLACES = (
    ("Rotterdam", "Zuid-Holland", None, "3011 AD", "NL", "+31 10 5550"),
    ("Portland", "Oregon", "Multnomah", "97205", "US", "+1 503 5550"),
    ("Zürich", None, None, "8005", "CH", "+41 44 5550"),
    ("Hamburg", "Hamburg", None, "20457", "DE", "+49 40 5550"),
)
STREETS = ("Harbour Street", "Quay Road", "Lighthouse Lane", "Station Square", "Mill Embankment")
FIRST_NAMES = ("Amara", "Bjørn", "Chiara", "Dmitri", "Elena", "Farid", "Greta", "Hiro", "Ines", "Jonas")
LAST_NAMES = ("Okafor", "Lindqvist", "Moretti", "Petrov", "Vasquez", "Rahimi", "Keller", "Tanaka", "Duarte")
TITLES = {"BILLING": "Head of Finance", "OPERATIONS": "Platform Lead", "SECURITY": "Security Officer"}

OPT_IN_REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ca-west-1",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
)
"""Regions that AWS has and nobody in this organization has enabled."""


def account_id(seed: int, index: int) -> str:
    """Twelve digits; the second account's begin with 0, which what reads ids as numbers would lose."""
    number = draw(seed, "account", index)
    return f"{number % 10**11:012}" if index == 1 else f"{10**11 + number % (9 * 10**11):012}"


def profile(index: int) -> Profile:
    """The profile of an account; from the second round on its name bears a number."""
    turn, place = divmod(index, len(PROFILES))
    known = PROFILES[place]
    return known._replace(name=f"{known.name}-{turn + 1}") if turn else known


def tags(seed: int, index: int) -> tuple[tuple[str, str], ...]:
    """The account's tags. The management account has no product."""
    rng = chance(seed, "tags", index)
    which = profile(index)
    product = (("product", ",".join(which.products)),) if which.products else ()
    return (
        ("customer", rng.choice(CUSTOMERS)),
        ("partner", rng.choice(PARTNERS)),
        *product,
        ("category", which.category),
        ("environment", which.environment),
    )


def contact(seed: int, index: int) -> Contact:
    """The primary contact. Every other account leaves out what the Account API lets it leave out."""
    rng = chance(seed, "contact", index)
    city, state, county, postal_code, country, phone = rng.choice(PLACES)
    lean = index % 2 == 1
    return Contact(
        full_name=f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}",
        address_line1=f"{rng.randrange(1, 180)} {rng.choice(STREETS)}",
        address_line2=None if lean else f"Building {rng.choice('ABCD')}",
        address_line3=None if index % 3 else f"Floor {rng.randrange(1, 9)}",
        city=city,
        state_or_region=state,
        district_or_county=county,
        postal_code=postal_code,
        country_code=country,
        phone_number=f"{phone}{rng.randrange(1000):03}",
        company_name=COMPANY,
        website_url=None if lean else f"https://www.{DOMAIN}",
    )


def alternate_contacts(seed: int, index: int) -> tuple[AlternateContact, ...]:
    """The contacts for billing, operations and security; the second account has nobody for security."""
    rng = chance(seed, "alternate", index)
    people = [(kind, rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES), rng.randrange(1000)) for kind in TITLES]
    return tuple(
        AlternateContact(
            type=kind,
            name=f"{first} {last}",
            title=TITLES[kind],
            email=f"{kind.lower()}-{index}@{DOMAIN}",
            phone=f"+31 10 5551{number:03}",
        )
        for kind, first, last, number in people
        if (index, kind) != (1, "SECURITY")
    )


def joined(seed: int, index: int, settled: dt.datetime) -> dt.datetime:
    """When the account joined: the management account four years ago, the others since."""
    age = dt.timedelta(days=1461)
    return settled - age if index == 0 else before(chance(seed, "joined", index), settled, age.days)


def opt_status(regions: tuple[str, ...], disabled: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The opt status of each region: the first is one of AWS's defaults, the others were opted into."""
    ours = [(region, "ENABLED" if place else "ENABLED_BY_DEFAULT") for place, region in enumerate(regions)]
    listed = [(region, "DISABLED" if region in disabled else status) for region, status in ours]
    return tuple(sorted(listed + [(region, "DISABLED") for region in OPT_IN_REGIONS if region not in regions]))
