"""Section `account`: who an account is, whom it belongs to, and whom to call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import error_code
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.parts import gathered
from a360_pipeline.sections.shapes import ACCOUNT, at

CONTACT_TYPES = ("billing", "operations", "security")

ACCOUNTS = Table(
    "accounts",
    "One row per account and region, and one per account for its account-wide facts (region `Global`).",
    columns=(
        Column("account_id", Type.TEXT, "The 12-digit account id.", field="@account"),
        Column("account_name", Type.TEXT, unset="None"),
        Column("account_email", Type.TEXT, "The root user's address.", unset="None"),
        Column("account_status", Type.TEXT, "As AWS Organizations has it, such as ACTIVE.", unset="None"),
        Column("account_arn", Type.TEXT, unset="None"),
        Column("partner_name", Type.TEXT, unset="None"),
        Column("customer_name", Type.TEXT, unset="None"),
        Column("joined_method", Type.TEXT, "INVITED or CREATED.", unset="None"),
        Column("joined_timestamp", Type.TIMESTAMPTZ, unset="None"),
        Column("account_type", Type.TEXT, "The environment, such as PRODUCTION.", unset="None"),
        Column("csp", Type.TEXT, "The cloud: AWS."),
        Column("region", Type.TEXT, "Region of the facts, `Global` for account-wide ones.", field="@region"),
        Column("category", Type.TEXT, unset="None"),
    ),
    key=("account_id", "region"),
    frames=True,
    # Who the account is and where the file is from is what its frame says; the rest has tables of its own.
    ignored=("account_id", "region", "product", "contact_info", "alternate_contacts"),
    rows=lambda payload: [{"csp": "AWS", **payload}],
)

CONTACT_INFO = Table(
    "contact_info",
    "The primary contact of an account.",
    columns=(
        ACCOUNT,
        *(
            Column(name, Type.TEXT)
            for name in (
                "address_line1",
                "address_line2",
                "address_line3",
                "city",
                "country_code",
                "postal_code",
                "state_or_region",
                "company_name",
                "phone_number",
                "website_url",
                "full_name",
            )
        ),
    ),
    key=("account_id",),
    rows=at("contact_info"),
)


def _alternate_contacts(payload: Payload) -> Iterator[Row]:
    for contact_type, contact in (payload.get("alternate_contacts") or {}).items():
        if contact:
            yield {"contact_type": contact_type, **contact} if isinstance(contact, Mapping) else contact


ALTERNATE_CONTACTS = Table(
    "alternate_contacts",
    "The billing, operations and security contacts of an account.",
    columns=(
        ACCOUNT,
        Column("contact_type", Type.TEXT, "billing, operations or security."),
        Column("full_name", Type.TEXT, field="name"),
        Column("title", Type.TEXT),
        Column("email", Type.TEXT),
        Column("phone_number", Type.TEXT, field="phone"),
    ),
    key=("account_id", "contact_type"),
    rows=_alternate_contacts,
)


def _products(payload: Payload) -> Iterator[Row]:
    for name in str(payload.get("product") or "").split(","):
        if name.strip() not in ("", "None"):
            yield {"name": name.strip()}


PRODUCTS = Table(
    "products",
    "What accounts are for: products named by accounts, described by people.",
    columns=(
        Column("name", Type.TEXT),
        Column("owner", Type.TEXT, "Set by people, never by a load.", is_loaded=False),
        Column("position", Type.TEXT, "Set by people, never by a load.", is_loaded=False),
        Column("description", Type.TEXT, "Set by people, never by a load.", is_loaded=False),
    ),
    key=("name",),
    kept=Kept.ADDED,
    frames=True,
    rows=_products,
)

PRODUCT_ACCOUNTS = Table(
    "product_accounts",
    "Which products an account serves: a link to every row of the account.",
    columns=(Reference("product_id", "products", on=(("name", "name"),)), ACCOUNT),
    key=("product_id", "account_id"),
    kept=Kept.ADDED,
    frames=True,
    rows=_products,
)


def identity(account: Account) -> dict[str, Any]:
    """The account's attributes in the wire format: they open every snapshot of the account."""
    return {
        "account_id": account.id,
        "account_name": account.name,
        "account_email": account.email,
        "account_status": account.status,
        "account_arn": account.arn,
        "joined_method": account.joined_method,
        "joined_timestamp": account.joined_timestamp and account.joined_timestamp.isoformat(),
        "partner_name": account.partner,
        "customer_name": account.customer,
        "category": account.category,
        "account_type": account.environment,
        "product": account.product,
    }


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Account API GetContactInformation and GetAlternateContact, one per contact type: each a part of its own."""
    questions = [
        ("contact information", partial(_contact_information, aws)),
        *((f"{each} contact", partial(_alternate_contact, aws, each)) for each in CONTACT_TYPES),
    ]
    told = dict(gathered(aws, questions))
    return {
        "contact_info": told.pop(CONTACT_INFO.name, None),
        "alternate_contacts": told,
    }


def _contact_information(aws: AccountSession) -> Iterator[tuple[str, Row]]:
    contact = aws.call("account", "get_contact_information")["ContactInformation"]
    yield (
        CONTACT_INFO.name,
        {
            "address_line1": contact.get("AddressLine1"),
            "address_line2": contact.get("AddressLine2"),
            "address_line3": contact.get("AddressLine3"),
            "city": contact.get("City"),
            "country_code": contact.get("CountryCode"),
            "postal_code": contact.get("PostalCode"),
            "state_or_region": contact.get("StateOrRegion"),
            "company_name": contact.get("CompanyName"),
            "phone_number": contact.get("PhoneNumber"),
            "website_url": contact.get("WebsiteUrl"),
            "full_name": contact.get("FullName"),
        },
    )


def _alternate_contact(aws: AccountSession, contact_type: str) -> Iterator[tuple[str, Row]]:
    """The contact of a type; none where none was entered."""
    try:
        answer = aws.call("account", "get_alternate_contact", AlternateContactType=contact_type.upper())
    except ClientError as error:
        # The API's way of saying that no such contact was entered, which is a fact.
        if error_code(error) == "ResourceNotFoundException":
            return
        raise
    contact = answer["AlternateContact"]
    yield (
        contact_type,
        {
            "name": contact.get("Name"),
            "title": contact.get("Title"),
            "email": contact.get("EmailAddress"),
            "phone": contact.get("PhoneNumber"),
        },
    )


SECTION = Section(
    name="account",
    title="Account and contacts",
    wire="account",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(Operation("account", "GetContactInformation"), Operation("account", "GetAlternateContact")),
    tables=(ACCOUNTS, CONTACT_INFO, ALTERNATE_CONTACTS, PRODUCTS, PRODUCT_ACCOUNTS),
    collect=collect,
    status_field="account",
)
