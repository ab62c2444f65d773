"""What collecting must be allowed to do: the IAM policies of the member role and of the hub, from the sections."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from a360_pipeline.sections.model import Operation, Scope
from a360_pipeline.sections.registry import SECTIONS

Policy = dict[str, Any]

ASSUME_ROLE = "sts:AssumeRole"
OF_MEMBERS = (Operation("account", "ListRegions"),)
"""What the member role is asked besides: whether a region that does not know its credentials is still enabled."""
OF_THE_HUB = (
    Operation("account", "ListRegions"),
    Operation("organizations", "DescribeOrganization"),
    Operation("organizations", "ListAccounts"),
    Operation("organizations", "ListAccountsForParent"),
    Operation("organizations", "ListOrganizationalUnitsForParent"),
    Operation("organizations", "ListTagsForResource"),
)
"""What the hub asks besides: which accounts there are, and which of them are in the units that settings name."""


def member_operations() -> tuple[Operation, ...]:
    """All that is asked through the member role, in ordinary accounts and in those that answer for others.

    The same role stands in every account, so that any of them can be made an administrator.
    """
    asked = (s.operations for s in SECTIONS.values() if s.is_collected and s.scope is not Scope.ORGANIZATION)
    return (*OF_MEMBERS, *(operation for operations in asked for operation in operations))


def hub_operations() -> tuple[Operation, ...]:
    """All that the hub asks in its own name, but for the roles that it assumes."""
    asked = (s.operations for s in SECTIONS.values() if s.is_collected and s.scope is Scope.ORGANIZATION)
    return (*OF_THE_HUB, *(operation for operations in asked for operation in operations))


def member_policy() -> Policy:
    """What the member role may do, in every account."""
    return of(allowing(_actions(member_operations())))


def hub_policy(member_role: str, partition: str = "aws") -> Policy:
    """What collecting takes in the hub; its bucket and its database are matters of the hub's own stack."""
    role = allow([ASSUME_ROLE], resource=f"arn:{partition}:iam::*:role/{member_role}")
    return of([*allowing(_actions(hub_operations())), {"Sid": "MemberRole", **role}])


def allowing(actions: Iterable[str]) -> list[Policy]:
    """A statement for each service, the actions of each sorted."""
    ordered = sorted(set(actions))
    return [{"Sid": _sid(service), **allow(list(those))} for service, those in groupby(ordered, _service)]


def allow(actions: Iterable[str], resource: str = "*") -> Policy:
    """A statement. Listings know no resource but `*`: granted on the ARNs of keys, kms:ListKeys permits nothing."""
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}


def to_text(policy: Policy) -> str:
    """The policy as a file has it: the same policy, the same text."""
    return json.dumps(policy, indent=2) + "\n"


def of(statements: list[Policy]) -> Policy:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": statements}


def _actions(operations: Iterable[Operation]) -> set[str]:
    return {action for operation in operations for action in operation.actions}


def _service(action: str) -> str:
    return action.partition(":")[0]


def _sid(service: str) -> str:
    # IAM takes letters and digits alone.
    return "".join(word.capitalize() for word in service.split("-"))
