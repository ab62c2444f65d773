"""One CloudFormation stack of a harvest: looked at until it rests, made, changed where it differs, removed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code, error_message
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.template import TAG, Template

IN_PROGRESS = "_IN_PROGRESS"
NOT_STARTED = "REVIEW_IN_PROGRESS"
"""Somebody made a change set and no stack: it would rest like this for ever."""
GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
CHANGEABLE = GOOD | {"UPDATE_ROLLBACK_COMPLETE"}
"""Any other stack at rest can only be removed."""
STARTS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
NO_UPDATES = "No updates are to be performed"


class StackFailed(RuntimeError):
    """CloudFormation did not do what it was asked. The message has its reason."""


class StackOfAnother(RuntimeError):
    """A stack of this name is there that the harvest did not make. It is left alone."""


class StillWorking(RuntimeError):
    """CloudFormation is not done yet. What was asked can be asked again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often CloudFormation is looked at, and for how long, in seconds."""

    pause: float = 5.0
    seconds: float = 900.0
    sleep: Callable[[float], None] = time.sleep


PACE = Pace()


class Stack:
    """A stack of a harvest by its name, in the account and region of the session."""

    def __init__(self, session: AccountSession, name: str, harvest_id: str, pace: Pace = PACE) -> None:
        self._session = session
        self._name = name
        self._harvest_id = harvest_id
        self._pace = pace

    def status(self) -> str | None:
        """How it stands once it rests; None where there is none. CloudFormation DescribeStacks.

        Raises StackOfAnother, StillWorking and ClientError.
        """
        left = self._pace.seconds
        while True:
            found = self._look()
            if found is None:
                return None
            status: str = found["StackStatus"]
            if not status.endswith(IN_PROGRESS) or status == NOT_STARTED:
                return status
            if left <= 0:
                raise StillWorking(f"stack {self._name} is still {status}: look again later")
            self._pace.sleep(self._pace.pause)
            left -= self._pace.pause

    def make(self, template: Template) -> None:
        """CreateStack, and to its end. Raises StackFailed besides what `status` does."""
        try:
            self._call("create_stack", **self._wanted(template), OnFailure="ROLLBACK")
        except ClientError as error:
            # Another worker was quicker, and makes the same.
            if error_code(error) != "AlreadyExistsException":
                raise
        self._expect(GOOD)

    def change(self, template: Template) -> bool:
        """UpdateStack where the template differs, and to its end; returns whether it did. Raises as `make`."""
        held = self._call("get_template")["TemplateBody"]
        if (json.loads(held) if isinstance(held, str) else held) == template:
            return False
        try:
            self._call("update_stack", **self._wanted(template))
        except ClientError as error:
            if NO_UPDATES in error_message(error):
                return False
            raise
        self._expect(GOOD)
        return True

    def remove(self) -> None:
        """DeleteStack, and to its end. Raises as `make`."""
        self._call("delete_stack")
        self._expect(frozenset())

    def _expect(self, wanted: frozenset[str]) -> None:
        status = self.status()
        if status not in wanted and (wanted or status is not None):
            raise StackFailed(f"stack {self._name} is {status or 'gone'}: {self._reason() if status else 'look again'}")

    def _look(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._call("describe_stacks")["Stacks"][0]
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
                return None
            raise
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
        if tags.get(TAG) != self._harvest_id:
            raise StackOfAnother(
                f"a stack {self._name} is there without the tag {TAG}={self._harvest_id}: it is somebody else's and is "
                "left alone; rename or remove it, or choose another run_id"
            )
        return found

    def _reason(self) -> str:
        """The first failure since the last thing that was asked of the stack."""
        reasons: list[str] = []
        for event in self._session.pages(
            "cloudformation", "describe_stack_events", "StackEvents", StackName=self._name
        ):
            status = event.get("ResourceStatus", "")
            if status in STARTS and event.get("LogicalResourceId") == self._name:
                break
            if status.endswith("FAILED") and event.get("ResourceStatusReason"):
                reasons.append(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}")
        return reasons[-1] if reasons else "its events say no reason"

    def _wanted(self, template: Template) -> dict[str, Any]:
        return {"TemplateBody": json.dumps(template), "Tags": [{"Key": TAG, "Value": self._harvest_id}]}

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._session.call("cloudformation", method, StackName=self._name, **parameters)
