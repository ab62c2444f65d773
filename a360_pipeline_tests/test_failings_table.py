"""docs/failings.md: which test holds which failing of the systems in the field at bay.

`python -m a360_pipeline_tests.test_failings_table` writes the page anew.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "failings.md"
SHOWN = 3

LOADING = {
    1: "A database that is down: files are moved and called loaded all the same",
    2: "Rows are filed under the account of the file before",
    3: "The first files are lost while the database wakes up",
    4: "A failed look-up counts as absent, and a duplicate follows",
    5: "Loaders at work side by side make duplicates",
    6: "All applications and patches hang on the first instance",
    7: "Applications of one name collapse into one",
    8: "Resources of different kinds and one name become one row",
    9: "Account-wide cost is stored per region and then summed",
    10: "So are buckets, checks, savings and CloudFront ACLs",
    11: "Multi-Region keys overwrite each other",
    12: "A summary shows the figures of one account alone",
    13: "Times lose their offset",
    14: "Values over a length limit vanish",
    15: "A NUL character loses its row",
    16: "What is gone in AWS stays",
    17: "Security totals are those of one day's delta, or stale",
    18: "A backfill overwrites what is newer",
    19: "A monthly report destroys the daily one",
    20: "A corrected file leaves the first one's rows behind",
    21: "An unset product becomes one, and links by hand are lost",
    22: "An owner set by hand is reset",
    23: "Unset attributes become text",
    24: "Missing facts are made up",
    25: "updated_at never moves",
    26: "Compliant results are stored as open",
    27: "Messages of one kind overwrite each other",
    28: "Statuses of five sections never show",
    29: "Findings lose their times and ids",
    30: "A contact's phone is not stored",
    31: "Unknown and FALSE are confused",
    32: "Fractions are rounded away",
    33: "What nobody collects is charted as zero",
    34: "A file without one of its parts loads nothing and is called loaded",
    35: "Broken JSON is tried for ever",
    36: "A folder of bad files stops everything",
    37: "Only the first page of objects is listed",
    38: "A bucket that cannot be read counts as empty",
    39: "A failed move is reported as done",
    40: "One shape of support cases is ignored",
    41: "Files are counted as records, and what was skipped is hidden",
    42: "A failed part is lost in silence",
}

COLLECTING = {
    1: "Support cases are lost over the time they were opened",
    2: "Cases that are resolved are not asked for",
    3: "What is documented is not collected: Application Signals, Marketplace, IAM, Config's inventory",
    4: "A failure that a later success follows is told as a success",
    5: "One refused call discards everything of all services",
    6: "One service that is not enabled stops all, without a word",
    7: "An upload that failed is green",
    9: "Of what breaks a rule, only what was evaluated the day before is told",
    10: "Missing and failed patches are never told",
    11: "The patches of an instance are fetched over and over",
    12: "A key whose rotation may not be read counts as rotated",
    13: "Keys that sign, and keys about to be deleted, are left out",
    14: "Recent events are asked for amiss and are always 0",
    15: "Resilience Hub is read by fields that it does not have",
    16: "Compute Optimizer is read by fields that it does not have",
    17: "Reservations have no recurring cost, and one paid in advance loses all",
    18: "Buckets are said to lie where the sender runs",
    19: "The instance type is another service's word for a resource",
    20: "Web ACLs lose what they protect, and their rules are read by the surface",
    21: "Entitlements are asked without a product, and their cost is everybody's",
    22: "Periods that Cost Explorer does not have, with ends a day off",
    23: "A backfill tells a past day what is so today",
    24: "Events and checks that are closed are not heard of again",
    25: "Finding out doubles takes the square of the findings",
    26: "Listing keys is granted where it cannot be granted",
    27: "Senders run code that nobody checked",
    28: "Cost Explorer is asked again in every region, and every request is paid for",
    29: "A client is built for every call, and none of them slows down",
    30: "What AWS restates of a cost is never read again",
}

HARVESTING = {
    1: "Finished is said while buckets are still in progress",
    2: "One harvest at a time, and bad input wipes the state of the one that runs",
    3: "Done means that a checksum was seen; nothing of the delivery is verified",
    4: "Two deliveries are counted twice",
    5: "Deliveries that were uploaded in parts are ignored",
    6: "Keys in events are not decoded",
    7: "Nothing slows down when S3 says so",
    8: "Regions are a fixed list, and what lies elsewhere is dropped",
    9: "A bucket that holds only old versions counts as empty",
    10: "Queries that still run, or were cancelled, count as finished",
    11: "A role is assumed over and over for every file",
    12: "The smoke test looks at the first account alone",
    13: "A mail that fails leaves everything behind",
    14: "One bad message fails its batch for ever",
    15: "An account that takes long is cut, and nothing goes on from there",
    16: "One format, a table a run, no dates: no history and no comparison",
    17: "Whether a table exists is read from the first page",
    18: "Any account may write to the destination, and whoever is in the host account may assume the role",
    19: "What could not be deleted is called deleted",
    20: "Templates and policies name what does not exist",
    21: "Rows of a bucket's state leave out the account",
}


def numbered_tests() -> dict[str, list[str]]:
    """Names of tests by the failing that their docstring names, such as R7."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "a360_pipeline_tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                # "S3" is a service too: a failing's number has a mark after it.
                for number in re.findall(r"\b(?:[RI]\d+\b|S\d+(?=[.:,]))", ast.get_docstring(node) or ""):
                    found[number].append(f"`{path.relative_to(ROOT).as_posix()}` {node.name}")
    # Tests that load say more than tests of a declaration.
    return {number: sorted(names, key=lambda name: ("warehouse/" not in name, name)) for number, names in found.items()}


def page() -> str:
    lines = [
        "# What the systems in the field get wrong, and what keeps it out of here",
        "",
        "Each failing has a test that fails when the failing is put back. This page is made from the tests.",
        *_section("Loading", "R", LOADING),
        *_section("Collecting", "S", COLLECTING),
        *_section("Harvesting S3 Inventory", "I", HARVESTING),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, letter: str, failings: Mapping[int, str]) -> Iterator[str]:
    tests = numbered_tests()
    yield from ("", f"## {title}", "", "| | failing | test |", "|---|---|---|")
    for number, failing in failings.items():
        names = tests.get(f"{letter}{number}", [])
        more = f"<br>and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"| {letter}{number} | {failing} | {'<br>'.join(names[:SHOWN])}{more} |"


def test_every_failing_of_loading_has_a_test() -> None:
    tests = numbered_tests()
    assert [number for number in LOADING if not tests.get(f"R{number}")] == []


def test_every_failing_of_collecting_has_a_test() -> None:
    tests = numbered_tests()
    assert [number for number in COLLECTING if not tests.get(f"S{number}")] == []


def test_every_failing_of_harvesting_has_a_test() -> None:
    tests = numbered_tests()
    assert [number for number in HARVESTING if not tests.get(f"I{number}")] == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m a360_pipeline_tests.test_failings_table`"


if __name__ == "__main__":
    PAGE.write_text(page())
