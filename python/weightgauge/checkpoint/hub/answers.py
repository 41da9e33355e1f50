"""What an answer of the Hub may say, checked before the client makes paths and requests of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from weightgauge.errors import HubAnswerError, printable

_HINT = "Check HF_ENDPOINT and the proxy settings."
# Other addresses of the interface answer with something else, such as tokens of the storage.
_API = re.compile(r"/api/models/(?:[^/]+/)??[^/]+?(?:/(?:(tree)/.+|(refs)|revision/[^/]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOB = re.compile(r"[A-Za-z0-9_+=:,.-]{1,200}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_ASKED = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})")
_LINK = re.compile(r"<([^<>]*)>[^<]*?rel=[\"']?(next|xet-auth)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """The head of an answer, whichever client received it.

    Attributes
    ----------
    method : str
        Of the request.
    url : str
        The address that was asked, without redirects that follow.
    asked : mapping
        Headers of the request, by names in lower case.
    status : int
        Of the answer.
    headers : mapping
        Headers of the answer, by names in lower case.
    """

    method: str
    url: str
    asked: Mapping[str, str]
    status: int
    headers: Mapping[str, str]

    def fault(self, what: str) -> HubAnswerError:
        """Return the error that says what is wrong, and with the answer to what."""
        parts = urlsplit(self.url)
        place = printable(f"{parts.scheme}://{parts.netloc}", limit=300)
        path = printable(unquote(parts.path), limit=300)
        return HubAnswerError(
            f"{place} is no Hub, or is out of order: {what} (asked for {path})", hint=_HINT
        )

    @property
    def list_of(self) -> str | None:
        """Which list of the interface it is: "info", "tree" or "refs"; None for files."""
        found = _API.fullmatch(_path_behind_prefix(self.url))
        return None if found is None else found[1] or found[2] or "info"

    @property
    def part(self) -> tuple[int, int] | None:
        """The first byte that was asked for and the one behind the last, where it was a part."""
        asked = _ASKED.fullmatch(self.asked.get("range", ""))
        return None if asked is None else (int(asked[1]), int(asked[2]) + 1)


def _path_behind_prefix(url: str) -> str:
    path = urlsplit(url).path
    return path[max(path.find("/api/models/"), 0) :]


def check_head(answer: Answer, *, trusted: Callable[[str], bool]) -> None:
    """Refuse an answer by its headers.

    Parameters
    ----------
    answer : Answer
        Its head.
    trusted : callable
        Tells whether an address belongs to the Hub, which may be given the token.

    Raises
    ------
    HubAnswerError
        If a header is none that a Hub sends.
    """
    for name, form, what in (
        ("x-repo-commit", _COMMIT, "is no commit: those have 40 or 64 hexadecimal digits"),
        ("x-xet-hash", _DIGEST, "is no digest of 64 hexadecimal digits"),
        ("x-linked-size", _LENGTH, "is no length"),
        ("content-length", _LENGTH, "is no length"),
    ):
        value = answer.headers.get(name)
        if value is not None and form.fullmatch(value) is None:
            raise answer.fault(f"the {name} '{printable(value)}' {what}")
    target = answer.headers.get("location")
    # The client goes on to another path of the same server, and takes its headers instead.
    passing = answer.status >= 300 and target is not None and not urlsplit(target).netloc
    if answer.method == "HEAD" and not passing:
        _check_etag(answer, "x-linked-etag" if "x-linked-etag" in answer.headers else "etag")
    if answer.headers.get("content-encoding", "identity") not in ("identity", ""):
        raise answer.fault("the answer is compressed, which was not asked for")
    _check_addresses(answer, trusted)
    if answer.status == 206:
        _check_range(answer)


def _check_etag(answer: Answer, name: str) -> None:
    value = answer.headers.get(name)
    if value is None:
        return
    kept = value.lstrip("W/").strip('"')  # as the client does, which names files by it
    if _BLOB.fullmatch(kept) is None or not kept.strip("."):
        raise answer.fault(f"the {name} '{printable(value)}' can name no file of the cache")


def _check_addresses(answer: Answer, trusted: Callable[[str], bool]) -> None:
    target = answer.headers.get("location")
    if target is not None and 300 <= answer.status < 400:
        whole = urljoin(answer.url, target)
        if urlsplit(whole).scheme not in ("http", "https"):
            raise answer.fault(f"it leads to '{printable(target)}', which is no address of the web")
        if answer.url.startswith("https:") and not whole.startswith("https:"):
            raise answer.fault(f"it leads from https to '{printable(target)}'")
    for address, _ in _LINK.findall(answer.headers.get("link", "")):
        # The client asks both with its token.
        if not trusted(urljoin(answer.url, address)):
            raise answer.fault(f"it names '{printable(address)}', on another server, as its next")
    route = answer.headers.get("x-xet-refresh-route")
    if route is not None and not trusted(urljoin(answer.url, route)):
        raise answer.fault(f"it names '{printable(route)}', on another server, for a token")


def _check_range(answer: Answer) -> None:
    if answer.part is None:
        return
    told = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    shown = printable(answer.headers.get("content-range", "nothing at all"))
    if told is None or told[1] is None:
        raise answer.fault(f"a part of a file was asked for, and it says to send '{shown}'")
    begin, end = answer.part
    size = int(told[3])
    if (int(told[1]), int(told[2]) + 1) != (begin, min(end, size)):
        raise answer.fault(f"bytes {begin}-{end - 1} were asked for, and it says to send '{shown}'")


def next_page(answer: Answer) -> str | None:
    """Return the address of the page that follows on a list, if one does.

    Raises
    ------
    HubAnswerError
        If it is the page itself.
    """
    for address, kind in _LINK.findall(answer.headers.get("link", "")):
        if kind.lower() == "next":
            whole: str = urljoin(answer.url, address)
            if whole == answer.url:
                raise answer.fault("a page of a list names itself as the next one")
            return whole
    return None


def check_list(answer: Answer, body: bytes) -> None:
    """Refuse a list of files or revisions that a Hub would not send.

    Raises
    ------
    HubAnswerError
        If it is no JSON, of another form, or has names that no file or commit can have.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        begins = printable(body[:60].decode("utf-8", "replace"))
        raise answer.fault(f"JSON was asked for, and what came begins with '{begins}'") from None
    check = {"info": _check_info, "tree": _check_tree, "refs": _check_refs}[answer.list_of or ""]
    check(answer, found)


