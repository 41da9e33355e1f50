"""Checkpoints on the Hub, through the cache that huggingface_hub keeps.

The list of the model's files decides what is fetched: safetensors files, their index, `config.json`
and `adapter_config.json`, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from weightgauge.checkpoint.assemble import open_selection
from weightgauge.checkpoint.config import ADAPTER_CONFIG_NAME, CONFIG_NAME
from weightgauge.checkpoint.hub.client import (
    bars_only_on_a_terminal,
    cached_directory,
    download,
    list_files,
)
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.index import ShardIndex, read_index, shortened
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.selection import Selection, choose_files
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import (
    HubError,
    HubUnreachableError,
    IndexFileError,
    NotACheckpointError,
    printable,
)
from weightgauge.findings import RULES


def open_on_hub(hub_id: HubId, *, model: str) -> Checkpoint:
    """Fetch a model's weights into the cache of huggingface_hub, and read their headers.

    Tokens, endpoint, cache and offline mode are settings of that library.

    Parameters
    ----------
    hub_id : HubId
        The model.
    model : str
        What the caller asked for.

    Returns
    -------
    Checkpoint
        With a warning if the Hub could not be reached and the cached copy was read instead.

    Raises
    ------
    ModelNotFoundError
        If the Hub has no such model or revision.
    HubError
        If the Hub cannot be reached and the cache does not have the model, or access is refused.
    CheckpointError
        If the model has no safetensors files, or invalid ones.
    """
    with bars_only_on_a_terminal():
        try:
            with translated(hub_id):
                names = list_files(hub_id)
        except HubUnreachableError as error:
            directory, selection = _find_in_cache(hub_id, error)
        else:
            directory, selection = _fetch(hub_id, names)
    return open_selection(directory, selection, model=model)


def _fetch(hub_id: HubId, names: Sequence[str]) -> tuple[str, Selection]:
    # An index is fetched first and alone, because it names the large files to fetch.
    selection = choose_files(
        names,
        shown=str(hub_id),
        read=lambda name: _read_index(hub_id, download(hub_id, [name]), name),
    )
    index = selection.index
    missing = sorted(set(selection.files) - set(names))
    if index is not None and missing:
        listed = shortened([f"'{printable(name)}'" for name in missing])
        raise IndexFileError(
            f"{len(missing)} of {len(index.shards)} shards are missing on the Hub: {listed}",
            path=index.shown,
        )
    beside = [name for name in (CONFIG_NAME, ADAPTER_CONFIG_NAME) if name in names]
    return download(hub_id, [*selection.files, *beside]), selection


def _read_index(hub_id: HubId, directory: str, name: str) -> ShardIndex:
    with RegularFile(os.path.join(directory, name), f"{hub_id}/{name}") as file:
        return read_index(file)


def _find_in_cache(hub_id: HubId, cause: HubError) -> tuple[str, Selection]:
    """Find a complete copy of the model in the cache, or raise the error that led here."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    directory = cached_directory(hub_id)
    if directory is None:
        raise cause from None
    names = _cached_list(hub_id)

    def read(name: str) -> ShardIndex:
        _check_cached(hub_id, directory, [name], cause)
        return _read_index(hub_id, directory, name)

    try:
        selection = choose_files(
            os.listdir(directory) if names is None else names, shown=str(hub_id), read=read
        )
    except NotACheckpointError:
        if names is None:  # the cache may hold only some of the model's files
            raise cause from None
        raise
    _check_cached(hub_id, directory, selection.files, cause)
    if HF_HUB_OFFLINE:
        return directory, selection
    commit = os.path.basename(directory)
    what = f"{hub_id}: the Hub could not be reached, the cached copy {commit[:12]} was read"
    found = RULES["cached-copy"].finding(what=what)
    return directory, Selection(selection.index, selection.files, (found, *selection.findings))


def _check_cached(hub_id: HubId, directory: str, names: Sequence[str], cause: HubError) -> None:
    missing = [name for name in names if not _has(directory, name)]
    if missing:
        listed = shortened([f"'{printable(name)}'" for name in missing])
        raise HubError(
            f"{hub_id}: the cached copy lacks {len(missing)} of its files ({listed}), and the Hub "
            "was not asked or gave no answer",
            hint=cause.hint,
        ) from cause


def _cached_list(hub_id: HubId) -> list[str] | None:
    """Return the list of the model's files that an earlier download kept; None if there is none."""
    import huggingface_hub

    cached_tree = getattr(huggingface_hub, "get_cached_repo_tree", None)  # since 2.0
    if cached_tree is None:
        return None
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        return [file.path for file in cached_tree(hub_id.repository, revision=hub_id.revision)]
    except CachedRepoTreeNotFoundError:
        return None


def _has(directory: str, name: str) -> bool:
    return os.path.exists(os.path.join(directory, name))
