"""Small files that lie beside the weights of a model on the Hub."""

from __future__ import annotations

import os
from collections.abc import Sequence

from weightgauge.checkpoint.hub.client import (
    bars_only_on_a_terminal,
    cached_directory,
    download,
    list_files,
)
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.regular_file import lies_at
from weightgauge.errors import HubUnreachableError


def fetch_beside(hub_id: HubId, names: Sequence[str]) -> str | None:
    """Fetch small files of a model, as far as it has them; no weights.

    Parameters
    ----------
    hub_id : HubId
        The model.
    names : sequence of str
        Files at the top of the model.

    Returns
    -------
    str or None
        The local directory that holds them; None where the model has none of them. Where the Hub
        gives no answer, that of the cached copy.

    Raises
    ------
    ModelNotFoundError
        If the Hub has no such model or revision.
    HubError
        If the Hub refuses, or cannot be reached and there is no cached copy.
    """
    with bars_only_on_a_terminal():
        try:
            with translated(hub_id):
                there = set(list_files(hub_id))
            wanted = [name for name in names if name in there]
            return download(hub_id, wanted) if wanted else None
        except HubUnreachableError:
            directory = cached_directory(hub_id)
            if directory is None:
                raise
    found = any(lies_at(os.path.join(directory, name), followed=True) for name in names)
    return directory if found else None
