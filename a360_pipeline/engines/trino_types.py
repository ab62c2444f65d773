"""Types of expressions as Trino gives them, and the expressions that it refuses for the types of their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.optimizer.annotate_types import TypeAnnotator

from a360_pipeline.engines.engine import QueryRefused
from a360_pipeline.engines.functions import FUNCTIONS, UNITS

D = exp.DType


class Family(StrEnum):
    """Types that may be compared with each other."""

    NUMBER = "number"
    TEXT = "varchar"
    BOOLEAN = "boolean"
    TIME = "date or timestamp"
    INTERVAL = "interval"
    ARRAY = "array"
    BINARY = "varbinary"


FAMILIES: dict[exp.DType, Family] = {
    **dict.fromkeys(exp.DataType.NUMERIC_TYPES, Family.NUMBER),
    **dict.fromkeys(exp.DataType.TEXT_TYPES, Family.TEXT),
    D.BOOLEAN: Family.BOOLEAN,
    **dict.fromkeys(exp.DataType.TEMPORAL_TYPES, Family.TIME),
    D.INTERVAL: Family.INTERVAL,
    D.ARRAY: Family.ARRAY,
    D.VARBINARY: Family.BINARY,
}
TAKEN = {"s": Family.TEXT, "n": Family.NUMBER, "t": Family.TIME, "a": Family.ARRAY, "y": Family.BINARY}
INTEGER_DIGITS = {D.TINYINT: 3, D.SMALLINT: 5, D.INT: 10, D.BIGINT: 19}
MOST_DIGITS = 38
UNKNOWN = exp.DataType.build("unknown")


def trino_type(name: str) -> exp.DataType:
    """A type by the name that Trino, Glue or Hive has for it."""
    return exp.DataType.build({"string": "varchar", "timestamp": "timestamp(3)"}.get(name, name), dialect="trino")


def type_of(node: exp.Expr) -> exp.DataType:
    kind = node.type
    return kind if isinstance(kind, exp.DataType) else UNKNOWN


def family(node: exp.Expr) -> Family | None:
    """None of what is not known, and of NULL, which goes with everything."""
    return FAMILIES.get(type_of(node).this)


def is_integer(node: exp.Expr) -> bool:
    return type_of(node).this in INTEGER_DIGITS


def is_decimal(node: exp.Expr) -> bool:
    return type_of(node).this is D.DECIMAL


def digits(kind: exp.DataType) -> tuple[int, int]:
    """Precision and scale, those of an integer too."""
    if kind.this in INTEGER_DIGITS:
        return INTEGER_DIGITS[kind.this], 0
    sizes = [int(each.name) for each in kind.expressions]
    return (sizes[0], sizes[1] if len(sizes) > 1 else 0) if sizes else (MOST_DIGITS, 0)


def decimal(precision: int, scale: int) -> exp.DataType:
    return exp.DataType.build(f"decimal({min(precision, MOST_DIGITS)}, {scale})", dialect="trino")


# --- Types of expressions


def _literal(typer: TypeAnnotator, node: exp.Literal) -> exp.Expr:
    text = node.name
    if node.is_string:
        return _typed(typer, node, D.VARCHAR)
    if "e" in text.lower():
        return _typed(typer, node, D.DOUBLE)
    if "." in text:
        whole, part = text.split(".")
        return _typed(typer, node, decimal(max(len(whole.lstrip("0")) + len(part), 1), len(part)))
    return _typed(typer, node, D.INT if int(text) < 2**31 else D.BIGINT)


def _arithmetic(typer: TypeAnnotator, node: exp.Binary) -> exp.Expr:
    left, right = type_of(node.left), type_of(node.right)
    kinds = {left.this, right.this}
    if D.INTERVAL in kinds:
        return _typed(typer, node, right if left.this == D.INTERVAL else left)
    if FAMILIES.get(left.this) != Family.NUMBER or FAMILIES.get(right.this) != Family.NUMBER:
        return _typed(typer, node, D.UNKNOWN)
    if kinds & {D.DOUBLE, D.FLOAT}:
        return _typed(typer, node, D.DOUBLE)
    if D.DECIMAL in kinds:
        return _typed(typer, node, _decimal_result(type(node), digits(left), digits(right)))
    return _typed(typer, node, max(kinds, key=lambda kind: INTEGER_DIGITS.get(kind, 0)))


def _decimal_result(operator: type[exp.Expr], left: tuple[int, int], right: tuple[int, int]) -> exp.DataType:
    (p1, s1), (p2, s2) = left, right
    scale = max(s1, s2)
    if operator is exp.Mul:
        return decimal(p1 + p2, s1 + s2)
    if operator is exp.Div:
        return decimal(p1 + s2 + max(0, s2 - s1), scale)
    if operator is exp.Mod:
        return decimal(min(p1 - s1, p2 - s2) + scale, scale)
    return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _function(typer: TypeAnnotator, node: exp.Anonymous) -> exp.Expr:
    function = FUNCTIONS.get(node.name.lower())
    returns = function.returns if function else "unknown"
    by_argument = re.fullmatch(r"[=@\[](\d)\]?", returns)
    if not by_argument:
        return _typed(typer, node, trino_type(returns))
    position = int(by_argument[1]) - 1
    kind = type_of(node.expressions[position]) if position < len(node.expressions) else UNKNOWN
    if returns[0] == "[":
        kind = exp.DataType(this=D.ARRAY, expressions=[kind.copy()], nested=True)
    elif returns[0] == "@":
        kind = kind.expressions[0] if kind.expressions else UNKNOWN
    return _typed(typer, node, kind)


def _sum(typer: TypeAnnotator, node: exp.Sum) -> exp.Expr:
    kind = type_of(_argument(node))
    if kind.this in INTEGER_DIGITS:
        return _typed(typer, node, D.BIGINT)
    return _typed(typer, node, decimal(MOST_DIGITS, digits(kind)[1]) if kind.this == D.DECIMAL else kind)


def _average(typer: TypeAnnotator, node: exp.Avg) -> exp.Expr:
    kind = type_of(_argument(node))
    return _typed(typer, node, kind if kind.this in (D.DECIMAL, D.INTERVAL) else D.DOUBLE)


def _element(typer: TypeAnnotator, node: exp.Bracket) -> exp.Expr:
    kind = type_of(node.this)
    return _typed(typer, node, kind.expressions[0] if kind.expressions else D.UNKNOWN)


def _as_inner(typer: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    return _typed(typer, node, type_of(node.this))


def _argument(node: exp.Expr) -> exp.Expr:
    this: exp.Expr = node.this
    return this.expressions[0] if isinstance(this, exp.Distinct) else this


def _typed(typer: TypeAnnotator, node: exp.Expr, kind: exp.DataType | exp.DType) -> exp.Expr:
    typer._set_type(node, kind)
    return node


_WITH_ZONE = exp.DataType.build("timestamp(3) with time zone", dialect="trino")
METADATA: dict[Any, dict[str, Any]] = {
    **Trino.EXPRESSION_METADATA,
    exp.Literal: {"annotator": _literal},
    **{kind: {"annotator": _arithmetic} for kind in (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)},
    exp.Anonymous: {"annotator": _function},
    exp.Sum: {"annotator": _sum},
    exp.Avg: {"annotator": _average},
    exp.Bracket: {"annotator": _element},
    exp.Neg: {"annotator": _as_inner},
    exp.Extract: {"returns": D.BIGINT},
    exp.CountIf: {"returns": D.BIGINT},
    exp.Substring: {"returns": D.VARCHAR},
    exp.Grouping: {"returns": D.INT},
    exp.CurrentTimestamp: {"returns": _WITH_ZONE},
    exp.AtTimeZone: {"returns": _WITH_ZONE},
    **{kind: {"annotator": _as_inner} for kind in (exp.Try, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.Filter)},
}

# --- What is refused


def refuse_mismatches(tree: exp.Expr) -> None:
    """Raises QueryRefused where Trino finds types that do not go together."""
    for node in tree.walk():
        for check in (_operator, _condition, _alternatives, _call):
            check(node)


def refuse_unknown_functions(tree: exp.Expr) -> None:
    """Raises QueryRefused for a function that the embedded engine is not taught."""
    for node in tree.find_all(exp.Anonymous):
        if node.name.lower() not in FUNCTIONS:
            name = node.name.lower()
            raise QueryRefused(f"FUNCTION_NOT_FOUND: Function '{name}' not registered, or new to the embedded engine")


COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
OF_NUMBERS = (exp.Mul, exp.Div, exp.Mod)
OF_TEXT = (exp.Like, exp.DPipe, exp.Trim, exp.StrPosition, exp.Substring)


def _operator(node: exp.Expr) -> None:
    if isinstance(node, COMPARED):
        _alike(node, [node.left, node.right])
    elif isinstance(node, exp.In):
        _alike(node, [node.this, *node.expressions, *_first_column(node.args.get("query"))])
    elif isinstance(node, exp.Between):
        _alike(node, [node.this, node.args["low"], node.args["high"]])
    elif isinstance(node, OF_NUMBERS):
        _all(node, [node.left, node.right], Family.NUMBER, Family.INTERVAL)
    elif isinstance(node, exp.Add | exp.Sub):
        _sum_of(node)
    elif isinstance(node, exp.Neg):
        _all(node, [node.this], Family.NUMBER, Family.INTERVAL)
    elif isinstance(node, exp.Sum | exp.Avg):
        _all(node, [_argument(node)], Family.NUMBER, Family.INTERVAL)
    elif isinstance(node, OF_TEXT):
        _all(node, [node.this], Family.TEXT, Family.ARRAY if isinstance(node, exp.DPipe) else Family.TEXT)
        if isinstance(node, exp.DPipe):
            _alike(node, [node.this, node.expression])
    elif isinstance(node, exp.Concat):
        _all(node, node.expressions, Family.TEXT, Family.ARRAY, Family.BINARY)
    elif isinstance(node, exp.Bracket):
        _all(node, node.expressions, Family.NUMBER)


def _sum_of(node: exp.Binary) -> None:
    left, right = family(node.left), family(node.right)
    numbers = {left, right} <= {Family.NUMBER, None}
    instants = Family.INTERVAL in (left, right) and {left, right} <= {Family.TIME, Family.INTERVAL, None}
    distance = isinstance(node, exp.Sub) and {left, right} <= {Family.TIME, None}
    if not (numbers or instants or distance):
        _refuse(node, [node.left, node.right])


def _condition(node: exp.Expr) -> None:
    conditions: list[exp.Expr | None] = []
    if isinstance(node, exp.Where | exp.Having | exp.Not):
        conditions = [node.this]
    elif isinstance(node, exp.And | exp.Or):
        conditions = [node.left, node.right]
    elif isinstance(node, exp.If) and not (isinstance(node.parent, exp.Case) and node.parent.this):
        conditions = [node.this]
    elif isinstance(node, exp.Join):
        conditions = [node.args.get("on")]
    elif isinstance(node, exp.CountIf | exp.LogicalAnd | exp.LogicalOr):
        conditions = [node.this]
    _all(node, [each for each in conditions if each is not None], Family.BOOLEAN)


def _alternatives(node: exp.Expr) -> None:
    if isinstance(node, exp.Case):
        branches = node.args.get("ifs") or []
        _alike(node, [*(each.args["true"] for each in branches), *filter(None, [node.args.get("default")])])
        if node.this:
            _alike(node, [node.this, *(each.this for each in branches)])
    elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
        _alike(node, list(filter(None, [node.args.get("true"), node.args.get("false")])))
    elif isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
        _alike(node, [node.this, *node.expressions])
    elif isinstance(node, exp.Nullif):
        _alike(node, [node.this, node.expression])
    elif isinstance(node, exp.SetOperation):
        left, right = node.left.selects, node.right.selects
        if len(left) != len(right):
            raise QueryRefused(f"TYPE_MISMATCH: {node.key.upper()} of {len(left)} columns and of {len(right)}")
        for pair in zip(left, right, strict=True):
            _alike(node, list(pair))


def _call(node: exp.Expr) -> None:
    if not isinstance(node, exp.Anonymous):
        return
    name, arguments = node.name.lower(), node.expressions
    function = FUNCTIONS.get(name)
    if function is None:
        return
    needed, _, optional = function.takes.partition("/")
    letters = needed + optional
    if letters.endswith("+"):
        letters = letters[:-1].ljust(len(arguments), letters[-2])
    if not len(needed) <= len(arguments) <= len(letters):
        raise QueryRefused(f"FUNCTION_NOT_FOUND: {name} with {len(arguments)} arguments: {node.sql('trino')}")
    for letter, argument in zip(letters, arguments, strict=False):
        if letter in TAKEN:
            _all(node, [argument], TAKEN[letter])
        elif letter == "u" and not (argument.is_string and argument.name.lower() in UNITS):
            raise QueryRefused(f"INVALID_FUNCTION_ARGUMENT: {argument.sql('trino')} is not one of {', '.join(UNITS)}")


def _first_column(query: exp.Expr | None) -> Iterator[exp.Expr]:
    inner = query.unnest() if query is not None else None
    if isinstance(inner, exp.Query):
        yield from inner.selects[:1]


def _alike(node: exp.Expr, parts: Sequence[exp.Expr]) -> None:
    if len({each for part in parts if (each := family(part))}) > 1:
        _refuse(node, parts)


def _all(node: exp.Expr, parts: Sequence[exp.Expr], *allowed: Family) -> None:
    if any((each := family(part)) and each not in allowed for part in parts):
        _refuse(node, parts)


def _refuse(node: exp.Expr, parts: Sequence[exp.Expr]) -> None:
    kinds = ", ".join(type_of(part).sql("trino").lower() for part in parts)
    raise QueryRefused(f"TYPE_MISMATCH: {node.sql('trino')} has types that do not go together: {kinds}")
