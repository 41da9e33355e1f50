"""The files of a model on the Hub, or of a folder of it, or one file that was named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.index import INDEX_SUFFIX, ShardIndex, read_index, shortened
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.selection import Selection
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.errors import ModelNotFoundError, printable


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is to choose from.

    Attributes
    ----------
    folder : str
        The folder of the model in which everything is looked for; "" for the model itself.
    names : tuple of str
        The files in it, relative to it.
    single : Selection or None
        The file of weights that was named, where it was one.
    index : str or None
        The index that was named, where it was one.
    """

    folder: str
    names: tuple[str, ...]
    single: Selection | None = None

    @classmethod
    def of(cls, hub_id: HubId, names: Iterable[str]) -> Listing:
        """Take of all files of a model those that the id is about.

        Raises
        ------
        ModelNotFoundError
            If the model has no such folder or file.
        """
        every = list(names)
        path = hub_id.path
        if not path:
            return cls("", tuple(every))
        folder, _, name = path.rpartition("/")
        if path in every and name.endswith(WEIGHTS_SUFFIX):
            return cls(folder, _under(folder, every), Selection(None, (name,), named=True))
        if path in every and name.endswith(INDEX_SUFFIX):  # its folder's other indexes are no model
            kept = [each for each in _under(folder, every) if not each.endswith(INDEX_SUFFIX)]
            return cls(folder, (*kept, name))
        within = _under(path, every)
        if not within:
            weights = [each for each in every if each.endswith(WEIGHTS_SUFFIX)]
            where = hub_id.repository
            listed = shortened([f"'{printable(f'{where}/{each}')}'" for each in weights])
            raise ModelNotFoundError(
                f"{hub_id}: the model has no folder of this name, and no file of weights",
                hint=f"It has {listed}." if weights else "It has no safetensors file at all.",
            )
        return cls(path, within)


def read_index_file(hub_id: HubId, directory: str, name: str) -> ShardIndex:
    """Read an index that has been fetched."""
    with RegularFile(os.path.join(directory, name), f"{hub_id}/{printable(name)}") as file:
        return read_index(file)


def _under(folder: str, names: Sequence[str]) -> tuple[str, ...]:
    start = f"{folder}/" if folder else ""
    return tuple(name[len(start) :] for name in names if name.startswith(start))
