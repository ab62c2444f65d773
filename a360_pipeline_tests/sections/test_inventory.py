"""Section `inventory`: patches in whatever state, each instance asked once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from a360_pipeline.sections.inventory import collect
from a360_pipeline_tests.sections.scripted import WINDOW, Scripted

INSTANCES = ("i-1", "i-2", "mi-3")
LONG_AGO = dt.datetime(2019, 5, 1, tzinfo=dt.UTC)
NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
STATES = {"Installed": LONG_AGO, "InstalledOther": LONG_AGO, "Missing": NEVER, "Failed": NEVER, "NotApplicable": NEVER}


def patches(InstanceId: str, **_: Any) -> dict[str, Any]:
    found = [
        {"Title": f"{state} of {InstanceId}", "State": state, "InstalledTime": installed}
        for state, installed in STATES.items()
    ]
    return {"Patches": found}


def asked() -> Scripted:
    return Scripted(
        {
            "describe_instance_information": {"InstanceInformationList": [{"InstanceId": each} for each in INSTANCES]},
            "list_inventory_entries": {"Entries": []},
            "describe_instance_patches": patches,
        }
    )


def test_patches_are_told_in_whatever_state_and_whenever_they_were_installed() -> None:
    """S10: those installed in the window alone would be sent, and never one that is missing or failed."""
    told = collect(asked(), WINDOW)["patches"]
    assert {(patch["instance_id"], patch["state"], patch["installed_time"]) for patch in told} == {
        (instance, state, None if installed is NEVER else installed.isoformat())
        for instance in INSTANCES
        for state, installed in STATES.items()
    }


def test_patches_of_an_instance_are_asked_for_once_and_all_of_them() -> None:
    """S11, S10: no filter, no second question."""
    aws = asked()
    collect(aws, WINDOW)
    questions = [parameters for name, parameters in aws.asked if name == "ssm.describe_instance_patches"]
    assert questions == [{"InstanceId": each} for each in INSTANCES]
    assert Counter(name for name, _ in aws.asked) == {
        "ssm.describe_instance_information": 1,
        "ssm.list_inventory_entries": len(INSTANCES),
        "ssm.describe_instance_patches": len(INSTANCES),
    }
