"""docs/failings.md: which test holds which failing of the systems in the field at bay.

`python -m a360_pipeline_tests.test_failings_table` writes the page anew.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
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


def numbered_tests() -> dict[str, list[str]]:
    """Names of tests by the failing that their docstring names, such as R7."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "a360_pipeline_tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in re.findall(r"\b[RSI]\d+\b", ast.get_docstring(node) or ""):
                    found[number].append(f"`{path.relative_to(ROOT).as_posix()}` {node.name}")
    # Tests that load say more than tests of a declaration.
    return {number: sorted(names, key=lambda name: ("warehouse/" not in name, name)) for number, names in found.items()}


def page() -> str:
    tests = numbered_tests()
    lines = [
        "# What the systems in the field get wrong, and what keeps it out of here",
        "",
        "Each failing has a test that fails when the failing is put back. This page is made from the tests.",
        "",
        "## Loading",
        "",
        "| | failing | test |",
        "|---|---|---|",
    ]
    for number, failing in LOADING.items():
        names = tests.get(f"R{number}", [])
        more = f"<br>and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"| R{number} | {failing} | {'<br>'.join(names[:SHOWN])}{more} |")
    return "\n".join(lines) + "\n"


def test_every_failing_of_loading_has_a_test() -> None:
    tests = numbered_tests()
    assert [number for number in LOADING if not tests.get(f"R{number}")] == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m a360_pipeline_tests.test_failings_table`"


if __name__ == "__main__":
    PAGE.write_text(page())
