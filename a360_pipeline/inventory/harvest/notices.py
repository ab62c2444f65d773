"""What the queue says of deliveries: events of S3, through SNS or not, and the dead-letter queue for all else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_plus

from a360_pipeline.inventory.harvest.template import QUEUE
from a360_pipeline.inventory.means import Means

DEAD_LETTERS = f"{QUEUE}-dead-letter"
"""Queue of the hub, beside that of notices, for messages that say nothing of a delivery of ours."""

CHECKSUM = "/manifest.checksum"
"""How the key ends of what S3 writes last of a delivery."""
CREATED = "ObjectCreated:"
TEST_EVENT = "s3:TestEvent"
"""What S3 sends when notifications are configured."""

LARGEST_BODY = 1024**2
LONGEST_KEY = 1024
LONGEST_BUCKET = 63
LONGEST_REASON = 1000
"""Characters; S3 and SQS hold more of no body, key or name, and reasons are for people."""


class Poison(ValueError):
    """A message that says nothing of a delivery. The message says why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A delivery is complete, says S3: its checksum was written."""

    bucket: str
    checksum_key: str

    @property
    def manifest_key(self) -> str:
        return f"{self.checksum_key.removesuffix('checksum')}json"

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.manifest_key}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue: what it says, and the handle to delete it with."""

    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    notices: tuple[Notice, ...]


def read_notices(body: str) -> tuple[Notice, ...]:
    """The deliveries that a message speaks of; none in a test event or one of other objects. Raises Poison.

    Takes the event of S3 itself and one within the envelope of SNS, of whatever way an object was created.
    """
    event = _object(body, "the message")
    if event.get("Type") == "Notification":
        event = _object(event.get("Message"), "what SNS passes on")
    if event.get("Event") == TEST_EVENT:
        return ()
    records = event.get("Records")
    if not isinstance(records, list) or not records:
        raise Poison("it holds no Records, so it is no event of S3")
    found = dict.fromkeys(_notice(record) for record in records)
    return tuple(notice for notice in found if notice.checksum_key.endswith(CHECKSUM))


def _object(text: Any, what: str) -> dict[str, Any]:
    if not isinstance(text, str):
        raise Poison(f"{what} is no text")
    if len(text) > LARGEST_BODY:
        raise Poison(f"{what} has {len(text)} characters, more than any event of S3")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Poison(f"{what} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Poison(f"{what} is no JSON object")
    return found


def _notice(record: Any) -> Notice:
    try:
        name, bucket, key = record["eventName"], record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    except (LookupError, TypeError):
        raise Poison("a record of it names no event, bucket or key") from None
    if not (isinstance(name, str) and isinstance(bucket, str) and isinstance(key, str)):
        raise Poison("a record of it names an event, bucket or key that is no text")
    if not name.removeprefix("s3:").startswith(CREATED):
        raise Poison(f"it tells of {name[:80]!r}, not of an object that was created")
    try:
        # S3 encodes keys in events as forms do: a space is a plus.
        decoded = unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise Poison(f"the key {key[:80]!r} is not UTF-8 when decoded") from None
    if not 0 < len(bucket) <= LONGEST_BUCKET or not 0 < len(decoded) <= LONGEST_KEY or "\0" in bucket + decoded:
        raise Poison("it names a bucket or a key that S3 does not have")
    return Notice(bucket, decoded)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The queue of notices and the one for what cannot be read. `sqs` is a botocore client of the home region."""

    sqs: Any = field(repr=False)
    queue_url: str
    dead_letter_url: str

    @classmethod
    def of(cls, means: Means) -> Inbox:
        """SQS GetQueueUrl. Raises ClientError where the hub has no such queue."""
        sqs = means.hub("sqs")
        return cls(sqs, *(sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (QUEUE, DEAD_LETTERS)))

    def receive(self, most: int) -> Iterator[Message]:
        """Messages until none comes or `most` came, each once: SQS ReceiveMessage.

        What cannot be read goes to the dead-letter queue on the way, with the reason. Raises ClientError.
        """
        received = 0
        while received < most:
            found = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=min(10, most - received), WaitTimeSeconds=0
            ).get("Messages", ())
            if not found:
                return
            received += len(found)
            for raw in found:
                message = Message(raw["ReceiptHandle"], raw["Body"], ())
                try:
                    notices = read_notices(message.body)
                except Poison as error:
                    self.bury(message, str(error))
                else:
                    yield replace(message, notices=notices)

    def bury(self, message: Message, reason: str) -> None:
        """Moves a message to the dead-letter queue: SQS SendMessage with the attribute `reason`, then DeleteMessage.

        Killed between the two it is there twice, which is better than not at all.
        """
        said = "".join(letter for letter in reason if letter.isprintable())[:LONGEST_REASON]
        self.sqs.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=message.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": said}},
        )
        self.delete(message)

    def delete(self, message: Message) -> None:
        """SQS DeleteMessage; of one that is deleted already it says nothing."""
        self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message.receipt_handle)

    def settle(self, messages: Iterable[Message], is_recorded: Callable[[Notice], bool]) -> int:
        """Deletes the messages all of whose notices are recorded, and returns how many those were."""
        done = [message for message in messages if all(is_recorded(notice) for notice in message.notices)]
        for message in done:
            self.delete(message)
        return len(done)
