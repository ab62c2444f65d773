"""What objects are called and how large they are, by the purpose of their bucket."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

KIB, MIB, GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Family:
    """Objects that are named alike: a format of the day, a word, a number, and eight hexadecimal digits."""

    pattern: str
    smallest: int
    largest: int


FAMILIES: Mapping[str, tuple[Family, ...]] = {
    "logs": (
        Family("logs/{day:%Y/%m/%d}/{word}-{number}.log.gz", 2 * KIB, 40 * MIB),
        Family("AWSLogs/elasticloadbalancing/{day:%Y/%m/%d}/app_{digits}_{number}.log.gz", 300, 2 * MIB),
    ),
    "backups": (
        Family("backups/{day:%Y-%m-%d}/{word}-{number}.dump.zst", 50 * MIB, 9 * GIB),
        Family("backups/weekly/{word}/{number}.tar.gz", 5 * MIB, 900 * MIB),
    ),
    "customer-files": (
        Family("customers/{word}/contracts/{day:%Y}/contract {number}.pdf", 60 * KIB, 9 * MIB),
        Family("customers/{word}/Müller & Söhne/scan-{number}.jpeg", 200 * KIB, 30 * MIB),
        Family("customers/{word}/uploads/{digits}/{number}.docx", 20 * KIB, 4 * MIB),
    ),
    "data-lake": (
        Family("warehouse/{word}/dt={day:%Y-%m-%d}/part-{number:05}-{digits}.snappy.parquet", 64 * KIB, 512 * MIB),
        Family("warehouse/{word}/_tmp/{digits}/{number}", 0, 128),
    ),
    "artifacts": (
        Family("builds/{word}/{number}/{word}.jar", 3 * MIB, 180 * MIB),
        Family("builds/{word}/{number}/source.zip", 200 * KIB, 30 * MIB),
        Family("src/{word}/{digits}-{number}.py", 200, 60 * KIB),
        Family("tools/{word}-setup-{number}.exe", MIB, 250 * MIB),
    ),
    "invoices": (
        Family("invoices/{day:%Y/%m}/INV-{number:08}.pdf", 40 * KIB, 900 * KIB),
        Family("invoices/{day:%Y/%m}/INV-{number:08}.xml", KIB, 40 * KIB),
    ),
    "exports": (
        Family("exports/{day:%Y-%m-%d}/{word}-{number}.csv.gz", 100, 300 * MIB),
        Family("exports/{day:%Y-%m-%d}/{word}-{number}._SUCCESS", 0, 1),
    ),
    "web-assets": (
        Family("static/{digits}/{word}-{number}.js", 500, 800 * KIB),
        Family("img/{word}/{number}.png", 900, 3 * MIB),
        Family("media/{word}/{number}.mp4", 2 * MIB, 2 * GIB),
    ),
}
SECRETS = (
    Family("home/{word}-{number}/.ssh/id_rsa", 1_675, 3_434),
    Family("certs/{word}-{number}.pem", 1_200, 4_100),
    Family("deploy/{word}/{number}/.env", 80, 900),
    Family("users/{number}/credentials.csv", 100, 300),
    Family("terraform/{word}/{number}/terraform.tfstate", 4 * KIB, 2 * MIB),
)
AWKWARD = (
    "with a space.txt",
    "100% done.txt",
    "50%25 encoded.txt",
    "a+b=c&d.csv",
    "Grüße-日本語.txt",
    "ledger 🧾.json",
    'say "hello".txt',
    "it's.txt",
    "two\nlines.txt",
    "a\ttab, a comma; <and> a (bracket).csv",
    "back\\slash.txt",
    "folder/",
)
"""Names that S3 allows, and that every step from listing to table has to bring through whole."""
WORDS = ("orders", "billing", "checkout", "search", "identity", "ledger", "shipping", "reports", "media", "partners")


def name_and_bounds(purpose: str, number: int, drawn: int, day: dt.datetime) -> tuple[str, int, int]:
    """An object's key, which no other number has, and the bounds of its size."""
    if drawn % 23 == 5:
        tail = AWKWARD[number % len(AWKWARD)]
        return f"misc/{number}/{tail}", 0, 1 if tail.endswith("/") else 64 * KIB
    families = SECRETS if drawn % 61 == 7 else FAMILIES[purpose]
    family = families[drawn % len(families)]
    key = family.pattern.format(
        day=day, word=WORDS[drawn // 64 % len(WORDS)], number=number, digits=f"{drawn >> 32 & 0xFFFFFFFF:08x}"
    )
    return key, family.smallest, family.largest
