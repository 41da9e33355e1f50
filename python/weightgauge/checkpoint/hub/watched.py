"""Calls to the Hub that neither keep the caller for ever nor go past the checks of answers."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from weightgauge.checkpoint.hub.allowance import Allowance, in_force
from weightgauge.checkpoint.hub.checks import endpoint
from weightgauge.checkpoint.hub.sessions import watch_sessions
from weightgauge.errors import HubAnswerError

S = TypeVar("S")
T = TypeVar("T")


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
    outcome: list[tuple[T | None, BaseException | None]] = []
    done = threading.Event()

    def run() -> None:
        try:
            watch_sessions()
            outcome.append((work(), None))
        except BaseException as error:  # the caller's, on the caller's thread
            outcome.append((None, error))
        done.set()

    in_force.append(allowance)
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
        in_force[:] = [each for each in in_force if each is not allowance]
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
