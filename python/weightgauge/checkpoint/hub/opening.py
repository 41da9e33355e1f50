"""Checkpoints on the Hub, through the client huggingface_hub and the cache that it keeps.

The list of the model's files decides what is fetched: the index, `config.json`,
`adapter_config.json`, what quantisers keep beside them, and of the safetensors files their headers.
The files themselves are fetched when their weights are measured.
"""

from __future__ import annotations

import os

from weightgauge.checkpoint.assemble import open_selection
from weightgauge.checkpoint.config import (
    ADAPTER_CONFIG_NAME,
    CONFIG_NAME,
    QUANTISER_CONFIG_NAMES,
)
from weightgauge.checkpoint.hub.cached import find_in_cache
from weightgauge.checkpoint.hub.client import bars_only_on_a_terminal, download, list_files
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.listing import Listing, read_index_file
from weightgauge.checkpoint.hub.remote_file import HubFile
from weightgauge.checkpoint.hub.watched import side_by_side
from weightgauge.checkpoint.index import ShardIndex, shortened
from weightgauge.checkpoint.regular_file import lies_at
from weightgauge.checkpoint.selection import choose_files
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import HubUnreachableError, IndexFileError, printable
from weightgauge.wording import agreeing, counted

_AT_ONCE = 8
"""Headers that are asked for at the same time."""


def open_on_hub(hub_id: HubId, *, model: str) -> Checkpoint:
    """Read the headers of a model on the Hub; files that are in the client's cache are read there.

    Tokens, endpoint, cache and offline mode are settings of huggingface_hub.

    Parameters
    ----------
    hub_id : HubId
        The model, or a folder or file of it.
    model : str
        What the caller asked for.

    Returns
    -------
    Checkpoint
        Its files are fetched when they are needed. With a finding if the Hub could not be reached
        and the cached copy was read instead.

    Raises
    ------
    ModelNotFoundError
        If the Hub has no such model, revision, folder or file.
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
            directory, selection = find_in_cache(hub_id, error)
            return open_selection(directory, selection, model=model)
        return _open_listed(hub_id, Listing.of(hub_id, names), model)


def _open_listed(hub_id: HubId, listing: Listing, model: str) -> Checkpoint:
    folder = listing.folder

    def read(name: str) -> ShardIndex:
        snapshot = download(hub_id, [_joined(folder, name)])
        return read_index_file(hub_id, os.path.join(snapshot, folder), name)

    selection = listing.single or choose_files(listing.names, shown=str(hub_id), read=read)
    missing = sorted(set(selection.files) - set(listing.names))
    if selection.index is not None and missing:
        listed = shortened([f"'{printable(name)}'" for name in missing])
        number = len(selection.index.shards)
        error = IndexFileError(
            f"{len(missing):,} of {counted(number, 'shard')} {agreeing(len(missing))} missing on "
            f"the Hub: {listed}",
            path=selection.index.shown,
            hint="the model is incomplete on the Hub; try another revision, or tell its authors",
        )
        error.there = number - len(missing), number
        raise error
    of_adapter = (ADAPTER_CONFIG_NAME,) if selection.with_adapter else ()
    settings = (CONFIG_NAME, *of_adapter, *QUANTISER_CONFIG_NAMES)
    beside = [name for name in settings if name in listing.names]
    snapshot = download(hub_id, [_joined(folder, name) for name in beside])
    directory, commit = os.path.join(snapshot, folder), os.path.basename(snapshot)
    wanted = [n for n in selection.files if not lies_at(os.path.join(directory, n), followed=True)]
    files = side_by_side(
        wanted, lambda name: HubFile(hub_id, commit, _joined(folder, name)), threads=_AT_ONCE
    )
    elsewhere = dict(zip(wanted, files, strict=True))
    return open_selection(directory, selection, model=model, elsewhere=elsewhere)


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
