"""Expressions of Trino that DuckDB would read otherwise, each rewritten to what gives Trino's answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from a360_pipeline.engines.engine import QueryRefused
from a360_pipeline.engines.functions import FUNCTIONS
from a360_pipeline.engines.trino_types import D, Family, digits, family, is_decimal, is_integer, type_of

JAVA_FORMAT = re.compile(
    r"%(?:(?P<percent>%)|(?P<line>n)|(?P<flags>[-,0]*)(?P<width>\d*)(?:\.(?P<places>\d+))?(?P<as>[sdfxb]))"
)
MYSQL_DATES = {
    "%Y": "%Y", "%y": "%y", "%m": "%m", "%c": "%-m", "%d": "%d", "%e": "%-d", "%H": "%H", "%k": "%-H", "%h": "%I",
    "%I": "%I", "%l": "%-I", "%i": "%M", "%s": "%S", "%S": "%S", "%f": "%f", "%p": "%p", "%j": "%j", "%a": "%a",
    "%W": "%A", "%b": "%b", "%M": "%B", "%T": "%H:%M:%S", "%r": "%I:%M:%S %p", "%%": "%%",
}  # fmt: skip
"""Parts of Trino's date_format and date_parse, which are MySQL's, as strftime has them."""


def rewritten(tree: exp.Query) -> exp.Query:
    """A copy that DuckDB's generator takes. Expressions have to have their types."""
    copy = tree.copy()
    for node in reversed(list(copy.walk())):
        rewrite = REWRITES.get(type(node))
        if rewrite is not None:
            made = rewrite(node)
            if made is not node:
                made.type = node.type
                node.replace(made)
    return copy


def macro(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])


def _divided(node: exp.Div) -> exp.Expr:
    left, right = node.left, node.right
    if is_integer(left) and is_integer(right):
        return exp.IntDiv(this=left.copy(), expression=right.copy())
    if is_decimal(node):
        precision, scale = digits(type_of(node))
        quotient = macro("round", exp.Div(this=_doubled(left), expression=right.copy()), exp.Literal.number(scale))
        return exp.cast(quotient, f"decimal({precision}, {scale})")
    if type_of(node).this == D.DOUBLE:
        return macro("trino_quotient", left, right)
    return node


def _doubled(node: exp.Expr) -> exp.Expr:
    return exp.cast(node.copy(), "double")


def _as_date(node: exp.Expr) -> exp.Expr:
    """A date stays one when days are added to it."""
    return exp.cast(node.copy(), "date") if type_of(node).this == D.DATE else node


def _difference(node: exp.Sub) -> exp.Expr:
    if family(node.left) == family(node.right) == Family.TIME:
        return exp.Sub(
            this=exp.cast(node.left.copy(), "timestamp"), expression=exp.cast(node.right.copy(), "timestamp")
        )
    return _as_date(node)


def _cast(node: exp.Cast) -> exp.Expr:
    """To integers as Trino rounds, and to text as it writes."""
    value, source, target = node.this, type_of(node.this), node.to
    if target.this in exp.DataType.INTEGER_TYPES:
        if source.this == D.DOUBLE:
            value = macro("round", value)
        elif family(value) == Family.TEXT:
            value = macro("trino_digits", value)
    elif target.this == D.BOOLEAN and family(value) == Family.TEXT:
        value = macro("trino_logical", value)
    elif target.this in exp.DataType.TEXT_TYPES:
        text = _text(value, source)
        limit = target.expressions[0].this if target.expressions else None
        return macro("left", text, limit) if limit is not None else text
    return type(node)(this=value.copy(), to=target.copy())


def _text(value: exp.Expr, source: exp.DataType) -> exp.Expr:
    if source.this == D.DOUBLE:
        return macro("trino_double_text", value)
    if source.this in (D.TIMESTAMP, D.TIMESTAMPTZ):
        places = int(source.expressions[0].name) if source.expressions else 3
        zone = " UTC" if source.this == D.TIMESTAMPTZ else ""
        fraction = {0: "", 3: ".%g", 6: ".%f"}.get(places)
        if fraction is None:
            raise QueryRefused(f"The embedded engine knows no timestamp({places})")
        return macro("strftime", value, exp.Literal.string(f"%Y-%m-%d %H:%M:%S{fraction}{zone}"))
    return exp.cast(value.copy(), "varchar")


def _wide(node: exp.Expr) -> exp.Expr:
    """Sums and counts of integers are BIGINT, which DuckDB makes HUGEINT."""
    return node if type_of(node).this != D.BIGINT or _is_inner(node) else exp.cast(node.copy(), "bigint")


def _average(node: exp.Avg) -> exp.Expr:
    return exp.cast(node.copy(), type_of(node).copy()) if is_decimal(node) and not _is_inner(node) else node


def _outer(node: exp.Filter | exp.Window) -> exp.Expr:
    if _is_inner(node):
        return node
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    return REWRITES[type(inner)](node) if isinstance(inner, exp.Sum | exp.CountIf | exp.Avg) else node


def _is_inner(node: exp.Expr) -> bool:
    """Whether FILTER or OVER still belongs to it, so that nothing may come between."""
    return isinstance(node.parent, exp.Filter | exp.Window) and node.arg_key == "this"


