"""The branches and tags of a model on the Hub."""

from __future__ import annotations

from weightgauge.checkpoint.hub.allowance import small_files
from weightgauge.checkpoint.hub.checks import LIBRARY
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.watched import watched
from weightgauge.errors import HubUnreachableError


def hub_revisions(hub_id: HubId) -> list[str]:
    """List the branches and tags of a model.

    Parameters
    ----------
    hub_id : HubId
        The model; its revision does not matter.

    Returns
    -------
    list of str
        Each name once, branches first. Where the Hub gives no answer, those in the cache.

    Raises
    ------
    ModelNotFoundError
        If the Hub has no such model.
    HubError
        If the Hub refuses, or cannot be reached and the cache does not know the model.
    """
    from huggingface_hub import HfApi

    try:
        with translated(hub_id):
            api = HfApi(library_name=LIBRARY)
            refs = watched(
                small_files(), str(hub_id), lambda: api.list_repo_refs(hub_id.repository)
            )
    except HubUnreachableError:
        if cached := _cached_revisions(hub_id):
            return cached
        raise
    return list(dict.fromkeys(ref.name for ref in (*refs.branches, *refs.tags)))


def _cached_revisions(hub_id: HubId) -> list[str]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted(
        ref
        for repository in repositories
        if (repository.repo_type, repository.repo_id) == ("model", hub_id.repository)
        for ref in repository.refs
    )
