"""A small Hub on 127.0.0.1 with the part of the real interface that a client needs to download."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>revision|tree)/(?P<rev>[^/]+))?")
_REFS = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/refs")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<name>.+)")


class Hub:
    """The models it has, how it answers, and what it was asked.

    Attributes
    ----------
    endpoint : str
        For HF_ENDPOINT.
    requests : list of str
        Method and path of each request so far.
    tokens : set of str
        The Authorization headers seen.
    gated : set of str
        Models for which the client gets 403.
    status : int or None
        Answer everything with this status.
    error_code : str
        And with this X-Error-Code.
    user_agents : set of str
        What the clients called themselves.
    ranges : bool
        Whether it answers requests for parts of a file.
    sent : list of (str, int, int)
        Parts that were sent: name of the file, first byte, and the first one behind them.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.user_agents: set[str] = set()
        self.gated: set[str] = set()
        self.status: int | None = None
        self.error_code = ""
        self.ranges = True
        self.sent: list[tuple[str, int, int]] = []
        self._models: dict[str, dict[str, tuple[str, dict[str, bytes]]]] = {}

    def add(self, repo: str, files: Mapping[str, bytes], *, revision: str = "main") -> str:
        """Give a model a revision; return the commit."""
        described = repr((repo, sorted(files.items())))
        commit = hashlib.sha1(described.encode(), usedforsecurity=False).hexdigest()
        revisions = self._models.setdefault(repo, {})
        revisions[revision] = revisions[commit] = (commit, dict(files))
        return commit

    def asked_for(self) -> list[str]:
        """Names of the files whose content was sent as a whole, sorted."""
        pattern = re.compile(r"GET /[^/]+/[^/]+/resolve/[^/]+/(.+)")
        found = (pattern.fullmatch(request) for request in self.requests)
        every = Counter(match[1] for match in found if match)
        return sorted((every - Counter(name for name, _, _ in self.sent)).elements())

    def branches(self, repo: str) -> dict[str, str]:
        """The commits of a model's revisions by their names."""
        revisions = self._models.get(repo, {})
        return {name: commit for name, (commit, _) in revisions.items() if name != commit}

    def find(self, repo: str, revision: str | None) -> tuple[int, str, str, dict[str, bytes]]:
        """Status, error code, commit and files."""
        if self.status is not None:
            return self.status, self.error_code, "", {}
        if repo not in self._models:
            return 404, "RepoNotFound", "", {}
        if repo in self.gated:
            return 403, "GatedRepo", "", {}
        if (revision or "main") not in self._models[repo]:
            return 404, "RevisionNotFound", "", {}
        return 200, "", *self._models[repo][revision or "main"]


class _Server(ThreadingHTTPServer):
    hub: Hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = cast(_Server, self.server).hub
        path = urlsplit(self.path).path
        hub.requests.append(f"{self.command} {unquote(path)}")
        if token := self.headers.get("Authorization"):
            hub.tokens.add(token)
        hub.user_agents.add(self.headers.get("User-Agent", ""))
        if match := _REFS.fullmatch(path):
            self._list_refs(hub, match)
        elif match := _API.fullmatch(path):
            self._describe(hub, match)
        elif match := _FILE.fullmatch(path):
            self._send_file(hub, match)
        else:
            self._send(404, b"{}")

    def _describe(self, hub: Hub, match: re.Match[str]) -> None:
        revision = unquote(match["rev"]) if match["rev"] else None
        status, code, commit, files = hub.find(match["repo"], revision)
        if status != 200 or not commit:
            self._send(status, b"{}", {"X-Error-Code": code} if code else {})
            return
        description: Any
        if match["what"] == "tree":
            description = [
                {"type": "file", "path": name, "size": len(content), "oid": _blob_id(content)}
                for name, content in files.items()
            ]
        else:
            siblings = [{"rfilename": name} for name in files]
            description = {"id": match["repo"], "sha": commit, "siblings": siblings}
        self._send(200, json.dumps(description).encode(), {"Content-Type": "application/json"})

    def _list_refs(self, hub: Hub, match: re.Match[str]) -> None:
        status, code = hub.find(match["repo"], "main")[:2]
        if status != 200:
            self._send(status, b"{}", {"X-Error-Code": code} if code else {})
            return
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit}
            for name, commit in hub.branches(match["repo"]).items()
        ]
        description = {"branches": branches, "converts": [], "tags": []}
        self._send(200, json.dumps(description).encode(), {"Content-Type": "application/json"})

    def _send_file(self, hub: Hub, match: re.Match[str]) -> None:
        status, code, commit, files = hub.find(match["repo"], unquote(match["rev"]))
        name = unquote(match["name"])
        if status == 200 and name not in files:
            status, code = 404, "EntryNotFound"
        if status != 200:
            self._send(status, b"", {"X-Error-Code": code} if code else {})
            return
        content = files[name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_blob_id(content)}"'}
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or not hub.ranges:
            self._send(200, content, headers)
            return
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        hub.sent.append((name, first, last + 1))
        if first >= len(content):
            self._send(416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"})
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(206, content[first : last + 1], headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve an empty Hub on a free port for as long as the block lasts."""
    hub = Hub()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.hub = hub
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
