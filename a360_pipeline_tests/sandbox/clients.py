"""boto3 clients of a stand-in, closed when the test is over."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from a360_pipeline.sandbox.aws import StandIn

ROLE = "a360-member"
BUCKET = "a360-snapshots"


class Clients:
    """Builds clients of the hub and of the member role, each with one attempt unless told otherwise."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self._built: list[Any] = []
        self._sessions: dict[str, dict[str, str]] = {}

    def hub(self, service: str, region: str = "us-east-1", attempts: int = 1, **config: Any) -> Any:
        keys = {
            "aws_access_key_id": self.stand_in.access_key_id,
            "aws_secret_access_key": self.stand_in.secret_access_key,
        }
        return self.signed(keys, service, region, attempts, **config)

    def member(self, account_id: str, service: str, region: str = "us-east-1") -> Any:
        if account_id not in self._sessions:
            self._sessions[account_id] = self.assume(account_id)
        return self.signed(self._sessions[account_id], service, region)

    def assume(self, account_id: str, role: str = ROLE, external_id: str | None = None) -> dict[str, str]:
        given = self.hub("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account_id}:role/{role}",
            RoleSessionName="a360-pipeline",
            ExternalId=external_id or self.stand_in.external_id,
        )["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def signed(
        self, keys: dict[str, str], service: str, region: str = "us-east-1", attempts: int = 1, **config: Any
    ) -> Any:
        retries = {"mode": "standard", "total_max_attempts": attempts}
        wanted = Config(retries=retries, s3={"addressing_style": "path"}, **config)
        client = boto3.client(
            service, region_name=region, endpoint_url=self.stand_in.endpoint_url, config=wanted, **keys
        )
        self._built.append(client)
        return client

    def close(self) -> None:
        for client in self._built:
            client.close()
