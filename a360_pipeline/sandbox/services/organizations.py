"""What Organizations answers about the accounts of the organization, and what the Account API says of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, denied
from a360_pipeline.sandbox.facts.model import Account
from a360_pipeline.sandbox.facts.units import unit_of
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

ACCOUNTS = Paging(default=20, most=20, invalid="InvalidInputException")
UNITS = Paging(default=20, most=20, invalid="InvalidInputException")
TAGS = Paging(default=50, most=50, invalid="InvalidInputException")
REGIONS = Paging(default=10, most=50, invalid="ValidationException")
TRUSTED_SERVICES = Paging(default=20, most=20, invalid="InvalidInputException")
TRUSTED = (
    "account.amazonaws.com",
    "compute-optimizer.amazonaws.com",
    "config.amazonaws.com",
    "guardduty.amazonaws.com",
    "health.amazonaws.com",
    "inspector2.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
    "securityhub.amazonaws.com",
)
"""Services that may act in the whole organization."""

CONTACT_MEMBERS = {
    "FullName": "full_name",
    "AddressLine1": "address_line1",
    "AddressLine2": "address_line2",
    "AddressLine3": "address_line3",
    "City": "city",
    "StateOrRegion": "state_or_region",
    "DistrictOrCounty": "district_or_county",
    "PostalCode": "postal_code",
    "CountryCode": "country_code",
    "PhoneNumber": "phone_number",
    "CompanyName": "company_name",
    "WebsiteUrl": "website_url",
}
ALTERNATE_MEMBERS = {
    "Name": "name",
    "Title": "title",
    "EmailAddress": "email",
    "PhoneNumber": "phone",
    "AlternateContactType": "type",
}


def describe_organization(organization: Organization, _caller: Caller, _params: Params) -> dict[str, Any]:
    management = organization.management
    arn = f"arn:aws:organizations::{management.id}:organization/{organization.id}"
    return {
        "Organization": {
            "Id": organization.id,
            "Arn": arn,
            "FeatureSet": "ALL",
            "MasterAccountArn": management.arn,
            "MasterAccountId": management.id,
            "MasterAccountEmail": management.email,
            "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
        }
    }


def list_accounts(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    return _listed(caller, params, [*organization.accounts, *organization.suspended])


def list_accounts_for_parent(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    unit, management = _parent(organization, params), organization.management.id
    everyone = (*organization.accounts, *organization.suspended)
    return _listed(caller, params, [account for account in everyone if unit_of(account, management) == unit])


def list_organizational_units_for_parent(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    units, below = organization.units, organization.units.below(_parent(organization, params))
    page, more = UNITS.page(caller, params, below)
    arn = f"arn:aws:organizations::{organization.management.id}:ou/{organization.id}"
    ids = {name: units.id_of(name) for name in page}
    return {
        "OrganizationalUnits": [{"Id": ids[name], "Arn": f"{arn}/{ids[name]}", "Name": name} for name in page]
    } | more


def _parent(organization: Organization, params: Params) -> str:
    """The name of the root or unit that a listing is about."""
    name = organization.units.names.get(params["ParentId"])
    if name is None:
        raise AwsError("ParentNotFoundException", "You specified parent that doesn't exist.")
    return name


def _listed(caller: Caller, params: Params, accounts: list[Account]) -> dict[str, Any]:
    page, more = ACCOUNTS.page(caller, params, accounts)
    return {"Accounts": [_described(account) for account in page]} | more


def _described(account: Account) -> dict[str, str | dt.datetime]:
    return {
        "Id": account.id,
        "Arn": account.arn,
        "Email": account.email,
        "Name": account.name,
        "Status": account.status,
        "State": account.status,
        "JoinedMethod": account.joined_method,
        "JoinedTimestamp": account.joined_timestamp,
    }


def list_tags_for_resource(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    account = organization.by_id.get(params["ResourceId"])
    if account is None:
        raise AwsError("TargetNotFoundException", f"You specified a target that does not exist: {params['ResourceId']}")
    page, more = TAGS.page(caller, params, account.tags)
    return {"Tags": [{"Key": key, "Value": value} for key, value in page]} | more


def list_aws_service_access_for_organization(
    organization: Organization, caller: Caller, params: Params
) -> dict[str, Any]:
    page, more = TRUSTED_SERVICES.page(caller, params, TRUSTED)
    since = organization.management.joined_timestamp
    return {"EnabledServicePrincipals": [{"ServicePrincipal": one, "DateEnabled": since} for one in page]} | more


def list_regions(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    account = _addressed(organization, caller, params, "account:ListRegions")
    wanted = params.get("RegionOptStatusContains")
    listed = [(region, status) for region, status in account.opt_status if not wanted or status in wanted]
    page, more = REGIONS.page(caller, params, listed)
    return {"Regions": [{"RegionName": region, "RegionOptStatus": status} for region, status in page]} | more


def get_account_information(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    account = _addressed(organization, caller, params, "account:GetAccountInformation")
    return {
        "AccountId": account.id,
        "AccountName": account.name,
        "AccountCreatedDate": account.joined_timestamp,
        "AccountState": account.status,
    }


def get_contact_information(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    account = _addressed(organization, caller, params, "account:GetContactInformation")
    return {"ContactInformation": members(account.contact_info, CONTACT_MEMBERS)}


def get_alternate_contact(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    account = _addressed(organization, caller, params, "account:GetAlternateContact")
    for contact in account.alternate_contacts:
        if contact.type == params["AlternateContactType"]:
            return {"AlternateContact": members(contact, ALTERNATE_MEMBERS)}
    raise AwsError("ResourceNotFoundException", "No contact of the inputted alternate contact type found.", 404)


def _addressed(organization: Organization, caller: Caller, params: Params, action: str) -> Account:
    """The account that a call of the Account API is about: the caller's own unless it names another."""
    wanted = params.get("AccountId", caller.account_id)
    management = organization.management.id
    if "AccountId" not in params or (caller.account_id == management != wanted and wanted in organization.by_id):
        return organization.by_id[wanted]
    because = (
        "(The management account can only be managed using the standalone context from the management account.)"
        if wanted == management
        else "(Your organization must first enable trusted access with AWS Account Management.)"
    )
    raise denied("rest-json", caller.arn, action, because)


ANSWERS = {
    ("organizations", "DescribeOrganization"): describe_organization,
    ("organizations", "ListAccounts"): list_accounts,
    ("organizations", "ListAccountsForParent"): list_accounts_for_parent,
    ("organizations", "ListOrganizationalUnitsForParent"): list_organizational_units_for_parent,
    ("organizations", "ListTagsForResource"): list_tags_for_resource,
    ("organizations", "ListAWSServiceAccessForOrganization"): list_aws_service_access_for_organization,
    ("account", "ListRegions"): list_regions,
    ("account", "GetAccountInformation"): get_account_information,
    ("account", "GetContactInformation"): get_contact_information,
    ("account", "GetAlternateContact"): get_alternate_contact,
}
