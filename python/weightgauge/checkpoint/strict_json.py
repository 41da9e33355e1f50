"""A strict JSON parser for the small files beside the weights.

The parser of the standard library silently merges repeated keys, accepts NaN, turns 1e999 into
infinity, and recurses as deep as the text is nested. A hostile file can use each of these to show
two readers different content, or to crash one. Here each is an error with a byte offset.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from weightgauge.errors import printable

MAX_DEPTH = 100
_MAX_DIGITS = 300
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonFault(ValueError):
    """Text that is not strict JSON.

    Attributes
    ----------
    problem : str
        What is wrong.
    offset : int or None
        Byte in the text; None where it is not known.
    tensor : str or None
        The tensor whose entry was being read; None outside such an entry.
    certain : bool
        Whether it is one whatever follows; false where the text may only have been cut off.
    """

    def __init__(
        self,
        problem: str,
        offset: int | None = None,
        tensor: str | None = None,
        *,
        certain: bool = False,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset
        self.tensor = tensor
        self.certain = certain


def loads(raw: bytes) -> Any:
    """Parse one JSON document.

    Parameters
    ----------
    raw : bytes
        UTF-8 without a byte order mark. White space around the document is allowed.

    Returns
    -------
    object
        The value, as `json.loads` would return it.

    Raises
    ------
    JsonFault
        If the text is not exactly one document of strict JSON, if a key occurs twice in one object,
        or if the nesting is deeper than 100.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raise JsonFault("starts with a byte order mark", 0)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonFault("is not UTF-8", error.start) from None
    _check_depth(raw)
    try:
        return json.loads(
            text,
            # Only escapes spell halves of surrogate pairs.
            object_pairs_hook=_whole if "\\u" in text else _unrepeated,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode("utf-8"))
        raise JsonFault(f"is not valid JSON: {error.msg}", offset) from None


def _check_depth(raw: bytes) -> None:
    # Nearly all files have few brackets. Counting those is faster than walking through the text.
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        first = raw[match.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise JsonFault(f"is nested deeper than {MAX_DEPTH} levels", match.start())
        elif first in b"]}":
            depth -= 1


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, in which no key may be there twice."""
    merged = dict(pairs)
    if len(merged) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonFault(f"has the key '{printable(key)}' twice in one object")
            seen.add(key)
    return merged


def _whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, in which all texts must be of whole characters as well."""
    merged = _unrepeated(pairs)
    for key, value in pairs:
        if _SURROGATE.search(key) or (isinstance(value, str) and _SURROGATE.search(value)):
            raise JsonFault(f"has half a surrogate pair at the key '{printable(key)}'")
    return merged


def _refuse_constant(literal: str) -> NoReturn:
    raise JsonFault(f"holds {literal}, which is not JSON")


def _integer(digits: str) -> int:
    # Depending on a setting of the process, Python converts very long digit strings in quadratic
    # time or raises an error of its own; and no double is as large as integers of 310 digits.
    if len(digits.removeprefix("-")) > _MAX_DIGITS:
        raise JsonFault(f"holds an integer of {len(digits):,} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise JsonFault(f"holds a number beyond the range of a double: {printable(digits)}")
    return value
