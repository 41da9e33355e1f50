"""Every error that the package raises on purpose, and `printable`, which makes text safe to show.

A name that comes from a file may hold anything: terminal escapes, right-to-left overrides, a
megabyte of text. Every message passes such a name through `printable` first.
"""

from __future__ import annotations

from collections.abc import Sequence

_NAME_LIMIT = 200
_TEXTS_TOGETHER = 4096
PATH_LIMIT = 1000
"""Longest path in a message, in characters: those of a deep directory are to be seen whole."""


def printable(text: str, *, limit: int = _NAME_LIMIT) -> str:
    r"""Make a foreign string harmless to show, on one line and not too long.

    Control, bidirectional, invisible and unassigned characters, lone surrogates and the backslash
    become Python escapes. Two different short names therefore never look the same. A longer text
    keeps its head and its tail, and the result says how many characters the whole text has.

    Parameters
    ----------
    text : str
        Any string.
    limit : int
        Length of the longest result in characters, at least 40.

    Returns
    -------
    str
        The text, without quotes around it.

    Examples
    --------
    >>> print(printable("h.0.attn\x1b[31m.weight"))
    h.0.attn\x1b[31m.weight
    >>> len(printable("a" * 1_000_000)) <= 200
    True
    """
    if len(text) <= limit:
        if text.isprintable() and "\\" not in text:  # as nearly all texts are
            return text
        shown = "".join(_escaped(character) for character in text)
        if len(shown) <= limit:
            return shown
    middle = f" ...{len(text):,} characters in all... "
    room = limit - len(middle)
    head = _fitting(text[:room], room * 3 // 4)
    tail = _fitting(text[len(head) :][-room:][::-1], room - room * 3 // 4)[::-1]
    return "".join((*head, middle, *tail))


def harmless(text: str) -> str:
    r"""Escape what a terminal would obey, in a text that was made for people.

    Names in such a text have passed through `printable`, so backslashes are left as they are. What
    was read from a file may only claim to be such a text.

    Parameters
    ----------
    text : str
        Any string.

    Returns
    -------
    str
        The text on one line.

    Examples
    --------
    >>> print(harmless("tensor 'a\\\\b': \x1b[31mreason"))
    tensor 'a\\b': \x1b[31mreason
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def all_printable(texts: Sequence[str]) -> list[str]:
    """Return texts as `printable` does; nearly all are found to be so in a few calls."""
    shown: list[str] = []
    for start in range(0, len(texts), _TEXTS_TOGETHER):
        several = texts[start : start + _TEXTS_TOGETHER]
        together = "".join(several)
        plain = together.isprintable() and "\\" not in together
        if plain and max(map(len, several)) <= _NAME_LIMIT:
            shown += several
        else:
            shown += map(printable, several)
    return shown


def all_harmless(texts: Sequence[str]) -> Sequence[str]:
    """Return texts as `harmless` does; all are looked at in one call."""
    return texts if "".join(texts).isprintable() else list(map(harmless, texts))


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
    """Return the escapes of as many of the first characters as fit, one item per character."""
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
    """A file is no valid checkpoint.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words. Foreign text in it must have passed through `printable`.
    path : str, optional
        Path of the file, as the caller wrote it.
    tensor : str, optional
        Raw name of the tensor that the problem is about.
    offset : int, optional
        Byte in the file at which the fault lies.
    hint : str, optional
        What the caller can do, where that is more than to fetch or save the file again.

    Attributes
    ----------
    path, tensor, offset, hint
        As given. The message names each of the first three that is known.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | None = None,
        tensor: str | None = None,
        offset: int | None = None,
        hint: str = "",
    ) -> None:
        message = problem if tensor is None else f"tensor '{printable(tensor)}': {problem}"
        if path is not None:
            message = f"{printable(path, limit=PATH_LIMIT)}: {message}"
        if offset is not None:
            message = f"{message} (at byte {offset})"
        super().__init__(message)
        self.path = path
        self.tensor = tensor
        self.offset = offset
        self.hint = hint


class HeaderError(CheckpointError):
    """The header of a safetensors file breaks a rule of the format."""


class IndexFileError(CheckpointError):
    """A shard index (`model.safetensors.index.json`) is invalid or does not fit its shards.

    Attributes
    ----------
    there : tuple of (int, int) or None
        Where shards are missing: how many are there, and how many it names.
    """

    there: tuple[int, int] | None = None


class ConfigError(CheckpointError):
    """A `config.json` or `adapter_config.json` cannot be read."""


class NotACheckpointError(CheckpointError):
    """The path exists but holds nothing that can be read as a checkpoint."""


class UnreadableFileError(NotACheckpointError):
    """The system did not open or read what is there: a fault of the disk, too many open files.

    Nothing is known of the content, which may be read another time.
    """


class ModelNotFoundError(WeightgaugeError, FileNotFoundError):
    """The name is neither a path here nor a model on the Hub.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words.
    hint : str
        What the caller can do, as a sentence.
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class HubError(WeightgaugeError, OSError):
    """The Hub could not be used: no network, no access, or offline with nothing in the cache.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words.
    hint : str
        What the caller can do, as a sentence.
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class HubUnreachableError(HubError):
    """The Hub gave no answer, so that a copy in the cache may be read instead."""


class HubAnswerError(HubError):
    """What answered for the Hub sent what no Hub sends, or too much, or did not come to an end."""


class FileChangedError(WeightgaugeError, OSError):
    """A file shrank or changed after its header was read and before the scan ended."""


class NothingSelectedError(WeightgaugeError, ValueError):
    """The include and exclude patterns leave no tensor of the checkpoint."""


class FeedError(WeightgaugeError, ValueError):
    """Bytes that were fed to a scan do not fit what it wants, or are missing.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words.
    shard : str, optional
        Name of the file concerned, raw.
    start, stop : int, optional
        The bytes concerned: the first, and the first behind them.
    tensor : str, optional
        The tensor they lie in, raw.

    Attributes
    ----------
    shard, start, stop, tensor
        As given; the message names each of them that is known.
    """

    def __init__(
        self,
        problem: str,
        *,
        shard: str | None = None,
        start: int = 0,
        stop: int = 0,
        tensor: str | None = None,
    ) -> None:
        message = problem
        if shard is not None:
            message = f"{named_bytes(shard, start, stop, tensor)} {problem}"
        super().__init__(message)
        self.shard = shard
        self.start = start
        self.stop = stop
        self.tensor = tensor


def named_bytes(shard: str, start: int, stop: int, tensor: str | None = None) -> str:
    """Name bytes of a file, and the tensor they lie in, for a message."""
    inside = "" if tensor is None else f" (tensor '{printable(tensor)}')"
    return f"{printable(shard, limit=PATH_LIMIT)}: bytes {start}..{stop}{inside}"


class UnsupportedDtypeError(WeightgaugeError, TypeError):
    """The elements of an array are no floating-point numbers in the memory of the CPU."""


class LiveModelError(WeightgaugeError, ValueError):
    """A model in memory cannot be read: it has no values here, or is no model."""


class HistogramFileError(WeightgaugeError, ValueError):
    """A file of saved histograms cannot be read, or what was to be written is none."""


class NeedsWeightsError(WeightgaugeError, ValueError):
    """The request needs the weights themselves, and only saved histograms are at hand."""


class OutputError(WeightgaugeError, OSError):
    """The result cannot be written."""


class OutputExistsError(WeightgaugeError, FileExistsError):
    """The output file exists, and the caller did not ask to replace it."""


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


class _HintedError(WeightgaugeError, ValueError):
    """A wrong request, with what to do instead.

    Parameters
    ----------
    problem : str
        What is wrong; safe to show.
    hint : str
        What to do; "" where nothing helps.
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class RulesError(_HintedError):
    """A rules file cannot be read, or says something that is not known."""


class OtherModelError(_HintedError):
    """Two models that were to be set against each other are no versions of one, or no adapter."""


class RunError(_HintedError):
    """What was named is no run: it has no steps, or its settings are wrong."""


class NothingToDrawError(NothingSelectedError, _HintedError):
    """What was asked for has no number that a figure could show."""
