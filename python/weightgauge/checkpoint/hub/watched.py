"""Answers of the Hub, watched while the client reads them: what they say, how long, how much.

huggingface_hub makes paths of its cache from commits, digests and names as a server sends them, and
reads what comes for as long as it comes. So its sessions are given functions that see each answer
first. They act on requests of this package alone, which are known by the name it gives itself.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from weightgauge.checkpoint.hub import limits
from weightgauge.checkpoint.hub.answers import Answer, check_head, check_list, next_page
from weightgauge.errors import HubAnswerError, printable

LIBRARY = "weightgauge"
"""What the client says who is asking."""

S = TypeVar("S")
T = TypeVar("T")


class Allowance:
    """What one call may take.

    Parameters
    ----------
    size : int
        Bytes of the longest file that it may fetch.
    seconds : float
        How long it may take in all.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self.pages = 0
        self.over = False


_in_force: list[Allowance] = []


def small_files() -> Allowance:
    """Return what is allowed to a call that fetches no weights."""
    return Allowance(limits.MOST_FILE_BYTES, limits.MOST_SECONDS)


def weights(size: int) -> Allowance:
    """Return what is allowed to a call that fetches a file of weights of a known size."""
    return Allowance(size, limits.MOST_SECONDS + size / limits.SLOWEST)


def watched(allowance: Allowance, shown: str, work: Callable[[], T]) -> T:
    """Let the client work, for as long as is allowed.

    It works on a thread of its own, so that neither an answer without end nor one that does not
    begin keeps the caller, whom Ctrl-C reaches at once. What is left behind ends with the answer.

    Parameters
    ----------
    allowance : Allowance
        What it may take.
    shown : str
        What is fetched, for the message.
    work : callable
        Asks the client.

    Returns
    -------
    object
        What the work returns.

    Raises
    ------
    HubAnswerError
        If it takes too long, or something answers that is no Hub.
    """
    from weightgauge.checkpoint.hub.sessions import watch_sessions

    outcome: list[tuple[T | None, BaseException | None]] = []
    done = threading.Event()

    def run() -> None:
        try:
            watch_sessions()
            outcome.append((work(), None))
        except BaseException as error:  # the caller's, on the caller's thread
            outcome.append((None, error))
        done.set()

    _in_force.append(allowance)
    try:
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(run,), daemon=True).start()
        if not done.wait(allowance.seconds):
            raise HubAnswerError(
                f"{shown}: {endpoint()} did not come to an end of its answer within "
                f"{allowance.seconds:,.0f} s, and was not waited for any longer",
                hint="Try again later, or check HF_ENDPOINT and the proxy settings.",
            )
    finally:
        allowance.over = True
        _in_force[:] = [each for each in _in_force if each is not allowance]
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def side_by_side(items: Sequence[S], work: Callable[[S], T], *, threads: int) -> list[T]:
    """Work on items at the same time, and return what came of each, in their order.

    The threads keep neither a caller who is interrupted nor the end of the process. After the first
    failure, which is raised, nothing new is begun.
    """
    found: dict[int, T] = {}
    failed: list[BaseException] = []
    waiting = list(enumerate(items))[::-1]
    lock = threading.Lock()
    ended = threading.Semaphore(0)

    def run() -> None:
        try:
            while not failed:
                with lock:
                    if not waiting:
                        break
                    number, item = waiting.pop()
                found[number] = work(item)
        except BaseException as error:  # the caller's, on the caller's thread
            failed.append(error)
        ended.release()

    many = min(threads, len(items))
    for _ in range(many):
        threading.Thread(target=run, daemon=True).start()
    for _ in range(many):
        ended.acquire()
        if failed:
            raise failed[0]
    return [found[number] for number in range(len(items))]


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
    mine = tuple(_in_force)
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
