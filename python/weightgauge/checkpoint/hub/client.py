"""What is asked of `huggingface_hub`, which is imported when the Hub is first needed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from weightgauge.checkpoint.hub.allowance import small_files
from weightgauge.checkpoint.hub.checks import LIBRARY
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.watched import watched


def list_files(hub_id: HubId) -> list[str]:
    """List the files of a model by their names; one request."""
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

    def ask() -> list[str]:
        info = HfApi(library_name=LIBRARY).model_info(
            hub_id.repository, revision=hub_id.revision, timeout=HF_HUB_DOWNLOAD_TIMEOUT
        )
        return [sibling.rfilename for sibling in info.siblings or ()]

    return watched(small_files(), str(hub_id), ask)


def download(hub_id: HubId, names: Sequence[str]) -> str:
    """Fetch files of a model into the cache, unless they are there; return their directory."""
    from huggingface_hub import hf_hub_download, snapshot_download

    def fetch() -> str:
        # It would fetch files on threads of its own, for which the end of the process waits, and
        # so it is asked for the list alone.
        with _without_warning_of_no_files():
            directory: str = snapshot_download(
                hub_id.repository, revision=hub_id.revision, library_name=LIBRARY, allow_patterns=[]
            )
        commit = os.path.basename(directory)
        for name in names:
            hf_hub_download(hub_id.repository, name, revision=commit, library_name=LIBRARY)
        return directory

    with translated(hub_id):
        return watched(small_files(), str(hub_id), fetch)


@contextmanager
def _without_warning_of_no_files() -> Iterator[None]:
    logger = logging.getLogger("huggingface_hub._snapshot_download")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def cached_directory(hub_id: HubId) -> str | None:
    """Return the directory of a model in the cache, complete or not; None if there is none."""
    from huggingface_hub import snapshot_download

    try:
        # Without patterns the client only looks for the folder, whatever it holds.
        return snapshot_download(
            hub_id.repository,
            revision=hub_id.revision,
            local_files_only=True,
            allow_patterns=[],
        )
    except (OSError, ValueError):  # there is no copy, or none that the client can read
        return None


@contextmanager
def bars_only_on_a_terminal() -> Iterator[None]:
    """Keep the client's progress bars out of logs."""
    from huggingface_hub.constants import HF_HUB_DISABLE_PROGRESS_BARS
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or HF_HUB_DISABLE_PROGRESS_BARS is not None:
        yield  # the environment's choice is kept
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
