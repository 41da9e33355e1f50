"""Checks of the names that an index gives to its shards, and of the places they lead to.

An index is foreign text that names files to open. It is checked in two steps: first the names by
themselves, before the disk is touched, then the places to which links lead.
"""

from __future__ import annotations

import os
import re

_DRIVE = re.compile(r"[A-Za-z]:")
WEIGHTS_SUFFIX = ".safetensors"


def name_problem(name: str) -> str | None:
    r"""Say what is wrong with a shard's name, without touching the disk.

    Parameters
    ----------
    name : str
        Path relative to the index, with ``/`` between folders.

    Returns
    -------
    str or None
        A few words; None for a valid name.

    Examples
    --------
    >>> name_problem("../other/model.safetensors")
    'leads out of the checkpoint'
    >>> name_problem("part/model-00001-of-00002.safetensors") is None
    True
    """
    if not name:
        return "is empty"
    if "\x00" in name:
        return "holds a NUL character"
    if "\\" in name:
        return "holds a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "is an absolute path"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of the checkpoint"
    if "" in parts or "." in parts:
        return "is not a plain relative path"
    if not name.endswith(WEIGHTS_SUFFIX):
        return f"does not end in {WEIGHTS_SUFFIX}"
    return None


def stays_inside(directory: str, path: str) -> bool:
    """Tell whether a file lies inside a checkpoint after all links are resolved.

    The cache of the Hub links from a snapshot to the blobs of the same model or to blobs that all
    models share. Those count as inside.

    Parameters
    ----------
    directory : str
        Directory of the checkpoint, which may itself be a link.
    path : str
        The file.
    """
    root = os.path.realpath(directory)
    real = os.path.realpath(path)
    return any(
        os.path.commonpath((allowed, real)) == allowed for allowed in (root, *_blob_stores(root))
    )


def _blob_stores(root: str) -> list[str]:
    # <cache>/models--org--name/snapshots/<commit>[/folder], the layout of the Hub's cache
    parts = root.split(os.sep)
    for place in range(len(parts) - 2, 1, -1):
        if parts[place] == "snapshots" and "--" in parts[place - 1]:
            model = os.sep.join(parts[:place])
            return [os.path.join(model, "blobs"), os.path.join(os.path.dirname(model), "blobs")]
    return []
