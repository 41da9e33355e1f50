"""The matrices of one kind in one tower, over which medians and outliers are taken."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import KINDS, MATRIX_KINDS, TOWERS
from weightgauge.fits.pieces import counted
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.fits.withheld import commonest

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey

_NUMBER = re.compile("[0-9]+")


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
        The slices that have a fit, in the order of tables. Those whose k says nothing of the
        training are left out, unless there are no others.
    left_out : tuple of SliceFit
        Those that were left out.
    withheld : str or None
        Why no k of the kind says anything of the training, a key of
        `weightgauge.fits.withheld.REASONS`; None where some do.
    """

    kind: str
    tower: str | None
    merged: bool
    updates: bool
    slices: tuple[SliceFit, ...]
    left_out: tuple[SliceFit, ...]
    withheld: str | None

    @property
    def members(self) -> tuple[SliceFit, ...]:
        """All of them, those that were left out too."""
        return (*self.slices, *self.left_out)

    def of_one_role(self) -> list[SliceGroup]:
        """Return the matrices that do the same, in groups: their names differ in numbers alone.

        A state space layer has several matrices of its kind, and some blocks have two kinds of
        attention, or of network. These start with scales of their own.
        """
        roles: dict[tuple[str, str | None], list[SliceFit]] = defaultdict(list)
        for item in self.slices:
            roles[_NUMBER.sub("#", item.tensor), item.part].append(item)
        return [replace(self, slices=tuple(members)) for members in roles.values()]


def slice_groups(
    slices: Sequence[SliceFit], reasons: Mapping[SliceKey, str] = MappingProxyType({})
) -> list[SliceGroup]:
    """Group fitted matrices by tower and kind.

    Parameters
    ----------
    slices : sequence of SliceFit
        Slices of one model, in the order of tables. Norms, biases and slices of no known kind are
        left out, and so are whole tensors that are also given in pieces of their own kind.
    reasons : mapping of SliceKey to str
        Why the k of slices says nothing of the training: see `weightgauge.fits.withheld`.

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
    return [_group(kind, tower, members[tower, kind], reasons) for tower, kind in order]


def _group(
    kind: str, tower: str | None, members: Sequence[SliceFit], reasons: Mapping[SliceKey, str]
) -> SliceGroup:
    told = [item for item in members if item.key not in reasons] if reasons else members
    aside = [item for item in members if item.key in reasons] if told and reasons else []
    return SliceGroup(
        kind,
        tower,
        merged=_merged(members),
        updates=kind in ("lora_a", "lora_b") or members[0].is_product,
        slices=tuple(told or members),
        left_out=tuple(aside),
        withheld=None if told else commonest([reasons[item.key] for item in members]),
    )


def _merged(members: Sequence[SliceFit]) -> bool:
    return any(item.kind in ("q", "k", "v") and item.part == item.kind for item in members)