def _largest(node: exp.ArgMax | exp.ArgMin) -> exp.Expr:
    """Trino returns a NULL that stands beside the largest value; DuckDB passes it over."""
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return macro(name, node.this, node.expression, *filter(None, [node.args.get("count")]))


def _element(node: exp.Bracket) -> exp.Expr:
    return macro("trino_subscript", node.this, node.expressions[0])


def _called(node: exp.Anonymous) -> exp.Expr:
    name = node.name.lower()
    special = SPECIAL.get(name)
    arguments = special(node) if special else node.expressions
    function = FUNCTIONS.get(name)
    if function is None:
        return node
    return _as_date_of(node, macro(function.duck or name, *arguments))


def _as_date_of(node: exp.Anonymous, made: exp.Expr) -> exp.Expr:
    return exp.cast(made, "date") if type_of(node).this == D.DATE else made


def _units(node: exp.Anonymous) -> list[exp.Expr]:
    unit, *rest = node.expressions
    return [exp.Literal.string(unit.name.lower()), *rest]


def _dates(node: exp.Anonymous) -> list[exp.Expr]:
    value, pattern = node.expressions
    if not pattern.is_string:
        raise QueryRefused(f"The embedded engine takes a written-out pattern alone: {node.sql('trino')}")

    def part(found: re.Match[str]) -> str:
        if found[0] not in MYSQL_DATES:
            raise QueryRefused(f"The embedded engine does not know {found[0]} of dates: {node.sql('trino')}")
        return MYSQL_DATES[found[0]]

    return [value, exp.Literal.string(re.sub("%.", part, pattern.name))]


def _replacement(node: exp.Anonymous) -> list[exp.Expr]:
    """Groups are $1 in Java and \\1 in DuckDB."""
    if len(node.expressions) < 3 or not node.expressions[2].is_string:
        return list(node.expressions)
    text = node.expressions[2].name.replace("\\", "\\\\").replace("\\\\$", "\0")
    text = re.sub(r"\$(\d)", r"\\\1", text).replace("\0", "$")
    return [*node.expressions[:2], exp.Literal.string(text)]


def _formatted(node: exp.Anonymous) -> list[exp.Expr]:
    """Java's %,d is {:,} to DuckDB."""
    pattern, *arguments = node.expressions
    if not pattern.is_string:
        raise QueryRefused(f"The embedded engine takes a written-out pattern alone: {node.sql('trino')}")
    shown: list[exp.Expr] = []

    def part(found: re.Match[str]) -> str:
        if found["percent"] or found["line"]:
            return "%" if found["percent"] else "\n"
        if not arguments:
            raise QueryRefused(f"INVALID_FUNCTION_ARGUMENT: format has fewer values than places: {node.sql('trino')}")
        return _place(found, arguments.pop(0), shown)

    text = JAVA_FORMAT.sub(part, pattern.name.replace("{", "{{").replace("}", "}}"))
    return [exp.Literal.string(text), *shown]


def _place(found: re.Match[str], value: exp.Expr, shown: list[exp.Expr]) -> str:
    kind, flags = found["as"], found["flags"]
    thousands = "," if "," in flags else ""
    side = "<" if "-" in flags else ">"
    width = f"{'0' if '0' in flags else side}{found['width']}" if found["width"] else ""
    if kind in "sb":
        shown.append(exp.func("coalesce", _text(value, type_of(value)), exp.Literal.string("null")))
        return f"{{:{width}}}"
    if kind == "f":
        shown.append(_doubled(value))
        return f"{{:{width}{thousands}.{found['places'] or 6}f}}"
    shown.append(value)
    return f"{{:{width}{thousands}{'x' if kind == 'x' else '' if thousands else 'd'}}}"


def _zone(node: exp.Anonymous) -> list[exp.Expr]:
    zone = node.expressions[1]
    if not (zone.is_string and zone.name.upper() in ("UTC", "Z", "+00:00")):
        raise QueryRefused(f"The embedded engine knows UTC alone: {node.sql('trino')}")
    return list(node.expressions)


def _zoned(node: exp.AtTimeZone) -> exp.Expr:
    return macro("trino_at_timezone", *_zone(macro("at_timezone", node.this, node.args["zone"])))


def _part_of_text(node: exp.Substring) -> exp.Expr:
    length = node.args.get("length")
    return macro("trino_substr", node.this, node.args["start"], *([length] if length is not None else []))


SPECIAL: Mapping[str, Callable[[exp.Anonymous], list[exp.Expr]]] = {
    "at_timezone": _zone,
    "date_add": _units,
    "date_diff": _units,
    "date_trunc": _units,
    "date_format": _dates,
    "date_parse": _dates,
    "format": _formatted,
    "regexp_replace": _replacement,
}


REWRITES: dict[type[exp.Expr], Callable[..., exp.Expr]] = {
    exp.Add: _as_date,
    exp.Anonymous: _called,
    exp.ArgMax: _largest,
    exp.ArgMin: _largest,
    exp.AtTimeZone: _zoned,
    exp.Avg: _average,
    exp.Bracket: _element,
    exp.Cast: _cast,
    exp.CountIf: _wide,
    exp.Div: _divided,
    exp.Filter: _outer,
    exp.Sub: _difference,
    exp.Substring: _part_of_text,
    exp.Sum: _wide,
    exp.TryCast: _cast,
    exp.Window: _outer,
}
