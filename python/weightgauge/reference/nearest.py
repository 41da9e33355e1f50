"""The published models that a set of shapes is most like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from weightgauge.records import Table, as_dict
from weightgauge.reference.entries import models

MISSING = 0.25
"""Difference in k that a kind counts if only one of two models has it. It is about as much as the
most different models of one layout differ in any kind."""


class Neighbour(NamedTuple):
    """A published model and how far away it is.

    Attributes
    ----------
    id : str
        Key of `weightgauge.reference.models`.
    distance : float
        Root mean square difference in k; see `nearest`.
    """

    id: str
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_dict(self)


def nearest(k_by_kind: Mapping[str, float]) -> Table[Neighbour]:
    """Rank the published models by how close their median shapes are.

    The distance is the root mean square of the differences in k over all kinds that either model
    has. A kind that only one of them has counts as a difference of `MISSING`. The paper publishes
    the medians but no distance; this distance is our own.

    Parameters
    ----------
    k_by_kind : mapping of str to float
        Median k by kind, in the spelling of `weightgauge.anatomy.components.KINDS`. NaN, and kinds
        that no published model has, are left out.

    Returns
    -------
    Table of Neighbour
        All 12 models, nearest first; empty where no kind is in common.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reference.nearest({"q": 0.8, "k": 0.77, "v": 1.06, "o": 1.04, "gate": 1.2})[0].id
    'olmo-1-7b'
    """
    entries = models()
    comparable = {kind for entry in entries.values() for kind in entry.kinds}
    known = {kind: k for kind, k in k_by_kind.items() if kind in comparable and math.isfinite(k)}
    if not known:
        return Table(Neighbour)
    distances = [
        Neighbour(
            name, _distance(known, {kind: medians.k for kind, medians in entry.kinds.items()})
        )
        for name, entry in entries.items()
    ]
    return Table(Neighbour, sorted(distances, key=lambda each: each.distance))


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    kinds = one.keys() | other.keys()
    squares = [
        (one[kind] - other[kind]) ** 2 if kind in one and kind in other else MISSING**2
        for kind in kinds
    ]
    return math.sqrt(math.fsum(squares) / len(squares))
