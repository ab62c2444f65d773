"""What botocore leaves to AWS to refuse: members of no model, wrong JSON types, values out of bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON_TYPES: Mapping[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


def unlike_json(shape: Any, value: Any, path: str = "") -> list[str]:
    """What in a JSON body the shape does not know, or knows as another type."""
    expected = JSON_TYPES.get(shape.type_name)
    if value is None or expected is None:
        return []
    if type(value) is not expected:
        return [f"{path or 'The body'} is not a {shape.type_name}."]
    if shape.type_name == "list":
        return [text for item in value for text in unlike_json(shape.member, item, f"{path}[]")]
    if shape.type_name == "map":
        return [text for item in value.values() for text in unlike_json(shape.value, item, f"{path}.*")]
    if shape.type_name != "structure":
        return []
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    problems = [f"Unknown parameter: {path}{name}." for name in value if name not in members]
    for name in value.keys() & members.keys():
        problems += unlike_json(members[name], value[name], f"{path}{name}")
    return problems


def out_of_bounds(shape: Any, value: Any, path: str = "") -> list[str]:
    """Values above a shape's maximum or outside its enum, which botocore leaves to AWS to refuse."""
    if shape.type_name == "structure":
        return [
            text
            for name, member in shape.members.items()
            if name in value
            for text in out_of_bounds(member, value[name], f"{path}.{name}" if path else name)
        ]
    problems = []
    if shape.type_name == "list":
        problems = [text for item in value for text in out_of_bounds(shape.member, item, f"{path}[]")]
    most, allowed = shape.metadata.get("max"), shape.metadata.get("enum")
    size = len(value) if isinstance(value, str | bytes | list | dict) else value
    if most is not None and isinstance(size, int | float) and size > most:
        problems.append(f"Value at '{path}' must be at most {most}.")
    if allowed and value not in allowed:
        problems.append(f"Value '{value}' at '{path}' must be one of {', '.join(allowed)}.")
    return problems
