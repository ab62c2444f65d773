"""What whoever deploys the hub makes for harvests, and the sandbox therefore has from the start."""

from __future__ import annotations

import json

from moto.sqs.models import sqs_backends

from a360_pipeline.sandbox.organization import Organization

QUEUE = "a360-inventory"
DEAD_LETTER_QUEUE = "a360-inventory-dead-letter"
RECEIVES = 5
"""How often a message is received in vain before SQS puts it among the dead letters."""


def make_hub_queue(organization: Organization) -> str:
    """Makes the queue of deliveries and that of its dead letters in the home region; returns the queue's ARN."""
    sqs = sqs_backends[organization.management.id][organization.region_names[0]]
    dead = sqs.create_queue(DEAD_LETTER_QUEUE, {})
    redrive = {"deadLetterTargetArn": dead.queue_arn, "maxReceiveCount": RECEIVES}
    queue = sqs.create_queue(QUEUE, {}, RedrivePolicy=json.dumps(redrive), VisibilityTimeout=120)
    arn: str = queue.queue_arn
    return arn
