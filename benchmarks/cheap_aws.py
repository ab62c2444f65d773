"""A simulated AWS that costs its machine next to nothing: it answers from memory what the sandbox answered once.

`python -m benchmarks.cheap_aws --ready-file PATH --accounts N --keys N --instances N` serves until SIGTERM. What a
member account is asked is answered as the first account that asked was; what the hub is asked is the sandbox's own
answer. `PUT /_bench/ {"latency": seconds, "calls_per_second": number or null}` sets how slow and how strict it is;
`GET /_bench/` counts answers and throttled calls.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.ce import anomalies, commitments, usage

BUCKET = "a360-snapshots"
MEMBER_ROLE = "a360-member"
REGIONS = ("us-east-1", "eu-central-2", "eu-west-1")

CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
TARGET = re.compile(rb"\r\nx-amz-target: *([^\r]*)", re.IGNORECASE)
CONTENT = re.compile(rb"<Content>([^<]+)</Content>")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
THROTTLED = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
NEVER_KEPT = (b"s3", b"sts")
ANY_ACCOUNT = b"000000000000"
"""In what is kept, for the number of whoever asks; as long as one, so that lengths stay right."""
PAGE_OF_GROUPS = 2_000
"""Cost Explorer's pages hold many groups; the sandbox's are small, so that few accounts need several."""


@dataclass(slots=True)
class Server:
    """Answers kept by what was asked, and how it goes wrong."""

    stand_in: StandIn
    latency: float = 0.0
    calls_per_second: float | None = None
    kept: dict[tuple[bytes, ...], bytes] = field(default_factory=dict)
    tokens: dict[bytes, tuple[float, float]] = field(default_factory=dict)
    accounts: dict[bytes, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                writer.write(await self.answer(head, body))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    async def answer(self, head: bytes, body: bytes) -> bytes:
        line = head[: head.index(b"\r\n")]
        if b" /_bench/" in line:
            return _http(self.control(body), b"application/json")
        if b" /_a360/" in line:
            return await self.ask_sandbox(head, body)
        credential = CREDENTIAL.search(head)
        key_id, region, service = credential.groups() if credential else (b"", b"", b"")
        if self.latency:
            await asyncio.sleep(self.latency)
        is_member = key_id != self.stand_in.access_key_id.encode()
        if self.calls_per_second and is_member and self.is_too_many(self.accounts.get(key_id, key_id)):
            self.counts["throttled"] += 1
            return _throttled(service, is_query=body.startswith(b"Action="))
        self.counts["answered"] += 1
        if service in NEVER_KEPT or not is_member:
            answer = await self.ask_sandbox(head, body)
            if service == b"sts":
                self.remember(body, answer)
            return answer
        target = TARGET.search(head)
        # ARNs hold the account's number, in what is asked and in what is answered.
        account = self.accounts.get(key_id, key_id)
        named = (each.replace(account, ANY_ACCOUNT) for each in (line, body))
        asked = (region, service, target[1] if target else b"", *named)
        if asked not in self.kept:
            answer = await self.ask_sandbox(head, body)
            self.kept[asked] = _renamed(answer, account, ANY_ACCOUNT)
        return _renamed(self.kept[asked], ANY_ACCOUNT, account)

    def remember(self, body: bytes, answer: bytes) -> None:
        """Whose role was assumed with which key."""
        account, key = re.search(rb"iam%3A%3A(\d{12})", body), re.search(rb"<AccessKeyId>([^<]+)", answer)
        if account and key:
            self.accounts[key[1]] = account[1]

    def is_too_many(self, account: bytes) -> bool:
        """A bucket for each account, which holds one second's calls."""
        rate, now = self.calls_per_second or 0.0, time.monotonic()
        tokens, filled_at = self.tokens.get(account, (rate, now))
        tokens = min(tokens + (now - filled_at) * rate, max(rate, 1.0))
        self.tokens[account] = (tokens - 1 if tokens >= 1 else tokens, now)
        return tokens < 1

    def control(self, body: bytes) -> bytes:
        if body:
            wanted = json.loads(body)
            self.latency, self.calls_per_second = wanted["latency"], wanted["calls_per_second"]
            self.tokens.clear()
            self.counts.clear()
        return json.dumps(self.counts).encode()

    async def ask_sandbox(self, head: bytes, body: bytes) -> bytes:
        address = self.stand_in.endpoint_url.removeprefix("http://")
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(answer)
        if length and not head.startswith(b"HEAD"):
            answer += await reader.readexactly(int(length[1]))
        writer.close()
        return answer


def _throttled(service: bytes, *, is_query: bool) -> bytes:
    """The refusal in the words of the service's protocol."""
    if service == b"s3":
        slow_down = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        return _http(slow_down, b"application/xml", b"503 Slow Down")
    if not is_query:
        return _http(THROTTLED, b"application/x-amz-json-1.1", b"400 Bad Request")
    error = b"<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
    whole = b"<Response><Errors>%s</Errors></Response>" if service == b"ec2" else b"<ErrorResponse>%s</ErrorResponse>"
    return _http(whole % error, b"text/xml", b"400 Bad Request")


def _renamed(answer: bytes, old: bytes, new: bytes) -> bytes:
    """Another account's number in place of one, also in the credential report, which comes in base64."""
    within = CONTENT.search(answer)
    if within:
        report = base64.b64encode(base64.b64decode(within[1]).replace(old, new))
        answer = answer[: within.start(1)] + report + answer[within.end(1) :]
    return answer.replace(old, new)


def _http(body: bytes, content_type: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        content_type,
        len(body),
        body,
    )


async def run(stand_in: StandIn, ready_file: Path) -> None:
    server = Server(stand_in)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=512)
    port = listening.sockets[0].getsockname()[1]
    ready = {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "access_key_id": stand_in.access_key_id,
        "secret_access_key": stand_in.secret_access_key,
        "external_id": stand_in.external_id,
    }
    draft = ready_file.with_suffix(".part")
    draft.write_text(json.dumps(ready))
    draft.replace(ready_file)
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-file", type=Path, required=True)
    for name in ("accounts", "keys", "instances"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    _enlarge_pages()
    sizes = Sizes(keys=asked.keys, instances=asked.instances, applications=5, patches=5)
    organization = Organization.seeded(accounts=asked.accounts, regions=REGIONS, sizes=sizes)
    with serve(organization, bucket=BUCKET, member_role=MEMBER_ROLE) as stand_in:
        asyncio.run(run(stand_in, asked.ready_file))


def _enlarge_pages() -> None:
    for groups in (usage.GROUPS, commitments.GROUPS, commitments.PLANS, anomalies.ANOMALIES):
        for name in ("default", "most"):
            object.__setattr__(groups, name, PAGE_OF_GROUPS)


if __name__ == "__main__":
    main()
