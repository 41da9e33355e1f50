"""Choose the files of a directory, or of a model on the Hub, that are the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weightgauge.checkpoint.formats import FORMATS
from weightgauge.checkpoint.index import INDEX_SUFFIX, shortened
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.errors import NotACheckpointError, printable

_INDEX_NAME = "model" + INDEX_SUFFIX
_SINGLE_NAME = "model" + WEIGHTS_SUFFIX


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to read: an index, or the files of weights themselves.

    Attributes
    ----------
    index : str or None
        Name of the index, relative to the checkpoint.
    files : tuple of str
        Names of the files of weights, where there is no index.
    warnings : tuple of str
        What the reader should know about the choice.
    """

    index: str | None
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def choose_files(names: Iterable[str], *, shown: str) -> Selection:
    """Choose the files that make up the checkpoint.

    The first of these that exists is chosen: ``model.safetensors.index.json``, the only other
    index, ``model.safetensors``, the only other safetensors file, all safetensors files together.

    Parameters
    ----------
    names : iterable of str
        All file names, relative to the checkpoint, with ``/`` between folders. Files in folders
        are never chosen.
    shown : str
        Name of the checkpoint in messages.

    Returns
    -------
    Selection

    Raises
    ------
    NotACheckpointError
        If nothing can be chosen. The message says what there is instead.
    """
    everything = sorted(names)
    top = [name for name in everything if "/" not in name]
    indexes = [name for name in top if name.endswith(INDEX_SUFFIX)]
    if _INDEX_NAME in indexes:
        return Selection(_INDEX_NAME, ())
    if len(indexes) > 1:
        listed = shortened([f"'{printable(name)}'" for name in indexes])
        raise NotACheckpointError(f"holds several indexes, name one of them: {listed}", path=shown)
    if indexes:
        return Selection(indexes[0], ())
    weights = [name for name in top if name.endswith(WEIGHTS_SUFFIX)]
    if _SINGLE_NAME in weights:
        return Selection(None, (_SINGLE_NAME,))
    if len(weights) > 1:
        warning = (
            f"{printable(shown, limit=1000)}: {len(weights)} safetensors files without an index "
            "are taken as one checkpoint"
        )
        return Selection(None, tuple(weights), (warning,))
    if weights:
        return Selection(None, (weights[0],))
    raise NotACheckpointError(f"holds no safetensors file{_instead(everything)}", path=shown)


def _instead(names: list[str]) -> str:
    """Say what there is instead of a safetensors file."""
    folders = sorted({n.rpartition("/")[0] for n in names if n.endswith(WEIGHTS_SUFFIX)})
    if folders:
        listed = shortened([f"'{printable(folder)}'" for folder in folders])
        return f" of its own, but its folders do, name one of them: {listed}"
    for known in FORMATS:
        found = [name for name in names if known.several and name.lower().endswith(known.suffixes)]
        if found:
            listed = shortened([f"'{printable(name)}'" for name in found[:3]])
            what = known.several.format(names=listed)
            return f", only {what}; convert them to safetensors first"
    if not names:
        return ": it is empty"
    listed = shortened([f"'{printable(name)}'" for name in names])
    return f"; found {listed}"
