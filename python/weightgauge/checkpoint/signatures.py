"""Tests that tell the format of a file from its first bytes.

No test decodes, unpacks or unpickles anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

HEAD_BYTES = 512
"""How many bytes from the start of a file the tests look at."""

Signature = Callable[[bytes, int], bool]
"""Takes the first bytes of a file and the length of the whole file, and says whether they fit."""

_LENGTH_BYTES = 8
_OBJECT = re.compile(rb"[ \t\n\r]*+\{")
_HEADER = re.compile(rb"[ \t\n\r]*+\{[ \t\n\r]*+[\"}]")
_PICKLE = re.compile(rb"\x80[\x02-\x05][^\x00]", re.DOTALL)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def starts_with(magic: bytes) -> Signature:
    """Return the test for a format whose files all start with the same bytes."""
    return lambda head, file_size: head.startswith(magic)


def is_big_endian_safetensors(head: bytes, file_size: int) -> bool:
    """Whether the header length fits the file only if it is read as a big-endian number."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "big")
    return (
        not _has_fitting_header(head, file_size)
        and _HEADER.match(head, _LENGTH_BYTES) is not None
        and 2 <= length <= file_size - _LENGTH_BYTES
    )


def is_safetensors(head: bytes, file_size: int) -> bool:
    """Whether a header of JSON follows the eight bytes of its length, even a damaged one.

    Where such a header is there, the bytes before it are a length, whatever else they may spell.
    """
    header = _HEADER.match(head, _LENGTH_BYTES) is not None
    return header or _has_fitting_header(head, file_size)


def _has_fitting_header(head: bytes, file_size: int) -> bool:
    """Whether the length fits the file and an object starts where the header should."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    fits = length <= file_size - _LENGTH_BYTES
    return fits and _OBJECT.match(head, _LENGTH_BYTES) is not None


def is_pickle(head: bytes, file_size: int) -> bool:
    """Whether the file is a pickle of protocol 2 to 5, which starts with the protocol's number.

    The same two bytes start a safetensors file whose header has 640 to 1408 bytes, but there a
    zero follows, and no opcode of pickle is zero.
    """
    return _PICKLE.match(head) is not None


def is_tar(head: bytes, file_size: int) -> bool:
    """Whether the file is a tar archive, which has its magic at byte 257."""
    return head[257:262] == b"ustar"


def is_html(head: bytes, file_size: int) -> bool:
    """Whether the file is a web page."""
    return _text_start(head).startswith(_HTML)


def is_json(head: bytes, file_size: int) -> bool:
    """Whether the file starts as a JSON text does."""
    return _text_start(head)[:1] in (b"{", b"[")


def is_text(head: bytes, file_size: int) -> bool:
    """Whether the file starts with printable ASCII characters only."""
    return head != b"" and all(byte in b"\t\n\r\f" or 0x20 <= byte < 0x7F for byte in head)


def _text_start(head: bytes) -> bytes:
    """Return the start of a text in lower case, without byte order mark and white space."""
    if b"\x00" in head[:_LENGTH_BYTES]:
        return b""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
