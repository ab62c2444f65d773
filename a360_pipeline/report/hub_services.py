"""Whether the hub has the services that harvests, deployments and dashboards use. Nothing is changed by asking."""

from __future__ import annotations

import json

from a360_pipeline.aws.errors import AWS_ERRORS, error_code, error_message
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.notices import DEAD_LETTERS
from a360_pipeline.inventory.harvest.stacks import NO_QUEUE
from a360_pipeline.inventory.harvest.template import QUEUE
from a360_pipeline.snapshot.bucket import Unfit

NO_WORKGROUP = "InvalidRequestException"
STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"
NO_SUBSCRIPTION = "ResourceNotFoundException"
SUBSCRIBED = frozenset({"ACCOUNT_CREATED", "OK"})


def check_queue(hub: AccountSession) -> str:
    """SQS GetQueueUrl, GetQueueAttributes. Raises ClientError, and Unfit where there is no queue, or no way out of it
    for messages that nobody can take."""
    url = _queue_url(hub, QUEUE)
    asked = {"QueueUrl": url, "AttributeNames": ["RedrivePolicy"]}
    held = hub.call("sqs", "get_queue_attributes", **asked).get("Attributes", {}).get("RedrivePolicy")
    mend = f"give it one with {DEAD_LETTERS} as its dead-letter queue"
    if not held:
        raise Unfit(f"{QUEUE} has no redrive policy: {mend}")
    # SQS takes no dead-letter queue of another account or region, so that its name says which it is.
    target = str(json.loads(held)["deadLetterTargetArn"]).rsplit(":", 1)[-1]
    if target != DEAD_LETTERS:
        raise Unfit(f"the redrive policy of {QUEUE} leads to {target}: {mend}")
    return f"{QUEUE} is there, and {DEAD_LETTERS} takes what nobody can"


def check_dead_letters(hub: AccountSession) -> str:
    """SQS GetQueueUrl. Raises ClientError, and Unfit where there is no queue of dead letters."""
    _queue_url(hub, DEAD_LETTERS)
    return f"{DEAD_LETTERS} is there"


def _queue_url(hub: AccountSession, name: str) -> str:
    try:
        url: str = hub.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    except AWS_ERRORS as error:
        if error_code(error) in NO_QUEUE:
            raise Unfit(f"there is no queue {name} in {hub.region}: make it") from None
        raise
    return url


def check_workgroup(hub: AccountSession, name: str) -> str:
    """Athena GetWorkGroup. Raises ClientError, and Unfit where no query can run in the workgroup."""
    try:
        state = hub.call("athena", "get_work_group", WorkGroup=name)["WorkGroup"].get("State")
    except AWS_ERRORS as error:
        if error_code(error) == NO_WORKGROUP:
            said = error_message(error).rstrip(".")
            raise Unfit(f"{said}: make it in {hub.region}, or set A360_ATHENA_WORKGROUP to another") from None
        raise
    if state != "ENABLED":
        raise Unfit(f"workgroup {name} is {state or 'in a state that AWS does not tell'}: enable it")
    return f"workgroup {name} is enabled"


def check_stack_sets(hub: AccountSession) -> str:
    """Organizations ListAWSServiceAccessForOrganization, to its last page. Raises ClientError, and Unfit where
    StackSets have no trusted access."""
    trusted = hub.pages("organizations", "list_aws_service_access_for_organization", "EnabledServicePrincipals")
    if not any(one["ServicePrincipal"] == STACK_SETS for one in trusted):
        raise Unfit(
            "StackSets have no trusted access, which only deploying member roles by them needs: "
            "activate it with CloudFormation ActivateOrganizationsAccess"
        )
    return "StackSets have trusted access, and can deploy member roles"


def check_dashboards(hub: AccountSession, account_id: str) -> str:
    """QuickSight DescribeAccountSubscription. Raises ClientError, and Unfit where there is no subscription."""
    try:
        told = hub.call("quicksight", "describe_account_subscription", AwsAccountId=account_id)["AccountInfo"]
    except AWS_ERRORS as error:
        if error_code(error) == NO_SUBSCRIPTION:
            raise Unfit("there is no QuickSight subscription: dashboards need one, all else goes without") from None
        raise
    status = told.get("AccountSubscriptionStatus")
    if status not in SUBSCRIBED:
        raise Unfit(
            f"the QuickSight subscription is {status or 'in a state that AWS does not tell'}: dashboards need one"
        )
    return f"QuickSight is subscribed to ({told.get('Edition', 'edition not told')})"
