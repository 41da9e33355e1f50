"""A pull parser for JSON bytes: the caller says what may come next.

A parser that is told what to expect builds nothing else, never recurses, and knows the byte where
the text went wrong. So a header with a million tensors does not become a million dictionaries, and
hostile text becomes nothing at all.

The parser sees the text through a window that moves over it, so that a header of 100 MB is never in
memory as a whole. Only `JsonCursor.extend` moves the window. A caller whose item is cut off by the
end of the window steps back to the start of the item, extends, and reads the item again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn

from weightgauge.checkpoint import strict_json
from weightgauge.checkpoint.strict_json import JsonFault
from weightgauge.errors import printable

_SPACE = re.compile(rb"[ \t\n\r]*+")
# Strings with escapes are left to the scanner of the standard library. In an expression, a group of
# pieces would either keep a place to return to for each, which takes much memory, or be possessive,
# which Python before 3.11.5 may match wrongly (its issue 106052).
_PLAIN_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+\-])")
_LITERAL = re.compile(rb"(?:true|false|null)(?![A-Za-z0-9_])")
_WORD = re.compile(rb"[A-Za-z0-9+\-.]{1,20}")
_NESTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_IGNORED_LIMIT = 65_536
_U64_DIGITS = 20
_WINDOW = 1 << 20
_SHORT_STRING = 256
_SCANNER = json.JSONDecoder()


class JsonCursor:
    """A position in JSON text.

    Parameters
    ----------
    fetch : callable
        ``fetch(offset, length)`` returns that part of the text.
    length : int
        Length of the whole text in bytes.

    Attributes
    ----------
    data : bytes
        The window.
    pos : int
        The position in the window.
    start : int
        Where in the text the window starts.
    """

    __slots__ = ("_fetch", "_length", "data", "pos", "start")

    def __init__(self, fetch: Callable[[int, int], bytes], length: int) -> None:
        self._fetch = fetch
        self._length = length
        self.start = 0
        self.data = fetch(0, min(length, _WINDOW))
        self.pos = 0

    def extend(self) -> bool:
        """Move the window forward, to start at the position; False if its end is the text's."""
        end = self.start + len(self.data)
        if end == self._length:
            return False
        # The window doubles, so the cost of reading a long item repeatedly stays proportional to
        # its length.
        fresh = self._fetch(end, min(self._length - end, max(_WINDOW, len(self.data) - self.pos)))
        self.start += self.pos
        self.data = self.data[self.pos :] + fresh
        self.pos = 0
        return True

    def peek_on(self) -> bytes:
        """Skip white space, extending the window if needed, and return the byte behind it."""
        while not (byte := self.peek()) and self.extend():
            pass
        return byte

    def fail(self, problem: str, at: int | None = None, *, certain: bool = False) -> NoReturn:
        """Raise `JsonFault` at the given place in the window, or at the position."""
        raise JsonFault(problem, self.start + (self.pos if at is None else at), certain=certain)

    def peek(self) -> bytes:
        """Skip white space and return the byte behind it; empty at the end of the window."""
        byte = self.data[self.pos : self.pos + 1]
        if byte > b" ":  # nearly everywhere there is no white space
            return byte
        found = _SPACE.match(self.data, self.pos)
        if found is not None:
            self.pos = found.end()
        return self.data[self.pos : self.pos + 1]

    def take(self, byte: bytes) -> bool:
        """Step over the byte if it comes next, and return whether it did."""
        if self.peek() != byte:
            return False
        self.pos += 1
        return True

    def expect(self, byte: bytes, where: str) -> None:
        """Step over the byte, which must come next."""
        if not self.take(byte):
            self.fail(f"expected '{byte.decode()}' {where}, found {self.describe()}")

    def more(self, closing: bytes, where: str) -> bool:
        """Step over a comma, or over the closing bracket; return whether another item follows."""
        if self.take(b","):
            return True
        if self.take(closing):
            return False
        self.fail(f"expected ',' or '{closing.decode()}' {where}, found {self.describe()}")

    def key(self, where: str) -> str:
        """Read a key and the colon after it."""
        if self.peek() != b'"':
            self.fail(f"expected a name in double quotes {where}, found {self.describe()}")
        name = self.string()
        self.expect(b":", f"after a name {where}")
        return name

    def string(self) -> str:
        """Read a string; the cursor must stand on its opening quote."""
        start = self.pos
        end = self._end_of_string(start)
        raw = self.data[start + 1 : end - 1]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self.fail("the header is not UTF-8", start + 1 + error.start)
        if b"\\" in raw:
            text = json.loads(f'"{text}"')
            if _SURROGATE.search(text):
                self.fail("a string holds half a surrogate pair")
        self.pos = end
        return text

    def _end_of_string(self, start: int) -> int:
        plain = _PLAIN_STRING.match(self.data, start)
        if plain is not None:
            return plain.end()
        length = _SHORT_STRING
        while True:
            # One character stands for each byte, so that places are the same in both.
            text = self.data[start : start + length].decode("latin-1")
            try:
                return start + _SCANNER.raw_decode(text)[1]
            except ValueError:  # it is wrong, or cut off
                if start + length >= len(self.data):
                    break
            length *= 8
        self.fail("a string is not closed, or holds a raw control character or a bad escape")

    def unsigned(self, what: str) -> int:
        """Read an integer from 0 to 2^64 - 1, written without sign, point or exponent."""
        self.peek()
        found = _NUMBER.match(self.data, self.pos)
        if found is None:
            self.fail(f"{what} is {self.describe()}, not an integer")
        digits = found[0]
        if not digits.isdigit():
            kind = "negative" if digits.startswith(b"-") else "not written as an integer"
            self.fail(f"{what} is {self.describe()}: {kind}")
        if len(digits) > _U64_DIGITS or (value := int(digits)) >= 1 << 64:
            self.fail(f"{what} is 2^64 or more")
        self.pos = found.end()
        return value

    def skip_value(self) -> None:
        """Step over a value that is not needed; it must still be strict JSON."""
        start = self.pos
        first = self.peek()
        if first == b'"':
            self.string()
            return
        scalar = _NUMBER.match(self.data, self.pos) or _LITERAL.match(self.data, self.pos)
        if scalar is None and first not in (b"{", b"["):
            self.fail(f"expected a value, found {self.describe()}")
        self.pos = self._end_of_nested(self.pos) if scalar is None else scalar.end()
        try:
            strict_json.loads(self.data[start : self.pos])
        except JsonFault as fault:
            self.fail(f"a value in it {fault.problem}", start + (fault.offset or 0))

    def _end_of_nested(self, start: int) -> int:
        depth = 0
        for match in _NESTED.finditer(self.data, start, start + _IGNORED_LIMIT):
            first = self.data[match.start()]
            if first in b"[{":
                depth += 1
            elif first in b"]}":
                depth -= 1
                if depth == 0:
                    return match.end()
        certain = len(self.data) - start >= _IGNORED_LIMIT
        self.fail(f"a value is not closed within {_IGNORED_LIMIT:,} bytes", start, certain=certain)

    def describe(self) -> str:
        """Describe in a few words what comes next."""
        first = self.peek()
        if not first:
            return "the end of the text"
        for bracket, meaning in ((b"{", "an object"), (b"[", "a list")):
            if first == bracket:
                return meaning
        snippet = self.data[self.pos : self.pos + 60]
        for pattern in (_NUMBER, _LITERAL, _WORD):
            found = pattern.match(snippet)
            if found is not None:
                return found[0].decode()
        if first == b'"':
            shown = snippet[: snippet.find(b'"', 1) + 1] or snippet
            return f"the string {printable(shown.decode('utf-8', 'replace'))}"
        return f"'{printable(first.decode('utf-8', 'backslashreplace'))}'"
