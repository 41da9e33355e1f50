"""Every error the package raises on purpose, and the function that makes foreign text safe to show.

A name that comes out of a file may hold anything: terminal escapes, right-to-left overrides, a
megabyte of text. Messages never carry it raw; `printable` is applied first.
"""

from __future__ import annotations

_NAME_LIMIT = 200
_PATH_LIMIT = 1000


def printable(text: str, *, limit: int = _NAME_LIMIT) -> str:
    r"""Make a foreign string harmless to show, on one line and not too long.

    Control, bidirectional, invisible and unassigned characters, lone surrogates and the backslash
    become Python escapes, so two different short names never look the same. What would be longer
    than `limit` keeps its head and its tail, with the number of characters in between.

    Parameters
    ----------
    text : str
        Any string.
    limit : int
        Longest result, in characters; at least 80.

    Returns
    -------
    str
        The text without quotes round it.

    Examples
    --------
    >>> print(printable("h.0.attn\x1b[31m.weight"))
    h.0.attn\x1b[31m.weight
    >>> len(printable("a" * 1_000_000)) <= 200
    True
    """
    if len(text) <= limit:
        shown = "".join(_escaped(character) for character in text)
        if len(shown) <= limit:
            return shown
    middle = f" ...{len(text):,} characters in all... "
    room = limit - len(middle)
    head = _fitting(text[:room], room * 3 // 4)
    tail = _fitting(text[len(head) :][-room:][::-1], room - room * 3 // 4)[::-1]
    return "".join((*head, middle, *tail))


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _fitting(text: str, room: int) -> list[str]:
    """Escape as many of the first characters as fit; one item a character."""
    taken: list[str] = []
    for character in text:
        piece = _escaped(character)
        room -= len(piece)
        if room < 0:
            break
        taken.append(piece)
    return taken


class WeightgaugeError(Exception):
    """Base of every error that weightgauge raises on purpose."""


class CheckpointError(WeightgaugeError, ValueError):
    """A file that is not the valid checkpoint it should be.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words; foreign text in it must have gone through `printable`.
    path : str, optional
        The file, as the caller knows it.
    tensor : str, optional
        The tensor concerned, raw.
    offset : int, optional
        Byte in the file where the fault is.

    Attributes
    ----------
    path, tensor, offset
        As given; the message names each of them that is known.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | None = None,
        tensor: str | None = None,
        offset: int | None = None,
    ) -> None:
        message = problem if tensor is None else f"tensor '{printable(tensor)}': {problem}"
        if path is not None:
            message = f"{printable(path, limit=_PATH_LIMIT)}: {message}"
        if offset is not None:
            message = f"{message} (at byte {offset})"
        super().__init__(message)
        self.path = path
        self.tensor = tensor
        self.offset = offset


class HeaderError(CheckpointError):
    """The header of a safetensors file breaks a rule of the format."""


class IndexFileError(CheckpointError):
    """A shard index (`model.safetensors.index.json`) is invalid or does not fit its shards."""


class ConfigError(CheckpointError):
    """A `config.json` that cannot be read."""


class NotACheckpointError(CheckpointError):
    """The path exists but holds nothing that can be read as a checkpoint."""


class ModelNotFoundError(WeightgaugeError, FileNotFoundError):
    """Neither a path nor a model on the Hub."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class HubError(WeightgaugeError, OSError):
    """The Hub could not be used: network, access rights, or offline with nothing cached."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class FileChangedError(WeightgaugeError, OSError):
    """A file shrank or was changed between the reading of its header and the end of the scan."""


class UnsupportedDtypeError(WeightgaugeError, TypeError):
    """An array whose dtype has no magnitudes here."""


class HistogramFileError(WeightgaugeError, ValueError):
    """A saved histogram that cannot be read."""


class NeedsWeightsError(WeightgaugeError, ValueError):
    """Saved histograms were asked for what only the weights themselves can tell."""


class OutputExistsError(WeightgaugeError, FileExistsError):
    """The output file exists and overwriting it was not asked for."""


class MissingExtraError(WeightgaugeError, ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    package : str
        Name of the package that is missing.
    extra : str
        The extra of weightgauge that installs it.
    """

    def __init__(self, package: str, extra: str = "") -> None:
        message = package
        if extra:
            message = f"{package} is not installed: pip install 'weightgauge[{extra}]'"
        super().__init__(message)
        self.package = package
        self.extra = extra