def _check_info(answer: Answer, found: Any) -> None:
    if not isinstance(found, dict):
        raise answer.fault(f"a description of the model was asked for, and {_kind(found)} came")
    _check_hex(answer, _COMMIT, found.get("sha"), "commit")
    siblings = found.get("siblings")
    if siblings is None:
        return
    if not isinstance(siblings, list):
        raise answer.fault(f"a list of the model's files was asked for, and {_kind(siblings)} came")
    for each in siblings:
        _check_name(answer, each.get("rfilename") if isinstance(each, dict) else each)


def _check_tree(answer: Answer, found: Any) -> None:
    if not isinstance(found, list):
        raise answer.fault(f"a list of files was asked for, and {_kind(found)} came")
    for each in found:
        if not isinstance(each, dict):
            raise answer.fault(f"a list of files has {_kind(each)} in the place of a file")
        _check_name(answer, each.get("path"))
        if each.get("type") != "file":
            continue
        _check_hex(answer, _COMMIT, each.get("oid"), "digest")
        _check_size(answer, each.get("size"))
        if each.get("xetHash") is not None:
            _check_hex(answer, _DIGEST, each["xetHash"], "digest")
        lfs = each.get("lfs")
        if lfs is not None:
            if not isinstance(lfs, dict):
                raise answer.fault(f"a list of files has {_kind(lfs)} in the place of a digest")
            _check_hex(answer, _DIGEST, lfs.get("oid", lfs.get("sha256")), "digest")
            _check_size(answer, lfs.get("size"))


def _check_refs(answer: Answer, found: Any) -> None:
    if not isinstance(found, dict):
        raise answer.fault(f"a list of branches and tags was asked for, and {_kind(found)} came")
    for group in ("branches", "tags", "converts", "pullRequests"):
        for each in found.get(group) or ():
            if not isinstance(each, dict):
                raise answer.fault(f"a list of branches has {_kind(each)} in the place of a branch")
            _check_name(answer, each.get("name"), "revision")
            _check_hex(answer, _COMMIT, each.get("targetCommit"), "commit")


def _check_hex(answer: Answer, form: re.Pattern[str], value: Any, what: str) -> None:
    if not isinstance(value, str) or form.fullmatch(value) is None:
        digits = "64" if form is _DIGEST else "40 or 64"
        raise answer.fault(f"its {what} is {_shown(value)}, and not {digits} hexadecimal digits")


def _check_size(answer: Answer, value: Any) -> None:
    if type(value) is not int or not 0 <= value < 2**63:
        raise answer.fault(f"the size of a file is {_shown(value)}")


def _check_name(answer: Answer, value: Any, what: str = "file") -> None:
    good = isinstance(value, str) and "\0" not in value and not value.startswith("/")
    good = good and all(part not in ("", ".", "..") for part in value.split("/"))
    try:
        good = good and bool(value.encode())
    except UnicodeEncodeError:  # half of a pair of surrogates, which is no text
        good = False
    if not good:
        raise answer.fault(f"no {what} can have the name {_shown(value)}")


def _shown(value: Any) -> str:
    return f"'{printable(value)}'" if isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    """Say what a value of JSON is."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float):
        return f"the number {printable(repr(value), limit=60)}"
    return "a list" if isinstance(value, list) else "an object"
