"""The published models that a set of shapes is most like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from weightgauge.records import Table, as_dict
from weightgauge.reference.entries import models

CLOSE = 0.1
"""Distance from which on no model is called close: models of one family lie within 0.05."""


class Neighbour(NamedTuple):
    """A published model and how far away it is.

    Attributes
    ----------
    id : str
        Key of `weightgauge.reference.models`.
    distance : float
        Root mean square difference in k; see `nearest`.
    kinds : int
        Number of kinds that both models have.
    distance_se : float or None
        Standard error of the distance, from those of the medians (the published ones count as
        exact); None where these are not given.
    """

    id: str
    distance: float
    kinds: int
    distance_se: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_dict(self)


def nearest(
    k_by_kind: Mapping[str, float], k_se: Mapping[str, float] = MappingProxyType({})
) -> Table[Neighbour]:
    """Rank the published models by how close their median shapes are.

    The distance is the root mean square of the differences in k over the kinds that both models
    have. Models that have fewer than half as many of the kinds as another are left out: one kind
    that agrees by chance makes no neighbour. The paper publishes the medians but no distance; this
    distance is our own.

    Parameters
    ----------
    k_by_kind : mapping of str to float
        Median k by kind, in the spelling of `weightgauge.anatomy.components.KINDS`. NaN, and kinds
        that no published model has, are left out.
    k_se : mapping of str to float
        Their standard errors.

    Returns
    -------
    Table of Neighbour
        Nearest first; empty where no kind is in common.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reference.nearest({"q": 0.8, "k": 0.77, "v": 1.06, "o": 1.04, "gate": 1.2})[0].id
    'olmo-1-7b'
    """
    known = {kind: k for kind, k in k_by_kind.items() if math.isfinite(k)}
    found = []
    for name, entry in models().items():
        off = {kind: k - entry.kinds[kind].k for kind, k in known.items() if kind in entry.kinds}
        if off:
            distance = math.sqrt(math.fsum(each**2 for each in off.values()) / len(off))
            found.append(Neighbour(name, distance, len(off), _error(off, k_se, distance)))
    most = max((each.kinds for each in found), default=0)
    alike = [each for each in found if 2 * each.kinds >= most]
    return Table(Neighbour, sorted(alike, key=lambda each: each.distance))


def _error(off: Mapping[str, float], k_se: Mapping[str, float], distance: float) -> float | None:
    """Error of a root mean square whose terms are independent; at zero that of their own one."""
    if not off.keys() <= k_se.keys():
        return None
    if distance == 0:
        return math.sqrt(math.fsum(k_se[kind] ** 2 for kind in off) / len(off))
    weighted = math.fsum((each * k_se[kind]) ** 2 for kind, each in off.items())
    return math.sqrt(weighted) / (len(off) * distance)
