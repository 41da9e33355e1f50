"""Make a `Checkpoint` of chosen files: read their headers, compare them, add the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.config import ADAPTER_CONFIG_NAME, CONFIG_NAME, read_config
from weightgauge.checkpoint.formats import read_headers
from weightgauge.checkpoint.index import ShardIndex, check_shards, read_index, shortened
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.safetensors.header import TensorTable
from weightgauge.checkpoint.selection import Selection
from weightgauge.checkpoint.shard_names import stays_inside
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import Checkpoint, ShardFile
from weightgauge.errors import (
    CheckpointError,
    FileChangedError,
    HeaderError,
    IndexFileError,
    NotACheckpointError,
    printable,
)
from weightgauge.records import Table


def open_single_file(path: str, *, model: str) -> Checkpoint:
    """Read one file of weights that the caller named. A link is followed wherever it leads."""
    shard, table = _read_file(path, name=os.path.basename(path))
    configs, warnings = _configs_beside(os.path.dirname(path), anywhere=True)
    return _checkpoint(model, [shard], [table], configs, warnings)


def open_sources(
    sources: Mapping[str, ByteSource],
    *,
    model: str,
    config: Mapping[str, Any] | None = None,
    adapter_config: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Read the headers of safetensors files that need not be files; their weights can be fed.

    Parameters
    ----------
    sources : mapping of str to ByteSource
        By the name inside the checkpoint, in the order in which the shards are to stand.
    model : str
        What the model is called.
    config, adapter_config : mapping, optional
        What `config.json` and `adapter_config.json` say.

    Returns
    -------
    Checkpoint
        Its shards have no paths.

    Raises
    ------
    CheckpointError
        If a header is invalid, or a tensor's name occurs twice.
    """
    shards: list[ShardFile] = []
    tables: list[TensorTable] = []
    for place, (name, source) in enumerate(sources.items()):
        tables.append(read_headers(source, shard=place))
        shards.append(ShardFile(name, source.size))
    _refuse_repeated_names("", shards, tables)
    return _checkpoint(model, shards, tables, (config, adapter_config), [])


def open_selection(directory: str, selection: Selection, *, model: str) -> Checkpoint:
    """Read the files of a directory that make up a checkpoint.

    Parameters
    ----------
    directory : str
        Where the files are. No link among them may lead out of it.
    selection : Selection
        The files, relative to the directory.
    model : str
        What the caller asked for.

    Raises
    ------
    CheckpointError
        If a file is invalid or leads out of the directory, or if two files contradict each other.
    """
    if selection.index is not None:
        _check_inside(directory, [selection.index], shown=directory)
        shown = os.path.join(directory, selection.index)
        with RegularFile(shown, shown) as file:
            index = read_index(file)
        return open_index(directory, index, model=model)
    _check_inside(directory, selection.files, shown=directory)
    shards, tables = _read_all(directory, selection.files)
    _refuse_repeated_names(directory, shards, tables)
    configs, warnings = _configs_beside(directory)
    return _checkpoint(model, shards, tables, configs, [*selection.warnings, *warnings])


def open_index(directory: str, index: ShardIndex, *, model: str) -> Checkpoint:
    """Read the shards that an index names.

    Parameters
    ----------
    directory : str
        Where the index lies. No shard may lead out of it.
    index : ShardIndex
        A valid index.
    model : str
        What the caller asked for.

    Raises
    ------
    IndexFileError
        If a shard leads out of the directory, in which case nothing is opened, or if index and
        shards contradict each other. The error lists everything that is wrong.
    CheckpointError
        If a shard is invalid.
    """
    _check_inside(directory, index.shards, shown=index.shown, kind=IndexFileError)
    missing = [name for name in index.shards if not _exists(os.path.join(directory, name))]
    gone = set(missing)
    shards, tables = _read_all(directory, [name for name in index.shards if name not in gone])
    by_name = {shard.name: table.tensors.names for shard, table in zip(shards, tables, strict=True)}
    warnings = check_shards(index, missing, by_name)
    configs, more = _configs_beside(directory)
    return _checkpoint(model, shards, tables, configs, [*warnings, *more])


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        # A name that is too long for the system, or that leads through a file, is absent too.
        return isinstance(error, PermissionError)
    return True


def _check_inside(
    directory: str,
    names: Sequence[str],
    *,
    shown: str,
    kind: type[CheckpointError] = NotACheckpointError,
) -> None:
    outside = [name for name in names if not stays_inside(directory, os.path.join(directory, name))]
    if outside:
        listed = shortened([f"'{printable(name)}'" for name in outside])
        raise kind(
            f"has links that lead out of the checkpoint: {listed}; name the file itself to read it",
            path=shown,
        )


def _read_all(directory: str, names: Sequence[str]) -> tuple[list[ShardFile], list[TensorTable]]:
    shards: list[ShardFile] = []
    tables: list[TensorTable] = []
    for place, name in enumerate(names):
        path = os.path.join(directory, name)
        try:
            shard, table = _read_file(path, name=name, place=place)
        except FileNotFoundError as error:
            raise FileChangedError(
                f"{printable(path, limit=1000)}: was there a moment ago and is gone"
            ) from error
        shards.append(shard)
        tables.append(table)
    return shards, tables


def _read_file(path: str, *, name: str, place: int = 0) -> tuple[ShardFile, TensorTable]:
    with RegularFile(path, path) as file:
        table = read_headers(file, shard=place)
        return ShardFile(name, file.size, file.path, file.identity), table


def _refuse_repeated_names(
    directory: str, shards: Sequence[ShardFile], tables: Sequence[TensorTable]
) -> None:
    homes: dict[str, int] = {}
    for place, table in enumerate(tables):
        for row, name in enumerate(table.tensors.names):
            home = homes.setdefault(name, place)
            if home != place:
                raise HeaderError(
                    f"is also in '{printable(shards[home].name)}', and no index says which counts; "
                    "name one of the files",
                    path=os.path.join(directory, shards[place].name),
                    tensor=name,
                    offset=table.tensors.offsets[row],
                )


_Configs = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]


def _configs_beside(directory: str, *, anywhere: bool = False) -> tuple[_Configs, list[str]]:
    """Read the configurations of the model and of an adapter, as far as they exist."""
    model, warnings = _config_beside(directory, CONFIG_NAME, anywhere)
    adapter, more = _config_beside(directory, ADAPTER_CONFIG_NAME, anywhere)
    return (model, adapter), [*warnings, *more]


def _config_beside(
    directory: str, name: str, anywhere: bool
) -> tuple[dict[str, Any] | None, list[str]]:
    path = os.path.join(directory, name)
    if not os.path.lexists(path):
        return None, []
    try:
        if not anywhere:
            _check_inside(directory, [name], shown=directory)
        with RegularFile(path, path) as file:
            return read_config(file), []
    except (CheckpointError, FileChangedError, FileNotFoundError) as error:
        problem = error.strerror or "" if type(error) is FileNotFoundError else str(error)
        return None, [f"the model's {name} is left out: {problem}"]


def _checkpoint(
    model: str,
    shards: Sequence[ShardFile],
    tables: Sequence[TensorTable],
    configs: _Configs,
    warnings: Sequence[str],
) -> Checkpoint:
    metadata: dict[str, str] = {}
    for table in reversed(tables):
        metadata.update(table.metadata)
    return Checkpoint(
        model=model,
        shards=Table(ShardFile, shards),
        tensors=Tensors.joined([table.tensors for table in tables]),
        config=configs[0],
        metadata=metadata,
        warnings=tuple(warnings),
        adapter_config=configs[1],
    )
