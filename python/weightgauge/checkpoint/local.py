"""Open checkpoints on this machine: a file of weights, an index, or a directory of them."""

from __future__ import annotations

import os
import stat

from weightgauge.checkpoint.assemble import open_selection, open_single_file
from weightgauge.checkpoint.cache_folder import snapshot_of
from weightgauge.checkpoint.formats import INDEX
from weightgauge.checkpoint.index import ShardIndex, read_index
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.selection import Selection, choose_files
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import (
    ModelNotFoundError,
    NotACheckpointError,
    UnreadableFileError,
    WeightgaugeError,
    printable,
)


def open_local(path: str) -> Checkpoint:
    """Read the headers of a checkpoint on this machine.

    Parameters
    ----------
    path : str
        A safetensors file of any name, an index (``*.index.json``), a directory, or a model's
        folder in the cache of the Hub.

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
            return _open_directory(snapshot_of(path) or path, model=path)
        if path.endswith(INDEX.suffixes):
            index = _read_index(path)
            return open_selection(os.path.dirname(path), Selection(index, index.shards), model=path)
        return open_single_file(path, model=path)
    except WeightgaugeError:
        raise
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"{printable(path, limit=1000)}: is a link that leads nowhere, or was just removed"
        ) from error
    except OSError as error:
        raise UnreadableFileError(f"cannot be opened: {error.strerror}", path=path) from error


def _open_directory(path: str, *, model: str) -> Checkpoint:
    names: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    names += _files_in(entry)  # deeper folders are not searched
                else:
                    names.append(entry.name)
    except OSError as error:
        raise UnreadableFileError(f"cannot be listed: {error.strerror}", path=path) from error

    def read(name: str) -> ShardIndex:
        try:
            return _read_index(os.path.join(path, name))
        except FileNotFoundError as error:
            shown = os.path.join(path, name)
            raise NotACheckpointError("is a link that leads nowhere", path=shown) from error

    selection = choose_files(names, shown=path, read=read)
    return open_selection(path, selection, model=model)


def _read_index(path: str) -> ShardIndex:
    with RegularFile(path, path) as file:
        return read_index(file)


def _files_in(folder: os.DirEntry[str]) -> list[str]:
    """Return the files of a folder, or the folder itself if it has none or may not be listed."""
    found = []
    try:
        with os.scandir(folder.path) as entries:
            found = [f"{folder.name}/{entry.name}" for entry in entries if not entry.is_dir()]
    except (PermissionError, FileNotFoundError):
        pass
    return found or [f"{folder.name}/"]
