"""Second copies of the weights that lie beside a checkpoint and are not read with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from weightgauge.checkpoint.assemble import open_selection
from weightgauge.checkpoint.cache_folder import snapshot_of
from weightgauge.checkpoint.file_sets import COPY, MODEL, file_sets, role_of
from weightgauge.checkpoint.regular_file import is_directory, names_in
from weightgauge.checkpoint.selection import Selection
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import OutputError, WeightgaugeError, printable

_ORIGINAL = "original"
"""The folder in which some models have the weights as their makers write them."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A save beside the model.

    Attributes
    ----------
    shown : str
        Its first file, and how many more there are; safe to show.
    checkpoint : Checkpoint or None
        Its headers; None if they cannot be read.
    problem : str
        Why they cannot be read; "" if they can.
    """

    shown: str
    checkpoint: Checkpoint | None
    problem: str


def open_copies(model: str, read: Checkpoint) -> Iterator[Copy]:
    """Open what lies beside a checkpoint and may be a copy of it, one after the other.

    Adapters, averages of weights (EMA) and optimizer states are no copies.

    Parameters
    ----------
    model : str
        Directory of the checkpoint, or anything else, which has nothing beside it.
    read : Checkpoint
        The checkpoint itself.

    Yields
    ------
    Copy
    """
    if not is_directory(model):
        return
    directory = snapshot_of(model) or model
    taken = {shard.name for shard in read.shards}
    for folder in ("", _ORIGINAL):
        names = _weights_in(directory, folder)
        sets = file_sets(names)
        stems = {each.stem for each in sets}
        for each in sets:
            # In a folder of its own every name is that of a copy.
            role = role_of(each.stem.removeprefix(f"{_ORIGINAL}/"), stems)
            if role not in (MODEL, COPY) or not taken.isdisjoint(each.files):
                continue
            more = len(each.files) - 1
            shown = f"'{printable(each.files[0])}'" + (f" and {more:,} more" if more else "")
            try:
                found = open_selection(directory, Selection(None, each.files), model=model)
                yield Copy(shown, found, "")
            except OutputError:
                raise
            except WeightgaugeError as error:
                yield Copy(shown, None, str(error))


def open_shard(model: str, name: str) -> Checkpoint:
    """Open one file of a directory with all its tensors, those included that an index disowns.

    Parameters
    ----------
    model : str
        Directory of the checkpoint.
    name : str
        Name of the file in it.

    Raises
    ------
    CheckpointError, FileChangedError
        If it cannot be read.
    """
    directory = snapshot_of(model) or model
    return open_selection(directory, Selection(None, (name,)), model=model)


def _weights_in(directory: str, folder: str) -> list[str]:
    found = sorted(names_in(os.path.join(directory, folder)))
    names = [name for name in found if name.endswith(WEIGHTS_SUFFIX)]
    return [f"{folder}/{name}" if folder else name for name in names]
