"""Which published model a set of shapes is most like."""

from __future__ import annotations

import math
from collections.abc import Mapping

from weightgauge.reference.entries import models

MISSING = 0.25
"""What a kind that only one of two models has counts as a difference in k: about as much as the
most different models of one layout differ in any kind."""


def nearest(k_by_kind: Mapping[str, float]) -> list[tuple[str, float]]:
    """Rank the published models by how close their median shapes are.

    The distance is the root mean square of the differences in k over all kinds that either model
    has; a kind that only one of them has counts as a difference of `MISSING`. The paper
    publishes the medians, and no distance; this one is our own.

    Parameters
    ----------
    k_by_kind : mapping of str to float
        Median k by kind, in the spelling of `weightgauge.anatomy.components.KINDS`. Kinds that no
        published model has, and NaN, are left out.

    Returns
    -------
    list of (str, float)
        Id and distance of all 12 models, nearest first; empty where no kind is in common.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reference.nearest({"q": 0.8, "k": 0.77, "v": 1.06, "o": 1.04, "gate": 1.2})[0][0]
    'olmo-1-7b'
    """
    entries = models()
    comparable = {kind for entry in entries.values() for kind in entry.kinds}
    known = {kind: k for kind, k in k_by_kind.items() if kind in comparable and math.isfinite(k)}
    if not known:
        return []
    distances = [
        (name, _distance(known, {kind: medians.k for kind, medians in entry.kinds.items()}))
        for name, entry in entries.items()
    ]
    return sorted(distances, key=lambda each: each[1])


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    kinds = one.keys() | other.keys()
    squares = [
        (one[kind] - other[kind]) ** 2 if kind in one and kind in other else MISSING**2
        for kind in kinds
    ]
    return math.sqrt(math.fsum(squares) / len(squares))
