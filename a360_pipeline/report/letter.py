"""A letter to people: one content, written as HTML that mail clients show and as the same facts in plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape

UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that a reader does not see, or that reorder what is seen."""
WIDEST = 60
"""Characters of a column in plain text, after which columns no longer stand below one another."""


class Tone(StrEnum):
    """How a text is meant; the words say it too. Colours that can be read on white and on black."""

    PLAIN = ""
    GOOD = "#1a8f3c"
    BAD = "#e0403f"


@dataclass(frozen=True, slots=True)
class Text:
    """Words, and where they lead. An address that is not https is not made a link."""

    words: str
    tone: Tone = Tone.PLAIN
    address: str | None = None

    @property
    def link(self) -> str | None:
        return self.address if self.address and self.address.startswith("https://") else None


Cell = str | Text


@dataclass(frozen=True, slots=True)
class Heading:
    words: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    parts: tuple[Cell, ...]

    @classmethod
    def of(cls, *parts: Cell) -> Paragraph:
        return cls(parts)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `more` rows are not shown, which it says; `numbers` are the columns that are aligned as such."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    more: int = 0
    numbers: frozenset[str] = field(default_factory=frozenset)


Block = Heading | Paragraph | Grid


@dataclass(frozen=True, slots=True)
class Letter:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is mailed."""

    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def of(cls, letter: Letter) -> Report:
        return cls(letter.title, as_html(letter), as_text(letter))


def plain(text: object, most: int = 300) -> str:
    """A text of strangers as one line that shows what it holds: nothing hidden, nothing reordered, not too long."""
    said = str(text)
    seen = "".join(_shown(letter) for letter in said[: most + 1])
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def _shown(letter: str) -> str:
    if unicodedata.category(letter) not in UNSEEN:
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode()


def as_html(letter: Letter) -> str:
    """Without scripts, style sheets or anything to be fetched; no colour of text or ground is presumed."""
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">',
            f"<title>{escape(letter.title)}</title></head>\n"
            '<body style="font-family:-apple-system,Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;'
            'line-height:1.45;margin:16px">\n',
            f'<h1 style="font-size:20px">{escape(letter.title)}</h1>\n',
            *map(_html, letter.blocks),
            "</body></html>\n",
        )
    )


def _html(block: Block) -> str:
    match block:
        case Heading(words):
            return f'<h2 style="font-size:16px;margin:24px 0 8px">{escape(words)}</h2>\n'
        case Paragraph(parts):
            return f'<p style="margin:8px 0">{" ".join(map(_html_cell, parts))}</p>\n'
        case Grid():
            return _html_grid(block)


def _html_grid(grid: Grid) -> str:
    def cells(tag: str, row: Iterable[Cell]) -> str:
        return "".join(
            f'<{tag} align="{"right" if name in grid.numbers else "left"}" style="border-bottom:1px solid #999">'
            f"{_html_cell(cell)}</{tag}>"
            for name, cell in zip(grid.columns, row, strict=True)
        )

    lines = "".join(f'<tr valign="top">{cells("td", row)}</tr>\n' for row in grid.rows)
    return (
        '<div style="overflow-x:auto"><table cellpadding="4" cellspacing="0" style="border-collapse:collapse;'
        f'font-size:13px"><thead><tr>{cells("th", grid.columns)}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n'
        + (f'<p style="margin:4px 0">{_more(grid)}</p>\n' if grid.more else "")
    )


def _html_cell(cell: Cell) -> str:
    text = cell if isinstance(cell, Text) else Text(cell)
    said = escape(text.words)
    if text.tone:
        said = f'<b style="color:{text.tone.value}">{said}</b>'
    return f'<a href="{escape(text.link)}">{said}</a>' if text.link else said


def as_text(letter: Letter) -> str:
    """The same facts, for whoever reads no HTML."""
    return f"{letter.title}\n{'=' * len(letter.title)}\n\n" + "\n".join(map(_plain_text, letter.blocks))


def _plain_text(block: Block) -> str:
    match block:
        case Heading(words):
            return f"\n{words}\n{'-' * len(words)}\n"
        case Paragraph(parts):
            return f"{' '.join(map(_text_cell, parts))}\n"
        case Grid():
            return _text_grid(block)


def _text_grid(grid: Grid) -> str:
    rows = [list(grid.columns), *([_text_cell(cell) for cell in row] for row in grid.rows)]
    widths = [min(WIDEST, max(len(row[at]) for row in rows)) for at in range(len(grid.columns))]

    def line(row: list[str]) -> str:
        placed = zip(grid.columns, row, widths, strict=True)
        return "  ".join(
            said.rjust(width) if name in grid.numbers else said.ljust(width) for name, said, width in placed
        ).rstrip()

    lines = [line(row) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join((*lines, *([_more(grid)] if grid.more else ()))) + "\n"


def _text_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell.words} <{cell.link}>" if cell.link else cell.words


def _more(grid: Grid) -> str:
    return f"and {grid.more:,} more"
