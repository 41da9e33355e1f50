"""Answers of the Hub, checked while the client reads them: what they say, and how much comes.

huggingface_hub makes paths of its cache from commits, digests and names as a server sends them, and
reads what comes for as long as it comes. So its sessions show each answer to these functions first.
They act on requests of this package alone, which are known by the name it gives itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from weightgauge.checkpoint.hub import limits
from weightgauge.checkpoint.hub.allowance import Allowance, in_force
from weightgauge.checkpoint.hub.answers import Answer, check_head, check_list, next_page
from weightgauge.errors import printable

LIBRARY = "weightgauge"
"""What the client says who is asking."""


def is_own(asked: Mapping[str, str]) -> bool:
    """Tell from the headers of a request whether this package makes it."""
    return LIBRARY in asked.get("user-agent", "")


def before(url: str, headers: Any) -> None:
    """Change the headers of a request of this package before it is sent.

    A compressed answer may be a thousand times as long as what comes. And the token is for the Hub
    alone, wherever a server leads.
    """
    headers["Accept-Encoding"] = "identity"
    if not is_trusted(url):
        with suppress(KeyError):
            del headers["Authorization"]


def endpoint() -> str:
    """Return the address of the Hub that is asked, for messages."""
    from huggingface_hub.constants import ENDPOINT

    return printable(ENDPOINT)


def is_trusted(url: str) -> bool:
    """Tell whether an address belongs to the Hub."""
    from huggingface_hub.constants import ENDPOINT

    return _origin(url) in (_origin(ENDPOINT), _origin("https://huggingface.co"))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # no port at all
        port = -1
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), usual if port is None else port


def after_head(answer: Answer) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """Check the head of an answer of this package; return what its bytes are to be passed through.

    Raises
    ------
    HubAnswerError
        If a header is none that a Hub sends, or a list has no end.
    """
    check_head(answer, trusted=is_trusted)
    mine = tuple(in_force)
    if answer.list_of is not None and next_page(answer) is not None:
        for each in mine:
            each.pages += 1
            if each.pages >= limits.MOST_PAGES:
                raise answer.fault(f"a list has more than {limits.MOST_PAGES:,} pages")
    most, cut = _most_bytes(answer, mine)
    return lambda pieces: _bounded(answer, pieces, most, cut, mine)


def after_body(answer: Answer, read: Callable[[], bytes]) -> None:
    """Check the content of a list, which is read for it; pass over anything else.

    Raises
    ------
    HubAnswerError
        If it is no such list.
    """
    if answer.list_of is not None and answer.method == "GET" and answer.status == 200:
        check_list(answer, read())


def _most_bytes(answer: Answer, mine: tuple[Allowance, ...]) -> tuple[int, bool]:
    """How long an answer may be, and whether what is beyond that is left unread in silence."""
    if answer.status >= 300:
        return limits.MOST_ERROR_BYTES, True
    if answer.list_of is not None:
        return limits.MOST_LIST_BYTES, False
    if answer.part is not None:
        begin, end = answer.part
        # A server that knows no parts sends the whole file.
        return (end - begin, False) if answer.status == 206 else (end, True)
    return max((each.size for each in mine), default=limits.MOST_FILE_BYTES), False


def _bounded(
    answer: Answer,
    pieces: Iterator[bytes],
    most: int,
    cut: bool,
    mine: tuple[Allowance, ...],
) -> Iterator[bytes]:
    came = 0
    begun = time.monotonic()
    for piece in pieces:
        came += len(piece)
        if mine and all(each.over for each in mine):
            raise answer.fault(f"no end came in {time.monotonic() - begun:.0f} s")
        if came > most:
            if not cut:
                raise answer.fault(f"more than {most:,} bytes came, which are too many")
            yield piece[: most - (came - len(piece))]
            return
        yield piece
