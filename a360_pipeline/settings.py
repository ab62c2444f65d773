"""Every setting of the product: its name, type, default and meaning."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PostgresDsn, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

SANDBOX_SETTINGS_FILE = "settings.json"
UNIT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}")
"""Ids of roots and organizational units, as AWS Organizations makes them."""


class Profile(StrEnum):
    """Where the product runs: on a laptop's sandbox, or in AWS."""

    LOCAL = "local"
    AWS = "aws"


class SettingsError(ValueError):
    """A setting is wrong. The message names each one, its value (never a secret) and what is allowed."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What sections may read of the settings: what to ask AWS for beyond the usual."""

    forecast_accounts: int = 0
    seller_product_codes: tuple[str, ...] = ()


ATTRIBUTES = ("customer", "partner", "product", "category", "environment")
"""What an organization says of its accounts, by tags or in a file."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which accounts of the organization are collected, and which tags hold their attributes."""

    include_ous: tuple[str, ...] = ()
    exclude_ous: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    attribute_tags: dict[str, str] = field(default_factory=lambda: {name: name for name in ATTRIBUTES})

    @property
    def said(self) -> str:
        """The settings that select, as a person has set them."""
        tags = ",".join(f"{key}={value}" for key, value in self.tags.items())
        chosen = {
            "A360_INCLUDE_OUS": ",".join(self.include_ous),
            "A360_EXCLUDE_OUS": ",".join(self.exclude_ous),
            "A360_ACCOUNT_TAGS": tags,
        }
        return ", ".join(f"{name} is {value}" for name, value in chosen.items() if value) or "all are at rest"


