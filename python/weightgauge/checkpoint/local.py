"""Open checkpoints on this machine: a file of weights, an index, or a directory of them."""

from __future__ import annotations

import os
import stat

from weightgauge.checkpoint.assemble import open_index, open_selection, open_single_file
from weightgauge.checkpoint.formats import INDEX
from weightgauge.checkpoint.index import INDEX_SUFFIX, read_index
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.selection import choose_files
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import ModelNotFoundError, NotACheckpointError, WeightgaugeError, printable


def open_local(path: str) -> Checkpoint:
    """Read the headers of a checkpoint on this machine.

    Parameters
    ----------
    path : str
        A safetensors file of any name, an index (``*.index.json``), or a directory.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If the path holds something else, or the files are invalid.
    ModelNotFoundError
        If the path is a link that leads nowhere.
    """
    try:
        is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        if is_directory:
            return _open_directory(path)
        if path.endswith(INDEX.suffixes):
            with RegularFile(path, path) as file:
                index = read_index(file)
            return open_index(os.path.dirname(path), index, model=path)
        return open_single_file(path, model=path)
    except WeightgaugeError:
        raise
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"{printable(path, limit=1000)}: is a link that leads nowhere, or was just removed"
        ) from error
    except OSError as error:
        raise NotACheckpointError(f"cannot be opened: {error.strerror}", path=path) from error


def _open_directory(path: str) -> Checkpoint:
    names: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    # The error names the folders that hold weights; deeper ones are not searched.
                    names += _weights_in(entry) or [f"{entry.name}/"]
                else:
                    names.append(entry.name)
    except OSError as error:
        raise NotACheckpointError(f"cannot be listed: {error.strerror}", path=path) from error
    return open_selection(path, choose_files(names, shown=path), model=path)


def _weights_in(folder: os.DirEntry[str]) -> list[str]:
    try:
        with os.scandir(folder.path) as entries:
            return [
                f"{folder.name}/{entry.name}"
                for entry in entries
                if entry.name.endswith((WEIGHTS_SUFFIX, INDEX_SUFFIX))
            ]
    except OSError:
        return []
