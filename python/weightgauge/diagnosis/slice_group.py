"""The matrices of one kind in one tower, over which medians and outliers are taken."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weightgauge.anatomy.components import KINDS, MATRIX_KINDS, TOWERS
from weightgauge.fits.pieces import counted
from weightgauge.fits.slice_fit import SliceFit

_OF_LISTS = re.compile(r"(?<![^.])[0-9]+(?![^.])")


@dataclass(frozen=True, slots=True)
class SliceGroup:
    """Fitted matrices of one kind in one tower. Kinds are never pooled.

    Attributes
    ----------
    kind : str
        One of `weightgauge.anatomy.components.MATRIX_KINDS`.
    tower : str or None
        As in `weightgauge.anatomy.components.Component`.
    merged : bool
        Whether they are parts of a tensor that holds q, k and v.
    updates : bool
        Whether they are the updates or the factors of a low-rank adapter, and so no weights.
    slices : tuple of SliceFit
        The slices that have a fit, in the order of tables.
    """

    kind: str
    tower: str | None
    merged: bool
    updates: bool
    slices: tuple[SliceFit, ...]

    def of_one_role(self) -> list[SliceGroup]:
        """Return the matrices that do the same, in groups: their names differ in numbers alone.

        A state space layer has several matrices of its kind, and some blocks have two kinds of
        attention, or of network. These start with scales of their own.
        """
        roles: dict[tuple[str, str | None], list[SliceFit]] = defaultdict(list)
        for item in self.slices:
            roles[_OF_LISTS.sub("#", item.tensor), item.part].append(item)
        return [replace(self, slices=tuple(members)) for members in roles.values()]


def slice_groups(slices: Sequence[SliceFit]) -> list[SliceGroup]:
    """Group fitted matrices by tower and kind.

    Parameters
    ----------
    slices : sequence of SliceFit
        Slices of one model, in the order of tables. Norms, biases and slices of no known kind are
        left out, and so are whole tensors that are also given in pieces of their own kind.

    Returns
    -------
    list of SliceGroup
        By tower, then by kind in the order of tables.
    """
    members: dict[tuple[str | None, str], list[SliceFit]] = defaultdict(list)
    for item in counted(slices):
        if item.fitted and item.kind in MATRIX_KINDS:
            members[item.tower, item.kind].append(item)
    order = sorted(members, key=lambda key: (TOWERS.index(key[0]), KINDS.index(key[1])))
    return [
        SliceGroup(
            kind,
            tower,
            merged=_merged(members[tower, kind]),
            updates=kind in ("lora_a", "lora_b") or members[tower, kind][0].is_product,
            slices=tuple(members[tower, kind]),
        )
        for tower, kind in order
    ]


def _merged(members: Sequence[SliceFit]) -> bool:
    return any(item.kind in ("q", "k", "v") and item.part == item.kind for item in members)