class Settings(BaseSettings):
    """Read from `A360_*` environment variables; in the local profile also from the running sandbox."""

    model_config = SettingsConfigDict(env_prefix="A360_", frozen=True, extra="ignore")

    profile: Profile = Field(Profile.LOCAL, description="`local` works on the sandbox, `aws` on AWS itself.")
    home: Path = Field(Path(".a360"), description="Folder of the sandbox and of Dagster's local state.")

    bucket: str = Field("a360-snapshots", min_length=3, description="Bucket that holds the snapshots.")
    data_prefix: str = Field("data/", description="Prefix under which snapshots arrive.")
    loaded_prefix: str = Field("loaded/", description="Prefix to which loaded snapshots move.")
    quarantine_prefix: str = Field("quarantine/", description="Prefix for objects that are no snapshots.")
    kms_key_id: str | None = Field(None, description="KMS key that encrypts snapshots; without it S3's own.")

    database_url: SecretStr | None = Field(None, description="`postgresql://` URL of the warehouse.")
    database_secret_arn: str | None = Field(
        None,
        pattern=r"^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:.+$",
        description="Secrets Manager secret with user and password of the warehouse, in place of those in the URL.",
    )
    database_iam: bool = Field(
        False, description="Whether IAM signs in to the warehouse: a token in place of a password, over TLS alone."
    )
    cluster_arn: str | None = Field(
        None,
        pattern=r"^arn:[\w-]+:rds:[\w-]+:\d{12}:cluster:.+$",
        description="Aurora cluster to reach through the RDS Data API, with `database_secret_arn`, not by network.",
    )
    database_name: str = Field("a360", min_length=1, description="The warehouse's database in `cluster_arn`.")
    dagster_database_url: SecretStr | None = Field(
        None, description="`postgresql://` URL of Dagster's own storage, a database apart from the warehouse."
    )

    home_region: str = Field("us-east-1", description="Region of the hub: bucket, organization, billing.")
    endpoint_url: str | None = Field(None, description="Address that answers for AWS; only the sandbox sets it.")
    access_key_id: str | None = Field(None, description="Key of the hub; unset: boto3's own credential chain.")
    secret_access_key: SecretStr | None = Field(None, description="Secret of `access_key_id`.")
    member_role: str = Field("a360-member", description="Name of the role to assume in every account.")
    external_id: SecretStr | None = Field(None, description="External id that the member role asks for.")
    regions: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Regions to collect, comma-separated; empty: all that an account has enabled."
    )
    include_ous: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Organizational units or roots, comma-separated, to collect with all below; empty: all."
    )
    exclude_ous: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Organizational units, comma-separated, to leave out with all below, even of included ones."
    )
    account_tags: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="Tags that accounts must have to be collected, all of them, as `key=value`, comma-separated."
    )
    accounts_file: Path | None = Field(
        None, description="TOML or JSON file of the accounts to collect, in place of AWS Organizations."
    )
    customer_tag: str = Field("customer", min_length=1, description="Tag of an account that names its customer.")
    partner_tag: str = Field("partner", min_length=1, description="Tag of an account that names its partner.")
    product_tag: str = Field("product", min_length=1, description="Tag of an account that names its products.")
    category_tag: str = Field("category", min_length=1, description="Tag of an account that names its category.")
    environment_tag: str = Field(
        "environment", min_length=1, description="Tag of an account that names its environment, such as production."
    )
    max_attempts: int = Field(10, ge=1, le=50, description="Attempts of one AWS call, the first included.")
    collect_threads: int = Field(12, ge=1, le=200, description="Account-regions collected at once.")
    accounts_per_run: int = Field(50, ge=1, le=1000, description="Accounts of one collecting run.")
    administrators: Annotated[dict[str, str], NoDecode] = Field(
        {},
        description="Accounts that answer for all others, as `section=account_id`, comma-separated; "
        "such as a delegated administrator of a security service.",
    )
    daily_paid_usd: Decimal = Field(
        Decimal("1.00"),
        ge=0,
        description="Most dollars a day for calls that AWS bills by request; 0: no such call is made.",
    )
    forecast_accounts: int = Field(
        0, ge=0, le=1000, description="Accounts, those that cost most, to forecast one by one; each is a paid request."
    )
    seller_product_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Product codes, comma-separated, of what the hub's account sells on AWS Marketplace."
    )
    accepted_gaps: Path | None = Field(None, description="TOML file of the gaps that are accepted.")

    inventory_bucket: str = Field(
        "a360-inventory", min_length=3, description="Bucket of consolidated inventories, query results and roll-ups."
    )
    inventory_prefix: str = Field("inventory/", description="Prefix under which consolidated inventories lie.")
    harvest_role: str = Field(
        "a360-harvest", description="Name of the role that configures inventories in every account."
    )
    glue_database: str = Field(
        "a360_inventory", pattern=r"^[a-z_][a-z0-9_]{0,127}$", description="Glue database of the inventory's table."
    )
    glue_table: str = Field("objects", pattern=r"^[a-z_][a-z0-9_]{0,127}$", description="The inventory's table.")
    athena_workgroup: str = Field("a360", min_length=1, description="Athena workgroup that queries run in.")
    query_usd: Decimal = Field(
        Decimal("5.00"), ge=0, description="Most dollars that the analysis queries of one harvest may cost."
    )
    listed_objects: int = Field(
        1000, ge=0, le=100_000, description="Buckets of no more objects are listed, not inventoried; 0: none is."
    )
    steps_dry_run: bool = Field(
        True, description="Whether steps that follow an analysis only say what they would change."
    )
    mail_sender: str | None = Field(None, description="Address that reports are sent from, an identity of SES.")
    mail_recipients: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses that reports are sent to, comma-separated; none: no mail is sent."
    )

    partition_days: int = Field(
        365, ge=2, le=3660, description="Days that Dagster shows; keep accounts times days under 100,000."
    )

    load_batch_files: int = Field(50, ge=1, le=1000, description="Most snapshots in one transaction.")
    load_batch_bytes: int = Field(
        32_000_000, ge=1, description="Most bytes of snapshots in one transaction; a larger one goes alone."
    )
    load_run_files: int = Field(2000, ge=1, le=10_000, description="Most snapshots in one load run.")

    @field_validator("regions", "seller_product_codes", "include_ous", "exclude_ous", "mail_recipients", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("administrators", "account_tags", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        keys = [key.strip() for key, *_ in pairs]
        if len(set(keys)) < len(keys):
            raise ValueError("each key may stand once")
        return {key.strip(): given.strip() for key, _, given in pairs}

    @field_validator("administrators")
    @classmethod
    def _are_accounts(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(section and re.fullmatch(r"\d{12}", account_id) for section, account_id in value.items()):
            raise ValueError("section=account_id pairs are expected, an account id having 12 digits")
        return value

    @field_validator("account_tags")
    @classmethod
    def _are_tags(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(key and given for key, given in value.items()):
            raise ValueError("key=value pairs are expected, neither of them empty")
        return value

    @field_validator("include_ous", "exclude_ous")
    @classmethod
    def _are_units(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(UNIT.fullmatch(unit) for unit in value):
            raise ValueError("ids of organizational units or roots are expected, such as ou-ab12-cdef3456 or r-ab12")
        return value

    @field_validator("data_prefix", "loaded_prefix", "quarantine_prefix", "inventory_prefix")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if not value.endswith("/") or value.startswith("/"):
            raise ValueError("a prefix ends with / and does not start with it")
        return value

    @field_validator("database_url", "dagster_database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # Its own message would show the secret.
        with suppress(ValidationError):
            if value is None or PostgresDsn(value.get_secret_value()).scheme in ("postgresql", "postgres"):
                return value
        raise ValueError("postgresql://user:password@host:port/database is expected")

    @model_validator(mode="after")
    def _prefixes_apart(self) -> Settings:
        prefixes = (self.data_prefix, self.loaded_prefix, self.quarantine_prefix)
        if any(a.startswith(b) for i, a in enumerate(prefixes) for j, b in enumerate(prefixes) if i != j):
            raise ValueError("data_prefix, loaded_prefix and quarantine_prefix must not contain one another")
        return self

    @model_validator(mode="after")
    def _selects_one_way(self) -> Settings:
        if self.accounts_file and (self.include_ous or self.exclude_ous or self.account_tags):
            raise ValueError(
                "A360_ACCOUNTS_FILE goes without A360_INCLUDE_OUS, A360_EXCLUDE_OUS and A360_ACCOUNT_TAGS: "
                "it names the accounts itself"
            )
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Settings:
        if self.database_iam and (self.database_secret_arn or self.cluster_arn):
            raise ValueError("A360_DATABASE_IAM goes without A360_DATABASE_SECRET_ARN and A360_CLUSTER_ARN: unset them")
        if self.cluster_arn and not self.database_secret_arn:
            raise ValueError("A360_CLUSTER_ARN needs A360_DATABASE_SECRET_ARN: the Data API takes no other credentials")
        return self

    @property
    def choices(self) -> Choices:
        return Choices(self.forecast_accounts, self.seller_product_codes)

    @property
    def selection(self) -> Selection:
        names = {name: str(getattr(self, f"{name}_tag")) for name in ATTRIBUTES}
        return Selection(self.include_ous, self.exclude_ous, self.account_tags, names)

    @property
    def sandbox_directory(self) -> Path:
        return self.home / "sandbox"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before what the running sandbox says of itself."""
        said = env_settings() | init_settings()
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if said.get("profile", Profile.LOCAL) != Profile.LOCAL:
            return sources
        home = Path(said.get("home", cls.model_fields["home"].default))
        sandbox = home / "sandbox" / SANDBOX_SETTINGS_FILE
        try:
            return (*sources, JsonConfigSettingsSource(settings_cls, json_file=sandbox))
        except (OSError, TypeError, ValueError) as error:
            raise SettingsError(f"{sandbox}, which the sandbox wrote, holds no settings: {error}") from None


def load_settings(**overrides: Any) -> Settings:
    """The settings in force. Raises SettingsError, which a person can act on."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None


def _explain(problem: Any) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    expected: str = problem["msg"].removeprefix("Value error, ")
    if name not in Settings.model_fields:
        return expected
    field = Settings.model_fields[name]
    shown = "(hidden)" if "SecretStr" in str(field.annotation) else repr(problem["input"])
    return f"A360_{name.upper()} is {shown}: {expected}. {field.description}"


def settings_table() -> str:
    """The table of docs/settings.md: every setting, its environment variable, default and meaning."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, setting in Settings.model_fields.items():
        default = ",".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        lines.append(
            f"| `A360_{name.upper()}` | {'' if default in (None, '', {}) else f'`{default}`'} | {setting.description} |"
        )
    return "\n".join(lines) + "\n"
