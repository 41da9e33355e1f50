"""Make a `Checkpoint` of chosen files: read their headers, compare them, add the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.config import (
    ADAPTER_CONFIG_NAME,
    CONFIG_NAME,
    QUANTISER_CONFIG_NAMES,
    read_config,
)
from weightgauge.checkpoint.file_sets import file_sets
from weightgauge.checkpoint.formats import read_headers
from weightgauge.checkpoint.index import ShardIndex, check_shards
from weightgauge.checkpoint.regular_file import RegularFile, lies_at
from weightgauge.checkpoint.safetensors.header import TensorTable
from weightgauge.checkpoint.selection import Selection, missing_files
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import Checkpoint, ShardFile
from weightgauge.errors import (
    CheckpointError,
    FileChangedError,
    HeaderError,
    UnreadableFileError,
    printable,
)
from weightgauge.findings import RULES, Finding, by_importance
from weightgauge.records import Table

_NOTHING: Mapping[str, FileElsewhere] = MappingProxyType({})


def open_single_file(path: str, *, model: str) -> Checkpoint:
    """Read one file of weights that the caller named. A link is followed wherever it leads."""
    shard, table = _read_file(path, name=os.path.basename(path))
    configs, findings = _configs_beside(os.path.dirname(path))
    total = next((each.total for each in file_sets([shard.name]) if each.total), 1)
    if total > 1:
        what = f"this is one of {total:,} files of a model; the others are not read"
        findings.append(RULES["odd-input"].finding(what=what))
    return _checkpoint(model, [shard], [table], configs, findings)


def open_sources(
    sources: Mapping[str, ByteSource],
    *,
    model: str,
    config: Mapping[str, Any] | None = None,
    adapter_config: Mapping[str, Any] | None = None,
    quantiser_configs: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
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
    quantiser_configs : mapping of str to mapping, optional
        What quantisers keep beside them, such as `quantize_config.json`, by the names of the files.

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
    return _checkpoint(
        model, shards, tables, _Configs(config, adapter_config, quantiser_configs), []
    )


class FileElsewhere(ByteSource, Protocol):
    """A file that lies in no directory yet."""

    def shard(self, name: str) -> ShardFile:
        """Return it as a shard of a checkpoint, under its name there."""


def open_selection(
    directory: str,
    selection: Selection,
    *,
    model: str,
    elsewhere: Mapping[str, FileElsewhere] = _NOTHING,
) -> Checkpoint:
    """Read the files of a directory that make up a checkpoint.

    Parameters
    ----------
    directory : str
        Where the files are. Links are followed wherever they lead: who named the directory chose
        them.
    selection : Selection
        The files, relative to the directory.
    model : str
        What the caller asked for.
    elsewhere : mapping of str to FileElsewhere
        Files of the selection that are not in the directory.

    Raises
    ------
    IndexFileError
        If index and shards contradict each other. The error lists everything that is wrong.
    CheckpointError
        If a file is invalid, or if two files contradict each other.
    """
    findings = list(selection.findings)
    if not selection.named:
        findings += missing_files(selection.files)
    index = selection.index
    if index is None:
        shards, tables = _read_all(directory, selection.files, elsewhere)
        _refuse_repeated_names(directory, shards, tables)
    else:
        missing = [
            name
            for name in index.shards
            if name not in elsewhere and not lies_at(os.path.join(directory, name), followed=True)
        ]
        gone = set(missing)
        there = [name for name in index.shards if name not in gone]
        shards, tables = _read_all(directory, there, elsewhere)
        findings += _follow_index(index, missing, shards, tables)
    configs, more = _configs_beside(directory, with_adapter=selection.with_adapter)
    return _checkpoint(model, shards, tables, configs, [*findings, *more])


def _follow_index(
    index: ShardIndex,
    missing: Sequence[str],
    shards: Sequence[ShardFile],
    tables: list[TensorTable],
) -> list[Finding]:
    """Leave of each tensor the copy that the index names, and tell what is odd about the index."""
    names = [shard.name for shard in shards]
    checked = check_shards(
        index, missing, dict(zip(names, (table.tensors for table in tables), strict=True))
    )
    for place, (name, table) in enumerate(zip(names, tables, strict=True)):
        stale = checked.stale.get(name)
        if stale:
            rows = [row for row, each in enumerate(table.tensors.names) if each not in stale]
            tables[place] = TensorTable(table.tensors.take(rows), table.metadata)
    return checked.findings


def _read_all(
    directory: str, names: Sequence[str], elsewhere: Mapping[str, FileElsewhere]
) -> tuple[list[ShardFile], list[TensorTable]]:
    shards: list[ShardFile] = []
    tables: list[TensorTable] = []
    for place, name in enumerate(names):
        file = elsewhere.get(name)
        if file is not None:
            tables.append(read_headers(file, shard=place))
            shards.append(file.shard(name))
            continue
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
    if len(tables) < 2:
        return
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
                    hint="name one of the files, or put an index beside them",
                )


_WITHOUT = {
    ADAPTER_CONFIG_NAME: "mend the file; without it, rank and scale of the adapter are not known",
    **dict.fromkeys(
        QUANTISER_CONFIG_NAMES,
        "mend the file; without it, bits and groups of packed weights are told from shapes and "
        "config.json alone",
    ),
}
"""What is not known without one of the files beside `config.json`."""


class _Configs(NamedTuple):
    """The configurations of a checkpoint, as attributes of `Checkpoint`."""

    config: Mapping[str, Any] | None
    adapter_config: Mapping[str, Any] | None
    quantiser_configs: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def _configs_beside(directory: str, *, with_adapter: bool = True) -> tuple[_Configs, list[Finding]]:
    """Read the configurations of model, adapter and quantiser, as far as they exist.

    One with a fault in it is left out with a finding; one that the system does not read is an
    error.
    """
    findings: list[Finding] = []
    found: dict[str, Mapping[str, Any]] = {}
    for name in (CONFIG_NAME, ADAPTER_CONFIG_NAME, *QUANTISER_CONFIG_NAMES):
        if name != ADAPTER_CONFIG_NAME or with_adapter:
            content, more = _config_beside(directory, name)
            findings += more
            if content is not None:
                found[name] = content
    model, adapter = found.pop(CONFIG_NAME, None), found.pop(ADAPTER_CONFIG_NAME, None)
    return _Configs(model, adapter, found), findings


def _config_beside(directory: str, name: str) -> tuple[dict[str, Any] | None, list[Finding]]:
    path = os.path.join(directory, name)
    if not lies_at(path):
        return None, []
    try:
        with RegularFile(path, path) as file:
            return read_config(file), []
    except UnreadableFileError:
        raise  # it may say what the names do not, so the result would be another one
    except (CheckpointError, FileChangedError, FileNotFoundError) as error:
        problem = error.strerror or "" if type(error) is FileNotFoundError else str(error)
        what = f"the model's {name} is left out: {problem}"
        return None, [RULES["config-unreadable"].finding(what=what, hint=_WITHOUT.get(name))]


def _checkpoint(
    model: str,
    shards: Sequence[ShardFile],
    tables: Sequence[TensorTable],
    configs: _Configs,
    findings: Sequence[Finding],
) -> Checkpoint:
    metadata: dict[str, str] = {}
    for table in reversed(tables):
        metadata.update(table.metadata)
    tensors = Tensors.joined([table.tensors for table in tables])
    if not tensors:
        what = "the checkpoint holds no tensors"
        findings = [RULES["odd-input"].finding(what=what, level="warning"), *findings]
    return Checkpoint(
        model=model,
        shards=Table(ShardFile, shards),
        tensors=tensors,
        config=configs.config,
        metadata=metadata,
        findings=by_importance(findings),
        adapter_config=configs.adapter_config,
        quantiser_configs=configs.quantiser_configs,
    )
