"""Models in the cache of huggingface_hub, for when the Hub gives no answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from weightgauge.checkpoint.hub.client import cached_directory
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.listing import Listing, read_index_file
from weightgauge.checkpoint.index import ShardIndex, shortened
from weightgauge.checkpoint.regular_file import lies_at
from weightgauge.checkpoint.selection import Selection, choose_files
from weightgauge.errors import HubError, NotACheckpointError, printable
from weightgauge.findings import RULES


def find_in_cache(hub_id: HubId, cause: HubError) -> tuple[str, Selection]:
    """Find a complete copy of the model in the cache, or raise the error that led here.

    Parameters
    ----------
    hub_id : HubId
        The model.
    cause : HubError
        Why the Hub is not asked.

    Returns
    -------
    directory : str
        Where the files of the selection lie.
    selection : Selection
        With a finding if the Hub was asked in vain.

    Raises
    ------
    HubError
        If there is no copy, or an incomplete one.
    CheckpointError
        If the copy is none of a checkpoint.
    """
    from huggingface_hub.constants import HF_HUB_OFFLINE

    snapshot = cached_directory(hub_id)
    if snapshot is None:
        raise cause from None
    kept = _kept_list(hub_id)
    names = _files_under(snapshot) if kept is None else kept
    listing = Listing.of(hub_id, names)
    directory = os.path.join(snapshot, listing.folder)

    def read(name: str) -> ShardIndex:
        _check_cached(hub_id, directory, [name], cause)
        return read_index_file(hub_id, directory, name)

    try:
        selection = listing.single or choose_files(listing.names, shown=str(hub_id), read=read)
    except NotACheckpointError:
        if kept is None:  # the cache may hold only some of the model's files
            raise cause from None
        raise
    _check_cached(hub_id, directory, selection.files, cause)
    if HF_HUB_OFFLINE:
        return directory, selection
    commit = os.path.basename(snapshot)
    what = f"{hub_id}: the Hub could not be reached, the cached copy {commit[:12]} was read"
    found = RULES["cached-copy"].finding(what=what)
    return directory, replace(selection, findings=(found, *selection.findings))


def _check_cached(hub_id: HubId, directory: str, names: Sequence[str], cause: HubError) -> None:
    missing = [name for name in names if not lies_at(os.path.join(directory, name), followed=True)]
    if missing:
        listed = shortened([f"'{printable(name)}'" for name in missing])
        raise HubError(
            f"{hub_id}: the cached copy lacks {len(missing)} of its files ({listed}), and the Hub "
            "was not asked or gave no answer",
            hint=cause.hint,
        ) from cause


def _files_under(snapshot: str) -> list[str]:
    return [
        os.path.relpath(os.path.join(folder, name), snapshot)
        for folder, _, names in os.walk(snapshot)
        for name in names
    ]


def _kept_list(hub_id: HubId) -> list[str] | None:
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
