"""Checks of the names that an index gives to its shards.

An index is foreign text that names files to open. The names are checked by themselves, before the
disk is touched. Links are another matter: whoever named the directory put them there, and they are
followed.
"""

from __future__ import annotations

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
