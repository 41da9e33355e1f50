"""The members of a JSON object that a stranger may have written, each checked when asked for.

Every fault names the member by its path in the document, such as ``slices[3].k``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from weightgauge.errors import printable

MOST_ELEMENTS = 1 << 52
"""A histogram counts no more elements; the core refuses more, too."""

_MOST_WHOLE = 1 << 64
_WHOLE_IN_DOUBLE = 1 << 53
_MOST_EXTENT = 1 << 63
_MOST_RANK = 64
_DIGEST = re.compile("[0-9a-f]{16}")


class DescriptionError(ValueError):
    """A description that weightgauge did not write; the message names the member."""


class Members:
    """The members of one object.

    Parameters
    ----------
    value : object
        What should be an object.
    path : str
        Where it stands in the document; "" for the document itself.
    names : collection of str
        The members that it has to have, and no other.

    Raises
    ------
    DescriptionError
        If it has others, or is no object.
    """

    __slots__ = ("_path", "_values")

    def __init__(self, value: Any, path: str, names: Collection[str]) -> None:
        self._path = path
        if not isinstance(value, dict):
            raise DescriptionError(f"{path or 'the description'}: is no object")
        self._values = value
        if len(value) != len(names) or any(name not in value for name in names):
            unknown = sorted(value.keys() - set(names))
            lacking = sorted(set(names) - value.keys())
            name = (lacking or unknown)[0]
            self.fail(printable(name), "is missing" if lacking else "is no member that is known")

    def fail(self, name: str, problem: str) -> NoReturn:
        """Raise DescriptionError about one member."""
        raise DescriptionError(f"{self._member(name)}: {problem}")

    def value(self, name: str) -> Any:
        """Return a member as it is."""
        return self._values[name]

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._values[name]
        if type(value) is not str:
            self.fail(name, "is no text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None for null."""
        return None if self._values[name] is None else self.text(name)

    def word(self, name: str, vocabulary: Collection[str | None]) -> Any:
        """Return one of some words, of which None may be one."""
        value = self._values[name]
        if not isinstance(value, str | None) or value not in vocabulary:
            shown = f"'{printable(value)}'" if isinstance(value, str) else "its value"
            self.fail(name, f"{shown} is not among the words that are known")
        return value

    def matching(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Return a text of a given form, or None for null."""
        value = self.optional_text(name)
        if value is not None and pattern.fullmatch(value) is None:
            self.fail(name, f"'{printable(value)}' is not among the words that are known")
        return value

    def digest(self, name: str) -> str | None:
        """Return a digest of 16 hexadecimal digits, or None for null."""
        return self.matching(name, _DIGEST)

    def flag(self, name: str) -> bool | None:
        """Return a truth value, or None for null."""
        value = self._values[name]
        if value is not None and type(value) is not bool:
            self.fail(name, "is neither true nor false nor null")
        return value

    def count(self, name: str) -> int:
        """Return a number of elements."""
        value = self._values[name]
        if type(value) is not int or not 0 <= value <= MOST_ELEMENTS:
            self.fail(name, f"is no count up to {MOST_ELEMENTS:,}")
        return value

    def optional_count(self, name: str) -> int | None:
        """Return a number of elements, or None for null."""
        return None if self._values[name] is None else self.count(name)

    def whole(self, name: str) -> int | None:
        """Return a whole number, or None for null."""
        value = self._values[name]
        if value is not None and (type(value) is not int or abs(value) > _MOST_WHOLE):
            self.fail(name, f"is no whole number up to {_MOST_WHOLE:,}")
        return value

    def number(self, name: str) -> float:
        """Return a number; NaN for null."""
        value = self._values[name]
        if type(value) is float and math.isfinite(value):
            return value
        if value is None:
            return math.nan
        if type(value) is not int or abs(value) > _WHOLE_IN_DOUBLE:
            self.fail(name, "is no number")
        return float(value)

    def ranged(self, name: str, low: float, high: float) -> float:
        """Return a number between two others, which may be reached; NaN for null."""
        value = self.number(name)
        if value < low or value > high:
            self.fail(name, f"is no number from {low:g} to {high:g}")
        return value

    def optional_number(self, name: str) -> float | None:
        """Return a number, or None for null."""
        return None if self._values[name] is None else self.number(name)

    def items(self, name: str) -> list[Any]:
        """Return a list."""
        value = self._values[name]
        if not isinstance(value, list):
            self.fail(name, "is no list")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.items(name)
        for row, value in enumerate(found):
            if type(value) is not str:
                self.fail(f"{name}[{row}]", "is no text")
        return tuple(found)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a shape, whose product may be absurd."""
        extents = self.items(name)
        if len(extents) > _MOST_RANK:
            self.fail(name, f"has more than {_MOST_RANK} dimensions")
        if any(type(extent) is not int or not 0 <= extent < _MOST_EXTENT for extent in extents):
            self.fail(name, "is no shape")
        return tuple(extents)

    def inner(self, name: str, names: Collection[str]) -> Members | None:
        """Return a member that is an object, or None for null."""
        value = self._values[name]
        return None if value is None else Members(value, self._member(name), names)

    def rows(self, name: str, names: Collection[str]) -> Iterator[Members]:
        """Yield the objects of a list."""
        path = self._member(name)
        for row, value in enumerate(self.items(name)):
            yield Members(value, f"{path}[{row}]", names)

    def _member(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
