"""Questions of a section that may fail one by one, and what they tell together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from a360_pipeline.aws.errors import AWS_ERRORS
from a360_pipeline.aws.sessions import AccountSession

T = TypeVar("T")


def gathered(aws: AccountSession, questions: Sequence[tuple[str, Callable[[], Iterable[T]]]]) -> list[T]:
    """What the questions tell, each a part of its own by its title. Raises what the first met when all were refused."""
    found: list[T] = []
    errors: list[Exception] = []
    for title, question in questions:
        with aws.part(title):
            try:
                # One by one, so that the pages before one that fails are kept.
                for each in question():
                    found.append(each)
            except AWS_ERRORS as error:
                errors.append(error)
                raise
    if errors and len(errors) == len(questions):
        raise errors[0]
    return found
