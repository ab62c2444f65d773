"""CreateStack, UpdateStack and DeleteStack: on moto's stacks, with the ends that AWS gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation.models import Event, Stack, cloudformation_backends
from moto.cloudformation.parsing import OutputMap, clean_json
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.exceptions import ServiceException

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.faults import Faults
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.stacks import resources

CHANGEABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
REASONS = (resources.NotMade, ServiceException, ValueError, KeyError)
"""What stops a stack or a resource of it: told in the stack's events, not to whoever asked."""
Params = Mapping[str, Any]
Answer = Callable[[Organization, Caller, Params], dict[str, Any]]


class Stacks:
    """The stacks of all accounts; in which regions they fail, the faults say."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    @property
    def answers(self) -> Mapping[tuple[str, str], Answer]:
        return {
            ("cloudformation", "CreateStack"): self.create,
            ("cloudformation", "UpdateStack"): update,
            ("cloudformation", "DeleteStack"): delete,
        }

    def create(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        """A stack that cannot be made is rolled back: its name stays taken, and its events say why."""
        name, backend = params["StackName"], cloudformation_backends[caller.account_id][caller.region]
        if _found(caller, name) is not None:
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
        reason = self._faults.stack_failure(caller.region)
        try:
            made = backend.create_stack(
                name=name,
                template=_template(caller, params),
                parameters={each["ParameterKey"]: each["ParameterValue"] for each in params.get("Parameters", ())},
                notification_arns=params.get("NotificationARNs", []),
                tags=_tags(params),
                role_arn=params.get("RoleARN"),
            )
        except REASONS as error:
            begun = _found(caller, name)
            if begun is None:
                raise AwsError("ValidationError", _said(error)) from error
            made, reason = begun, reason or _said(error)
        if reason is None:
            _tag(made)
        else:
            _roll_back(made, reason)
        return {"StackId": made.stack_id}


def update(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    stack = _found(caller, params["StackName"])
    if stack is None:
        raise AwsError("ValidationError", f"Stack [{params['StackName']}] does not exist")
    if stack.status not in CHANGEABLE:
        problem = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        raise AwsError("ValidationError", problem)
    template = stack.template if params.get("UsePreviousTemplate") else _template(caller, params)
    tags = _tags(params) if "Tags" in params else None
    given = {
        each["ParameterKey"]: stack.parameters.get(each["ParameterKey"])
        if each.get("UsePreviousValue")
        else each["ParameterValue"]
        for each in params.get("Parameters", ())
    }
    # moto forgets what it compared the template with.
    if stack.has_template(str(template)) and given.items() <= stack.parameters.items() and tags in (None, stack.tags):
        raise AwsError("ValidationError", "No updates are to be performed.")
    try:
        stack.update(str(template), params.get("RoleARN"), stack.parameters | given, tags)
    except REASONS as error:
        _fail(stack, next(iter(stack.template_dict["Resources"])), "UPDATE_FAILED", _said(error))
        _end(stack, "UPDATE_ROLLBACK_COMPLETE")
        return {"StackId": stack.stack_id}
    _tag(stack)
    return {"StackId": stack.stack_id}


def delete(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    """What can be removed is; a stack of which something is left stays, as DELETE_FAILED, and says why."""
    backend, stack = cloudformation_backends[caller.account_id][caller.region], _found(caller, params["StackName"])
    if stack is None:
        return {}
    held = stack.resource_map
    for name in params.get("RetainResources", ()):
        held._resource_json_map.pop(name, None)
    stack._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
    exports = [export.name for export in stack.exports] if stack.status != "DELETE_FAILED" else []
    try:
        held.delete()
    except REASONS as error:
        left = [name for name in held._resource_json_map if name in held._parsed_resources]
        for name in left:
            _fail(stack, name, "DELETE_FAILED", _said(error))
        _forget(stack, {name: held._resource_json_map[name] for name in left})
        _end(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
        return {}
    _forget(stack, {})
    _end(stack, "DELETE_COMPLETE")
    for name in exports:
        backend.exports.pop(name, None)
    backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
    return {}


def _found(caller: Caller, name: str) -> Stack | None:
    stacks = cloudformation_backends[caller.account_id][caller.region].stacks.values()
    return next((stack for stack in stacks if name in (stack.name, stack.stack_id)), None)


def _template(caller: Caller, params: Params) -> str:
    if "TemplateURL" in params:
        return get_stack_from_s3_url(params["TemplateURL"], caller.account_id, PARTITION)
    if "TemplateBody" not in params:
        raise AwsError("ValidationError", "Either Template URL or Template Body must be specified.")
    return str(params["TemplateBody"])


def _tags(params: Params) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}


def _tag(stack: Stack) -> None:
    """Gives the stack's tags to all that it made, beside each one's own."""
    held = stack.resource_map
    for name, described in held._resource_json_map.items():
        if name in held._parsed_resources:
            own = clean_json(described.get("Properties", {}).get("Tags", []), held)
            named = {
                "aws:cloudformation:stack-name": stack.name,
                "aws:cloudformation:stack-id": stack.stack_id,
                "aws:cloudformation:logical-id": name,
            }
            tags = stack.tags | {tag["Key"]: tag["Value"] for tag in own} | named
            resources.tag(held._parsed_resources[name], stack.account_id, tags)


def _roll_back(stack: Stack, reason: str) -> None:
    names = list(stack.resource_map._resource_json_map)
    failed = next((name for name in names if name not in stack.resource_map._parsed_resources), names[-1])
    # moto said so before anybody asked whether it was to fail.
    stack.events = [event for event in stack.events if event.resource_status != "CREATE_COMPLETE"]
    _fail(stack, failed, "CREATE_FAILED", reason)
    because = f"The following resource(s) failed to create: [{failed}]. Rollback requested by user."
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", resource_status_reason=because)
    stack.resource_map.delete()
    _forget(stack, {})
    _end(stack, "ROLLBACK_COMPLETE")


def _fail(stack: Stack, name: str, status: str, reason: str) -> None:
    made = stack.resource_map._parsed_resources.get(name)
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id=getattr(made, "physical_resource_id", ""),
            resource_type=stack.template_dict["Resources"][name]["Type"],
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )


def _end(stack: Stack, status: str, reason: str | None = None) -> None:
    stack.status = status
    # Not a member of moto's, whose answers have what is there under the name of the API.
    vars(stack)["stack_status_reason"] = reason
    stack._add_stack_event(status, resource_status_reason=reason)


def _forget(stack: Stack, left: dict[str, Any]) -> None:
    """Leaves the stack with the resources that it still has: moto makes those that it is asked of and has not."""
    stack.resource_map._resource_json_map = left
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _said(error: Exception) -> str:
    return getattr(error, "message", None) or str(error) or type(error).__name__
