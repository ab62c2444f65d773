"""Snapshots as senders in the field write them: any account, region and day, the same for the same seed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from zlib import crc32

from a360_pipeline.snapshot.key import SnapshotKey

Row = dict[str, Any]

FIRST_DAY = dt.date(2026, 3, 1)
REGIONS = ("us-east-1", "eu-west-1")
# Of a hundred rows some two differ from the day before: most of them changed, one in six is another one now.
CHANGED_EVERY = 60
REPLACED_EVERY = 300
# As wide as the field indents its rows; a separator, for json's own indent takes ten times as long.
SEPARATORS = (",\n                    ", ": ")
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "LOW", "MEDIUM")
SERVICES = ("Simple Storage Service", "Elastic Compute Cloud", "DynamoDB", "Key Management Service", "RDS", "Lambda")
REPORTED = (
    *("account", "config", "service", "cost", "security", "inventory", "marketplace", "trusted_advisor", "health"),
    *("application", "resilience_hub", "compute_optimizer", "ri_sp_savings", "service_resources"),
    *("config_inventory", "support_tickets"),
)
LONG = "An instance or principal behaved as it never did before, and nobody has said why. "
RESOURCE = dict.fromkeys(
    (
        *("service_name", "resource_type", "resource_id", "resource_name", "region", "availability_zone", "state"),
        *("instance_type", "vpc_id", "engine", "instance_class", "multi_az", "size_gb", "volume_type"),
        *("creation_date", "type", "scheme", "instance_count", "min_size", "max_size", "available_ip_count"),
    )
)


@dataclass(frozen=True, slots=True)
class Thing:
    """One of a kind on one day: its place in the list, who it is, and how often it changed."""

    number: int
    id: str
    version: int
    changed: str
    """When it last changed."""
    made: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Account number `number`, one region, on day `day` from 1; `scale` multiplies what a region holds."""

    number: int
    region: str
    day: int
    seed: int = 0
    scale: float = 1.0

    @property
    def account(self) -> str:
        return account_id(self.number)

    @property
    def date(self) -> dt.date:
        return FIRST_DAY + dt.timedelta(days=self.day)

    @property
    def path(self) -> str:
        return SnapshotKey(self.account, self.region, self.date).path

    def body(self) -> bytes:
        return json.dumps(self.content(), separators=SEPARATORS).encode()

    def content(self) -> dict[str, Any]:
        """The wire format, v2, with something in every section."""
        period = {"date_from": self._date(-1), "date_to": self._date(0)}
        instances = list(self._things("instance", 45))
        return {
            "account": self._account(),
            "config": self._config(period),
            "service": [self._service(each, period) for each in self._of_account("service", 20)],
            "cost": self._cost(),
            "security": self._security(),
            "inventory": self._inventory(instances),
            "marketplace": [self._marketplace(each) for each in self._of_account("product", 5)],
            "trusted_advisor": [self._check(each) for each in self._of_account("check", 20)],
            "health": [self._event(each) for each in self._of_account("event", 4)],
            "application": [self._application(each) for each in self._things("application", 8)],
            "resilience_hub": [self._resilience(each) for each in self._things("app", 4)],
            "compute_optimizer": [self._recommendation(each) for each in instances],
            "ri_sp_savings": [self._reservation(each, period) for each in self._of_account("reservation", 8)],
            "service_resources": [*map(self._instance_resource, instances), *self._volumes(), *self._buckets()],
            "config_inventory": [
                {**self._instance_resource(each), "service_name": None, "resource_subtype": "Instance"}
                for each in instances
            ],
            "support_tickets": [self._ticket(each, period) for each in self._of_account("ticket", 4)],
            "logs": {f"{name}_status": "Pass" for name in REPORTED} | {"message": [{"sender": "Done in 312 seconds"}]},
        }

    def _things(self, kind: str, count: int, *, per_region: bool = True) -> Iterator[Thing]:
        """What there is of a kind, each with a day of its own on which it changes or gives way to another."""
        place = f"{self.seed}|{self.account}|{self.region if per_region else ''}|{kind}"
        for number in range(round(count * self.scale) if per_region else count):
            phase = crc32(f"{place}|{number}".encode())
            generation, age = divmod(self.day + phase % REPLACED_EVERY, REPLACED_EVERY)
            version, since = divmod(self.day + phase // REPLACED_EVERY % CHANGED_EVERY, CHANGED_EVERY)
            digest = blake2b(f"{place}|{number}|{generation}".encode(), digest_size=16).hexdigest()
            yield Thing(number, digest, version, self._time(-min(age, since) - 1, phase), self._time(-age - 1, phase))

    def _of_account(self, kind: str, count: int) -> Iterator[Thing]:
        """The same in every region's snapshot, as senders in the field have it."""
        return self._things(kind, count, per_region=False)

    def _date(self, days: int) -> str:
        return (self.date + dt.timedelta(days=days)).isoformat()

    def _time(self, days: int, phase: int) -> str:
        return f"{self._date(days)}T{phase % 24:02}:{phase % 60:02}:{phase % 59:02}.{phase % 997:03}000+00:00"

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def _account(self) -> Row:
        return {
            "account_id": self.account,
            "account_name": f"payments-{self.number:03}",
            "account_email": None,
            "account_status": "ACTIVE",
            "account_arn": None,
            "partner_name": "None",
            "customer_name": "Example Corp",
            "category": "Shared",
            "account_type": "PRODUCTION",
            "joined_method": None,
            "joined_timestamp": "2023-03-11T15:06:11.301000+00:00",
            "region": self.region,
            "product": "Data Lake, Payments",
            "contact_info": {
                "address_line1": f"{self.number} Main Street",
                "city": "Seattle",
                "country_code": "US",
                "postal_code": "98198",
                "company_name": "Example Corp",
                "phone_number": "+12065552111",
                "full_name": "Example Corp Cloud Office",
            },
            "alternate_contacts": {
                kind: {"name": f"{kind} team", "title": kind, "email": f"{kind}@example.com", "phone": "+12065550812"}
                for kind in ("billing", "operations", "security")
            },
        }

    def _config(self, period: Row) -> Row:
        broken = [
            {
                "rule_name": f"securityhub-ec2-{each.number % 40}-conformance-pack",
                "resource_id": f"instance-{each.id[:17]}",
                "resource_type": "AWS::EC2::Instance",
                "config_rule_invoked_time": each.changed,
                "conformance_pack": "Operational-Best-Practices-for-CIS" if each.number % 3 else "Standalone",
                "compliance_type": "NON_COMPLIANT",
                "annotation": f"This resource is not compliant: {each.id} {each.version}" if each.number % 2 else None,
                "evaluation_mode": "DETECTIVE",
            }
            for each in self._things("rule", 300)
        ]
        numbers = {"compliance_score": 51.35, "total_rules": 111, "compliant_rules": 57, "non_compliant_rules": 54}
        return {
            **period,
            **numbers,
            "curr_non_compliant": 38,
            "curr_compliant": 4,
            "non_compliant_resources": broken,
        }

    def _service(self, service: Thing, period: Row) -> Row:
        return {
            "service": f"Amazon {SERVICES[service.number % len(SERVICES)]} {service.number}",
            "usage_types": "Aggregated",
            **period,
            "cost": round(crc32(f"{service.id}{self.day}".encode()) / 1e7, 10),
            "currency": "USD",
            "utilization": None,
            "utilization_unit": None,
        }

    def _cost(self) -> Row:
        cost, before = 138.4750864362 + self.day, 137.4750864362 + self.day
        return {
            "account_id": self.account,
            "current_period_cost": cost,
            "previous_period_cost": before,
            "cost_difference": cost - before,
            "cost_difference_percentage": (cost - before) * 100 / before,
            "top_services": [{"service": f"Amazon {name}", "cost": cost / 7} for name in SERVICES[:5]],
            "period": {"start": self._date(-1), "end": self._date(0), "granularity": "DAILY"},
            "forecast": [
                {"period": {"start": self._date(0), "end": self._date(days)}, "amount": cost * days}
                for days in (30, 90)
            ],
        }

    def _security(self) -> dict[str, Any]:
        findings = [self._finding(each) for each in self._things("finding", 300)]
        return {
            "security_hub": [
                {
                    "service": "Security Hub",
                    "total_findings": len(findings),
                    "severity_counts": {},
                    "open_findings": len(findings),
                    "resolved_findings": 0,
                    "findings": findings,
                }
            ],
            "guard_duty": [self._threat(each) for each in self._things("threat", 8)],
            "kms": [self._key(each) for each in self._things("key", 12)],
            "waf": [self._acl(each) for each in self._things("acl", 4)],
            "waf_rules": [self._rule(acl, rule) for acl in self._things("acl", 4) for rule in range(4)],
            "cloudtrail": [self._trail(each) for each in self._things("trail", 2)],
            "secrets_manager": [self._secret(each) for each in self._things("secret", 12)],
            "certificate_manager": [self._certificate(each) for each in self._things("certificate", 8)],
            "inspector": [self._vulnerability(each) for each in self._things("vulnerability", 40)],
        }

    def _finding(self, each: Thing) -> Row:
        control = f"S3.{each.number % 25}"
        repository = self._arn("ecr", f"repository/payments/app/sha256:{each.id}{each.id}")
        return {
            "finding_id": self._arn("securityhub", f"security-control/{control}/finding/{each.id}"),
            "service": "AwsEcrContainerImage",
            "title": f"{control} should be configured for AwsEcrContainerImage",
            "description": f"This check evaluates {control} on {repository}. It fails when the setting is missing.",
            "severity": SEVERITIES[each.number % len(SEVERITIES)],
            "status": "NEW" if each.version % 2 else "NOTIFIED",
            "resource_type": "AwsEcrContainerImage",
            "resource_id": repository,
            "created_at": each.made,
            "updated_at": each.changed,
            "recommendation": "For information on how to correct this issue, consult the Security Hub documentation.",
            "compliance_status": "FAILED",
            "region": self.region,
            "workflow_state": "NEW",
            "record_state": "ACTIVE",
            "product_name": "Security Hub",
            "company_name": "AWS",
            "product_arn": f"arn:aws:securityhub:{self.region}::product/aws/security-hub",
            "generator_id": f"security-control/{control}",
            "generator": "Security Hub",
        }

    def _threat(self, each: Thing) -> Row:
        return {
            "id": f"{self.account}{each.id[:20]}",
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
            "severity": 8 - each.version % 3,
            "title": f"Unusual activity on i-{each.id[:17]}",
            "description": LONG * 2,
            "created_at": each.made,
            "updated_at": each.changed,
            "confidence": None,
            "region": self.region,
        }

    def _key(self, each: Thing) -> Row:
        return {
            "key_id": each.id,
            "arn": self._arn("kms", f"key/{each.id}"),
            "description": "",
            "key_usage": "ENCRYPT_DECRYPT",
            "key_state": "Enabled",
            "creation_date": each.made,
            "enabled": True,
            "key_rotation_enabled": bool(each.version % 2),
        }

    def _acl(self, each: Thing) -> Row:
        return {
            "name": f"payments-{each.number}",
            "id": each.id,
            "arn": self._arn("wafv2", f"regional/webacl/payments-{each.number}/{each.id}"),
            "scope": "REGIONAL",
            "description": "",
            "default_action": {"Allow": {}},
            "rules_count": 4,
            "capacity": 725 + each.version,
            "managed_rules_count": 1,
            "custom_rules_count": 2,
            "rate_limit_rules_count": 1,
            "associated_resources": [],
            "associated_resources_count": 0,
            "logging_enabled": False,
            "log_destinations": [],
            "geo_blocking_enabled": True,
            "blocked_countries": ["KP", "IR"],
            "ip_sets": [],
            "created_date": None,
            "last_modified": None,
            "tags": [],
            "sampled_requests_enabled": True,
            "cloudwatch_metrics_enabled": True,
        }

    def _rule(self, acl: Thing, number: int) -> Row:
        flags = ("rate_limit", "geo_blocking", "sql_injection", "has_xss_protection", "is_custom_rule")
        return {
            "web_acl_name": f"payments-{acl.number}",
            "rule_name": f"rule-{number}",
            "priority": number + acl.version,
            "action": {"None": {}},
            "statement_type": "ManagedRuleGroupStatement",
            "is_managed_rule": True,
            **dict.fromkeys(flags, False),
            **dict.fromkeys(("logging_enabled", "sample_request_enabled", "cloudwatch_enabled", "is_compliant"), True),
            "waf_version": "v2",
            "scope": "REGIONAL",
        }

    def _trail(self, each: Thing) -> Row:
        return {
            "name": f"trail-{each.id[:8]}",
            "arn": self._arn("cloudtrail", f"trail/trail-{each.id[:8]}"),
            "is_logging": bool(each.version % 2),
            "is_multi_region": each.number % 2 == 1,
            "include_global_events": True,
            "s3_bucket": f"trail-{self.account}",
            "kms_key_id": None,
            "log_file_validation": True,
            "recent_events_count": 0,
            "latest_delivery_time": self._time(-1, each.number),
            "start_logging_time": each.made,
            "stop_logging_time": None,
        }

    def _secret(self, each: Thing) -> Row:
        return {
            "name": f"payments/db-{each.id[:8]}",
            "arn": self._arn("secretsmanager", f"secret:payments/db-{each.id}"),
            "description": None,
            "created_date": each.made,
            "last_changed_date": each.changed,
            "last_accessed_date": self._time(-2, 0),
            "rotation_enabled": True,
            "rotation_lambda_arn": None,
            "kms_key_id": None,
            "tags": [{"Key": "team", "Value": "payments"}],
        }

    def _certificate(self, each: Thing) -> Row:
        return {
            "arn": self._arn("acm", f"certificate/{each.id}"),
            "domain_name": "payments.example.com",
            "subject_alternative_names": ["payments.example.com"],
            "status": "ISSUED",
            "type": "AMAZON_ISSUED",
            "key_algorithm": "RSA-2048",
            "signature_algorithm": "SHA256WITHRSA",
            "created_at": each.made,
            "issued_at": each.made,
            "not_before": each.made,
            "not_after": "2028-12-26T23:53:00.109000+00:00",
            "renewal_eligibility": "ELIGIBLE" if each.version % 2 else "INELIGIBLE",
            "key_usages": [{"Name": "DIGITAL_SIGNATURE"}],
            "extended_key_usages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}],
        }

    def _vulnerability(self, each: Thing) -> Row:
        return {
            "finding_arn": self._arn("inspector2", f"finding/{each.id}"),
            "severity": SEVERITIES[(each.number + each.version) % len(SEVERITIES)],
            "status": "ACTIVE",
            "type": "PACKAGE_VULNERABILITY",
            "title": f"CVE-2025-{each.number} - mariadb-libs",
            "description": LONG * 3,
            "first_observed_at": each.made,
            "last_observed_at": each.changed,
            "updated_at": each.changed,
        }

    def _inventory(self, instances: list[Thing]) -> dict[str, list[Row]]:
        on = [f"i-{each.id[:17]}" for each in instances]
        count = max(1, round(45 * self.scale))
        rows: dict[str, list[Row]] = {
            "instances": [self._instance(each) for each in instances],
            "applications": [self._package(on[each.number % count], each) for each in self._things("package", 20 * 45)],
            "patches": [self._patch(on[each.number % count], each) for each in self._things("patch", 6 * 45)],
        }
        return rows | {name: [] for name in ("services", "users", "processes", "network_ports", "certificates")}

    def _instance(self, each: Thing) -> Row:
        pinged = self._time(0, each.number)
        return {
            "instance_id": f"i-{each.id[:17]}",
            "platform": "Amazon Linux",
            "platform_type": "Linux",
            "platform_version": "2023",
            "agent_version": f"3.3.{1324 + each.version}.0",
            "is_latest_version": False,
            "last_ping": pinged,
            "computer_name": f"ip-10-0-232-{each.number}.ec2.internal",
            "instance_type": "EC2Instance",
            "ip_address": f"10.0.49.{each.number}",
            "ping_status": "Online",
            "last_ping_date_time": pinged,
            "association_status": "Success",
            "association_execution_date": pinged,
            "association_success_date": pinged,
        }

    def _package(self, instance: str, each: Thing) -> Row:
        return {
            "instance_id": instance,
            "name": f"package-{each.number}",
            "version": f"2.29.{int(each.id[:3], 16)}-20.amzn2023",
            "publisher": "Amazon Linux",
            "architecture": "x86_64",
            "application_type": "System Environment/Base",
            "install_time": each.changed,
        }

    def _patch(self, instance: str, each: Thing) -> Row:
        return {
            "instance_id": instance,
            "title": f"nfs-utils.x86_64:0:{each.number}.{each.id[:6]}-1.amzn2023",
            "classification": "Security",
            "severity": "Critical",
            "state": "Installed" if each.version % 2 else "Missing",
            "installed_time": each.changed,
        }

    def _marketplace(self, each: Thing) -> Row:
        return {
            "product_code": None,
            "product_name": f"Product {each.number}",
            "cost_consumed": 12.5 + each.number + self.day,
            "currency": "USD",
            "period_start": self._date(-1),
            "period_end": self._date(0),
            "status": "Active",
            "daily_costs": [{"date": self._date(-1), "cost": 12.5 + each.number + self.day}],
        }

    def _check(self, each: Thing) -> Row:
        return {
            "check_name": f"Low Utilization Amazon EC2 Instances {each.number}",
            "category": "cost_optimizing",
            "severity": "error" if each.version % 2 else "warning",
            "recommendation": "Checks the configuration and recommends a change. " * 4,
            "affected_resources_count": 10 + each.version,
            "potential_savings": None,
            "timestamp": self._time(-1, each.number),
        }

    def _event(self, each: Thing) -> Row:
        return {
            "arn": f"arn:aws:health:us-east-1::event/LAMBDA/AWS_LAMBDA_MAINTENANCE/{each.id}",
            "service": "LAMBDA",
            "event_type_code": "AWS_LAMBDA_MAINTENANCE_SCHEDULED",
            "event_type_category": "scheduledChange",
            "region": "us-east-1",
            "availability_zone": None,
            "start_time": each.made,
            "end_time": None,
            "last_updated_time": each.changed,
            "status_code": "open",
            "event_scope_code": "ACCOUNT_SPECIFIC",
        }

    def _application(self, each: Thing) -> Row:
        return {
            "service_name": f"payments-{each.id[:8]}",
            "namespace": "ApplicationSignals",
            "key_attributes": {"Name": f"payments-{each.id[:8]}", "Type": "Service", "Environment": "eks:prod"},
            "attribute_map": {"Version": str(each.version)},
            "metric_references": [],
        }

    def _resilience(self, each: Thing) -> Row:
        return {
            "app_arn": self._arn("resiliencehub", f"app/{each.id}"),
            "name": "payments",
            "description": None,
            "creation_time": each.made,
            "last_assessment_time": each.changed,
            "compliance_status": "PolicyBreached",
            "resiliency_score": 0.42,
            "status": "Active",
            "rpo": 3600,
            "rto": 7200,
            "last_drill": None,
            "cost": None,
        }

    def _recommendation(self, each: Thing) -> Row:
        unknown = ("current_memory_size", "current_volume_type", "current_volume_size", "recommended_memory_size")
        return {
            "account_id": self.account,
            "resource_type": "EC2",
            "resource_arn": self._arn("ec2", f"instance/i-{each.id[:17]}"),
            "resource_name": f"payments-{each.number}",
            "finding": "Overprovisioned",
            "current_instance_type": "m5.xlarge",
            "recommended_instance_type": "m6g.large",
            **dict.fromkeys((*unknown, "recommended_volume_type", "recommended_volume_size", "migration_effort")),
            "savings_opportunity_percentage": 39.14,
            "estimated_monthly_savings_usd": 245.9949 + each.version,
            "performance_risk": 4.0,
            "cpu_utilization_max": 0,
            "memory_utilization_avg": 0,
        }

    def _reservation(self, each: Thing, period: Row) -> Row:
        return {
            "service": "Amazon EC2",
            "instance_type": "m5.large",
            "instance_count": 2,
            "instance_tenancy": "default",
            "offering_class": "standard",
            "offering_type": "Partial Upfront",
            "product_types": "Linux/UNIX",
            "region": "Region",
            "currency": "USD",
            "commitment": 23.36,
            "upfront_cost": 250.0,
            "recurring_cost": 0.032,
            "recurring_frequency": "Hourly",
            "usage_price": 0.0,
            "start_date": "2025-08-13T18:11:45.472000+00:00",
            "end_date": "2026-08-13T12:51:53.023000+00:00",
            "duration_seconds": 31536000,
            "state": "active",
            "description": "2x m5.large Linux/UNIX",
            **period,
            "reservation_type": "Reserved Instance",
            "subscription_id": each.id,
            "utilization_percentage": self.day % 100,
            "on_demand_cost": 0,
            "reservation_cost": 0,
            "net_savings": 0,
        }

    def _instance_resource(self, each: Thing) -> Row:
        return RESOURCE | {
            "service_name": "EC2",
            "resource_type": "Instance",
            "resource_id": f"i-{each.id[:17]}",
            "resource_name": f"payments-{each.number}",
            "region": self.region,
            "availability_zone": f"{self.region}a",
            "state": "running" if each.version % 2 else "stopped",
            "instance_type": "c7g.xlarge",
            "vpc_id": "vpc-74d55177233e581d1",
        }

    def _volumes(self) -> Iterator[Row]:
        for each in self._things("volume", 130):
            yield RESOURCE | {
                "service_name": "EBS",
                "resource_type": "Volume",
                "resource_id": f"vol-{each.id[:17]}",
                "resource_name": "",
                "region": self.region,
                "availability_zone": f"{self.region}a",
                "state": "in-use",
                "size_gb": 8 + each.version,
                "volume_type": "gp3",
            }

    def _buckets(self) -> Iterator[Row]:
        """The account's, which every region's sender lists and labels with its own region."""
        for each in self._of_account("bucket", 16):
            name = f"payments-{self.account}-{each.id[:6]}"
            yield RESOURCE | {
                "service_name": "S3",
                "resource_type": "Bucket",
                "resource_id": name,
                "resource_name": name,
                "region": self.region,
                "state": "Active",
                "creation_date": each.made,
            }

    def _ticket(self, each: Thing, period: Row) -> Row:
        return {
            "case_id": f"case-{self.account}-muen-2026-{each.id}",
            "display_id": str(crc32(each.id.encode())),
            "subject": "RDS failover took longer than expected",
            "status": "opened" if each.version % 2 else "resolved",
            "severity_code": "normal",
            "service_code": "amazon-relational-database-service-postgresql",
            "category_code": "general-guidance",
            "time_created": each.made,
            "submitted_by": "ops@payments.example.com",
            "language": "en",
            **period,
        }


def account_id(number: int) -> str:
    return f"{100_000_000_000 + number}"


def snapshots(accounts: int, day: int, seed: int = 0) -> Iterator[Snapshot]:
    """A day's snapshots of accounts 0 and up, in both regions."""
    return (Snapshot(number, region, day, seed) for number in range(accounts) for region in REGIONS)
