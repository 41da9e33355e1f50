"""Which optimiser step a checkpoint belongs to, by its name."""

from __future__ import annotations

import re

# The surest word first: checkpoint-epoch3-step500 belongs to step 500. A number with letters behind
# it is no count of steps: nobody can say what step_10k or checkpoint-7b were meant to be.
_WORDS = ("step", "iteration|iter|it", "batch|ba", "checkpoint|ckpt|chkpt")
_NUMBER = r"[-_=]?(\d{1,15})(?![0-9A-Za-z]|[.,][0-9])"
_MARKED = [re.compile(rf"(?:^|[^a-z])(?:global_?)?(?:{words}){_NUMBER}") for words in _WORDS]
_BARE = re.compile(r"\d{1,15}")
_ENDINGS = (".wghist", ".safetensors", ".ckpt", ".index.json")


def step_of_name(name: str) -> int | None:
    """Read the step off the name of a folder, a file or a revision.

    Parameters
    ----------
    name : str
        The last part of a path, or a branch or tag.

    Returns
    -------
    int or None
        None where the name tells no step.

    Examples
    --------
    >>> [step_of_name(name) for name in ("checkpoint-500", "global_step20", "iter_0001000")]
    [500, 20, 1000]
    >>> step_of_name("epoch=2-step=300.ckpt"), step_of_name("step1000-tokens4B")
    (300, 1000)
    >>> step_of_name("epoch-3") is None
    True
    """
    stem = name.lower()
    while ending := next((ending for ending in _ENDINGS if stem.endswith(ending)), ""):
        stem = stem.removesuffix(ending)
    if _BARE.fullmatch(stem):
        return int(stem)
    for pattern in _MARKED:
        if found := pattern.search(stem):
            return int(found[1])
    return None
