"""The ways to write a model on the Hub, or a folder or file of one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from weightgauge.errors import ModelNotFoundError, printable

_SCHEME = "hf://"
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?"
_QUALIFIED = re.compile(rf"(?P<repository>{_PART}/{_PART})(?:/(?P<path>{_PART}(?:/{_PART})*))?")
_BARE = re.compile(_PART)
_HOSTS = frozenset(("huggingface.co", "www.huggingface.co", "hf.co"))
_PAGES = ("tree", "blob", "resolve", "raw")
# The only revisions that have a slash in the address of a page.
_REFERENCE = re.compile(r"(refs/(?:pr|convert|heads|tags)/[^/]+)(?:/(.*))?")
# Names with these endings are mistyped paths, about which no server should be asked.
_FILE_ENDINGS = (
    ".safetensors",
    ".json",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".npy",
    ".h5",
)


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on the Hub, or a folder or file of one.

    Attributes
    ----------
    repository : str
        ``org/name``, or a bare name for the oldest models.
    revision : str or None
        Branch, tag or commit; None for the default branch.
    path : str
        A folder or a file of the model; "" for all of it.
    """

    repository: str
    revision: str | None
    path: str = ""

    def __str__(self) -> str:
        """Return the id as a user writes it."""
        path = f"/{self.path}" if self.path else ""
        revision = f"@{self.revision}" if self.revision is not None else ""
        return printable(f"{self.repository}{path}{revision}")


def parse_hub_id(text: str, *, revision: str | None = None) -> HubId | None:
    """Read ``org/name[/path][@revision]``, an ``hf://`` address, or that of a page of the Hub.

    Parameters
    ----------
    text : str
        What the user wrote. After ``hf://``, ``models/`` before the name and a bare name without an
        organisation are understood too. The address of a page is
        ``https://huggingface.co/org/name``, with ``/tree/revision/folder`` or
        ``/blob/revision/file`` behind it.
    revision : str, optional
        A revision that was given separately.

    Returns
    -------
    HubId or None
        None if the text is none of these.

    Raises
    ------
    ModelNotFoundError
        If the text is an address that names no model, or if no revision can have that name.
    ValueError
        If text and `revision` name two different revisions.

    Examples
    --------
    >>> parse_hub_id("hf://org/name@refs/pr/1")
    HubId(repository='org/name', revision='refs/pr/1', path='')
    >>> parse_hub_id("https://huggingface.co/org/name/tree/main/unet").path
    'unet'
    >>> parse_hub_id("./org/name") is None
    True
    """
    page = _page(text)
    found = _plain(text) if page is None else page
    if found is None:
        if page is None and not text.startswith(_SCHEME):
            return None
        raise ModelNotFoundError(
            f"{printable(text)}: names no model on the Hub",
            hint="The form is hf://org/name or hf://org/name@revision.",
        )
    written = found.revision
    if written is not None and revision is not None and revision != written:
        raise ValueError(f"revision={revision!r} and {printable(text)!r} name different revisions")
    chosen = revision if written is None else written
    if chosen is not None and not _could_be_revision(chosen):
        raise ModelNotFoundError(
            f"{printable(found.repository)}: '{printable(chosen)}' can be no revision",
            hint="A revision is a branch, a tag or a commit of the model.",
        )
    return HubId(found.repository, chosen, found.path)


def _plain(text: str) -> HubId | None:
    """Read an id, with or without ``hf://``."""
    has_scheme = text.startswith(_SCHEME)
    name, at, written = text.removeprefix(_SCHEME).partition("@")
    if has_scheme:
        name = name.removeprefix("models/")
    if at and not written:
        return None
    revision = written if at else None
    if has_scheme and _BARE.fullmatch(name):
        return _checked(HubId(name, revision))
    found = _QUALIFIED.fullmatch(name)
    if found is None:
        return None
    if not has_scheme and not found["path"] and name.lower().endswith(_FILE_ENDINGS):
        return None
    return _checked(HubId(found["repository"], revision, found["path"] or ""))


def _page(text: str) -> HubId | None:
    """Read the address of a page of the Hub; None for any other text."""
    if not text.startswith(("https://", "http://")):
        return None
    address = urlsplit(text)
    own = urlsplit(os.environ.get("HF_ENDPOINT", ""))
    if address.netloc not in _HOSTS and (not own.netloc or address.netloc != own.netloc):
        return None
    org, _, rest = address.path.strip("/").partition("/")
    name, _, rest = rest.partition("/")
    page, _, rest = rest.partition("/")
    repository = f"{org}/{name}" if name else org
    if page and page not in _PAGES:
        repository = ""
    # A slash within the name of a revision is escaped there, except in the usual references.
    escaped, _, path = rest.partition("/")
    revision = unquote(escaped)
    reference = _REFERENCE.fullmatch(unquote(rest))
    if reference is not None:
        revision, path = reference[1], reference[2] or ""
    found = _checked(HubId(repository, revision or None, unquote(path).strip("/")))
    if found is None or not (_QUALIFIED.fullmatch(repository) or _BARE.fullmatch(repository)):
        raise ModelNotFoundError(
            f"{printable(text)}: is no page of a model on the Hub",
            hint="Such a page is https://huggingface.co/org/name, or a folder or file of it.",
        )
    return found


def _checked(found: HubId) -> HubId | None:
    """Return the id, or None where the Hub has no such names."""
    repository, parts = found.repository, found.path.split("/")
    bad = "--" in repository or ".." in repository or "\\" in found.path
    bad = bad or any(part in ("", ".", "..") for part in parts if found.path)
    return None if bad or not found.path.isprintable() else found


def _could_be_revision(revision: str) -> bool:
    # The client uses a revision as a path in its cache. Git forbids all of these in a name.
    return (
        revision != ""
        and revision.isprintable()
        and not revision.startswith(("/", "."))
        and ".." not in revision
        and "\\" not in revision
    )
