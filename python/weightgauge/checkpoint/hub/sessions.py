"""The sessions of huggingface_hub, whose requests and answers are shown to `checks`.

Its transport is httpx since version 1.0, and requests before.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from weightgauge.checkpoint.hub.answers import Answer
from weightgauge.checkpoint.hub.checks import after_body, after_head, before, is_own

_FACTORIES = ("_GLOBAL_CLIENT_FACTORY", "_GLOBAL_BACKEND_FACTORY")
_lock = threading.Lock()


def watch_sessions() -> None:
    """See to it that answers are checked, in the session at hand and in those that follow.

    The client makes a new session whenever a connection has failed.
    """
    import huggingface_hub.utils

    http: Any = sys.modules["huggingface_hub.utils._http"]
    client: Any = huggingface_hub.utils  # whose public names are not declared as such
    with _lock:
        for name in _FACTORIES:
            make = getattr(http, name, None)
            if make is not None and not isinstance(make, _Watching):
                setattr(http, name, _Watching(make))
        _watch(client.get_session())


class _Watching:
    """Makes sessions as before, and watches them."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __call__(self) -> Any:
        session = self._make()
        _watch(session)
        return session


def _watch(session: Any) -> None:
    if hasattr(session, "event_hooks"):
        hooks = session.event_hooks
        if _after_httpx not in hooks["response"]:
            hooks["request"].append(_before_httpx)
            hooks["response"].append(_after_httpx)
            session.event_hooks = hooks
    elif _after_requests not in session.hooks["response"]:
        session.hooks["response"].append(_after_requests)
        send = session.send

        def send_watched(request: Any, **options: Any) -> Any:
            if is_own(_lower(request.headers)):
                before(request.url, request.headers)
            return send(request, **options)

        session.send = send_watched


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _answer(response: Any) -> Answer:
    return Answer(
        method=response.request.method,
        url=str(response.request.url),
        asked=_lower(response.request.headers),
        status=response.status_code,
        headers=_lower(response.headers),
    )


def _before_httpx(request: Any) -> None:
    if is_own(_lower(request.headers)):
        before(str(request.url), request.headers)


def _after_httpx(response: Any) -> None:
    answer = _answer(response)
    if not is_own(answer.asked):
        return
    through = after_head(answer)
    stream = response.stream
    # The client insists on a stream of its own kind.
    transport = sys.modules[type(response).__module__.partition(".")[0]]

    class Passed(transport.SyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            return through(iter(stream))

        def close(self) -> None:
            stream.close()

    response.stream = Passed()
    after_body(answer, response.read)


class _PassedThrough:
    """A raw answer as requests reads it."""

    def __init__(self, raw: Any, through: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        self._raw = raw
        self._through = through

    def stream(self, size: int, **options: Any) -> Iterator[bytes]:
        """Yield what comes, in pieces of up to `size` bytes."""
        return self._through(self._raw.stream(size, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _after_requests(response: Any, **_: Any) -> None:
    answer = _answer(response)
    if not is_own(answer.asked):
        return
    response.raw = _PassedThrough(response.raw, after_head(answer))
    after_body(answer, lambda: response.content)
