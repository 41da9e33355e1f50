"""A model's folder in the cache of the Hub: `models--org--name`, with a snapshot a commit."""

from __future__ import annotations

import os
import re

from weightgauge.checkpoint.index import shortened
from weightgauge.checkpoint.regular_file import RegularFile, is_directory
from weightgauge.errors import NotACheckpointError, UnreadableFileError, printable

_COMMIT = re.compile(r"[0-9A-Za-z]{1,64}")
_REFERENCE_BYTES = 64


def snapshot_of(directory: str) -> str | None:
    """Return the snapshot to read of a model's folder in the cache.

    Parameters
    ----------
    directory : str
        Any directory.

    Returns
    -------
    str or None
        The snapshot that ``refs/main`` names, else the only one. None for a directory that is no
        such folder.

    Raises
    ------
    NotACheckpointError
        If there is no snapshot, or there are several and nothing says which one is meant.
    UnreadableFileError
        If the system does not read what is there.
    """
    snapshots = os.path.join(directory, "snapshots")
    # Copies of such a folder may lack what lies beside the snapshots.
    named = os.path.basename(os.path.abspath(directory)).startswith("models--")
    in_cache = named or any(
        is_directory(os.path.join(directory, beside)) for beside in ("blobs", "refs")
    )
    if not in_cache or not is_directory(snapshots):
        return None
    found = sorted(name for name in os.listdir(snapshots) if _COMMIT.fullmatch(name))
    main = _commit_of(os.path.join(directory, "refs", "main"))
    if main in found:
        return os.path.join(snapshots, main)
    if len(found) == 1:
        return os.path.join(snapshots, found[0])
    if not found:
        raise NotACheckpointError(
            "is a model's folder in the cache of the Hub, and has no snapshot", path=directory
        )
    where = printable(snapshots, limit=1000)
    listed = shortened([f"'{where}/{name}'" for name in found])
    raise NotACheckpointError(
        f"holds {len(found):,} snapshots and no refs/main that says which one counts; name one of "
        f"them: {listed}",
        path=directory,
    )


def _commit_of(path: str) -> str:
    """Return the commit that a reference names; "" if there is none."""
    try:
        with RegularFile(path, path) as file:
            return file.read(0, min(file.size, _REFERENCE_BYTES)).decode("ascii").strip()
    except UnreadableFileError:
        raise  # it may name another snapshot
    except (OSError, ValueError):  # the package's own errors are among these
        return ""
