"""What Amazon SES says of the caller's account; identities and mails are moto's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization


def get_account(_organization: Organization, _caller: Caller, _params: Mapping[str, Any]) -> dict[str, Any]:
    """As SES has every account until somebody asks for more: mail goes to verified addresses alone."""
    return {
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": False,
        "SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 0.0},
        "SendingEnabled": True,
    }


ANSWERS = {("sesv2", "GetAccount"): get_account}
