"""A server on 127.0.0.1 that answers as no Hub should, each model in another way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from hub_server import Hub, _Handler, _Server

Respond = Callable[["HostileHandler"], None]


@dataclass(frozen=True)
class Case:
    """One way to answer.

    Attributes
    ----------
    request : str
        A pattern of the requests, method and path, that are answered so; others are as they were.
    respond : callable, optional
        Answers them.
    headers : mapping
        Headers in the place of the usual ones; None leaves one out.
    told : tuple of str
        What the message has to say.
    """

    request: str
    respond: Respond | None = None
    headers: Mapping[str, str | None] | None = None
    told: tuple[str, ...] = ()


class HostileHub(Hub):
    """As a Hub, with cases by the names of the models."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: dict[str, Case] = {}
        self.stopped = threading.Event()


class HostileHandler(_Handler):
    """Answers a model's requests as its case says."""

    def setup(self) -> None:
        super().setup()
        self.changed: Mapping[str, str | None] = {}
        self.last = False  # whether the connection ends with this answer, which it then says

    @property
    def hub(self) -> HostileHub:
        return cast(HostileHub, cast(_Server, self.server).hub)

    def _answer(self) -> None:
        self.changed = {}
        found = re.search(r"org/([a-z0-9_]+)", self.path)
        case = self.hub.cases.get(found[1]) if found else None
        if case is not None and re.fullmatch(case.request, f"{self.command} {self.path}"):
            if case.respond is not None:
                if token := self.headers.get("Authorization"):
                    self.hub.tokens.add(token)
                self.last = True
                with suppress(ConnectionError):
                    case.respond(self)
                self.close_connection = True
                return
            self.changed = case.headers or {}
        with suppress(ConnectionError):
            super()._answer()

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        kept: dict[str, Any] = {**(headers or {}), **self.changed, **self._end()}
        super()._send(status, body, {name: value for name, value in kept.items() if value})

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer, without the length of what follows."""
        self.send_response(status)
        for name, value in {**headers, **self._end()}.items():
            self.send_header(name, value)
        self.end_headers()

    def _end(self) -> dict[str, str]:
        # Else a client may ask its next question on a connection that is closed meanwhile.
        return {"Connection": "close"} if self.last else {}


def sends(body: bytes, status: int = 200, **headers: str) -> Respond:
    """Answer with this content; underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler._send(status, body, named)


def sends_for_ever(status: int = 200, **headers: str) -> Respond:
    """Answer with spaces until the other side has had enough."""

    def respond(handler: HostileHandler) -> None:
        handler.head(status, {name.replace("_", "-"): value for name, value in headers.items()})
        while not handler.hub.stopped.is_set():
            handler.wfile.write(b" " * 65536)

    return respond


def drips(first: bytes) -> Respond:
    """Send a beginning, and then a byte now and then."""

    def respond(handler: HostileHandler) -> None:
        handler.wfile.write(first)
        while not handler.hub.stopped.wait(0.05):
            handler.wfile.write(b"x")

    return respond


def breaks_off(handler: HostileHandler) -> None:
    """Announce more than is sent."""
    handler.head(200, {"Content-Length": "1000"})
    handler.wfile.write(b'{"sha": ')


def says(raw: bytes) -> Respond:
    """Send bytes that need not be HTTP."""
    return lambda handler: cast(None, handler.wfile.write(raw))


@contextmanager
def running_hostile_hub() -> Iterator[HostileHub]:
    """Serve on a free port for as long as the block lasts."""
    hub = HostileHub()
    with _Server(("127.0.0.1", 0), HostileHandler) as server:
        server.daemon_threads = True
        server.hub = hub
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.stopped.set()
            server.shutdown()
            thread.join()
