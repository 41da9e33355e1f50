"""What is left of a matrix whose packed codes are lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from weightgauge.anatomy.storage.stored import in_module

_OF_COMPRESSED = ("weight_packed", "weight", "compressed")
_LEFT = (
    ("weight_shape", (), _OF_COMPRESSED),
    ("weight_zero_point", (), _OF_COMPRESSED),
    ("weight_scale_2", ("weight_scale",), ("weight", "weight_packed")),
    ("weight_global_scale", ("weight_scale",), _OF_COMPRESSED),
    ("qzeros", (), ("qweight",)),
    ("g_idx", ("scales",), ("qweight",)),
    ("biases", ("scales",), ("weight",)),
    ("absmax", ("quant_map",), ("",)),
    ("SCB", (), ("weight",)),
)
"""What nothing but packed codes has beside it, what else must be left, and how codes are called: ""
where their name is that of the owner."""

_SCALES = "weight_scale"
_BESIDE_SCALES = (*_OF_COMPRESSED, "qweight", "indices")
"""What scales of this name may belong to."""
_NUMBER = re.compile("[0-9]+")

_OF_EITHER = ("weight_zero_point",)
"""Marks beside codes of either name; the others have one."""

_OF_OTHERS = {"biases": ("weight", "scales")}
"""Marks that might be anything where no other module has them beside these."""


def left_alone(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find what belongs to packed codes that are not there.

    Parameters
    ----------
    names : collection of str
        Names of all tensors, in which it is quick to look.

    Yields
    ------
    tuple of (str, str)
        The name of codes that are lost, and the last part of the name of what is left.
    """
    leaves = {name.rpartition(".")[2] for name in names}
    told: set[str] = set()
    for mark, also, codes in _LEFT:
        known = mark in leaves and _is_known(mark, names)
        for name in names if known else ():
            owner, _, leaf = name.rpartition(".")
            if leaf == mark and owner not in told and _is_left(owner, also, codes, names):
                told.add(owner)
                yield _under(owner, _called(mark, codes, leaves)), mark
    if _SCALES in leaves:
        yield from _scales_alone(names, told)


def _scales_alone(names: Collection[str], told: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find scales whose codes are lost, where modules of the same name in other blocks have both.

    Other scales without codes may be meant so, as those of a head that is the embedding.
    """
    owners = [name.removesuffix(f".{_SCALES}") for name in names if name.endswith(f".{_SCALES}")]
    alone = [
        owner
        for owner in owners
        if owner not in told and _is_left(owner, (), _BESIDE_SCALES, names)
    ]
    if not alone:
        return
    whole = {_NUMBER.sub("#", owner) for owner in owners if f"{owner}.weight" in names}
    for owner in alone:
        if _NUMBER.sub("#", owner) in whole:
            yield f"{owner}.weight", _SCALES


def _called(mark: str, codes: Sequence[str], leaves: Collection[str]) -> str:
    """Return the last part of the name of lost codes: as others have it, where there are two."""
    if mark not in _OF_EITHER:
        return codes[0]
    return next((leaf for leaf in codes if leaf in leaves), codes[0])


def _is_left(
    owner: str, also: Collection[str], codes: Collection[str], there: Collection[str]
) -> bool:
    return all(in_module(owner, leaf) in there for leaf in also) and not any(
        _under(owner, leaf) in there for leaf in codes
    )


def _is_known(mark: str, there: Collection[str]) -> bool:
    """Whether a mark is what it seems to be, by what other modules have beside it."""
    if mark not in _OF_OTHERS:
        return True
    owners = (name.removesuffix(f".{mark}") for name in there if name.endswith(f".{mark}"))
    return any(all(f"{owner}.{leaf}" in there for leaf in _OF_OTHERS[mark]) for owner in owners)


def _under(owner: str, leaf: str) -> str:
    return in_module(owner, leaf) if leaf else owner
