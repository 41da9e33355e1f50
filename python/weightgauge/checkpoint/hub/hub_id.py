"""The ways to write a model on the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weightgauge.errors import ModelNotFoundError, printable

_SCHEME = "hf://"
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?"
_QUALIFIED = re.compile(f"{_PART}/{_PART}")
_BARE = re.compile(_PART)
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
    """A model on the Hub.

    Attributes
    ----------
    repository : str
        ``org/name``, or a bare name for the oldest models.
    revision : str or None
        Branch, tag or commit; None for the default branch.
    """

    repository: str
    revision: str | None

    def __str__(self) -> str:
        """Return the id as a user writes it."""
        revision = f"@{self.revision}" if self.revision is not None else ""
        return printable(f"{self.repository}{revision}")


def parse_hub_id(text: str, *, revision: str | None = None) -> HubId | None:
    """Read ``org/name[@revision]`` or ``hf://org/name[@revision]``.

    Parameters
    ----------
    text : str
        What the user wrote. After ``hf://``, ``models/`` before the name and a bare name without an
        organisation are understood too.
    revision : str, optional
        A revision that was given separately.

    Returns
    -------
    HubId or None
        None if the text is no id.

    Raises
    ------
    ModelNotFoundError
        If the text starts with ``hf://`` but names no model, or if no revision can have that name.
    ValueError
        If text and `revision` name two different revisions.

    Examples
    --------
    >>> parse_hub_id("hf://org/name@refs/pr/1")
    HubId(repository='org/name', revision='refs/pr/1')
    >>> parse_hub_id("./org/name") is None
    True
    """
    has_scheme = text.startswith(_SCHEME)
    body = text.removeprefix(_SCHEME)
    if has_scheme:
        body = body.removeprefix("models/")
    repository, at, written = body.partition("@")
    known = _QUALIFIED.fullmatch(repository) is not None
    if has_scheme:
        known = known or _BARE.fullmatch(repository) is not None
    elif repository.lower().endswith(_FILE_ENDINGS):
        known = False
    if "--" in repository or ".." in repository or (at and not written):
        known = False
    if not known:
        if has_scheme:
            raise ModelNotFoundError(
                f"{printable(text)}: names no model on the Hub",
                hint="The form is hf://org/name or hf://org/name@revision.",
            )
        return None
    if at and revision is not None and revision != written:
        raise ValueError(f"revision={revision!r} and {printable(text)!r} name different revisions")
    chosen = written if at else revision
    if chosen is not None and not _could_be_revision(chosen):
        raise ModelNotFoundError(
            f"{printable(repository)}: '{printable(chosen)}' can be no revision",
            hint="A revision is a branch, a tag or a commit of the model.",
        )
    return HubId(repository, chosen)


def _could_be_revision(revision: str) -> bool:
    # The client uses a revision as a path in its cache. Git forbids all of these in a name.
    return (
        revision != ""
        and revision.isprintable()
        and not revision.startswith(("/", "."))
        and ".." not in revision
        and "\\" not in revision
    )
