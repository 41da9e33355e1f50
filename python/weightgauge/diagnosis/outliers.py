"""Matrices whose shape or scale stands out among those of their kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.diagnosis.slice_group import SliceGroup

FEWEST = 5
"""A kind with fewer matrices has no outliers."""

THRESHOLD = 3.5
"""Robust z beyond which a value counts as an outlier (Iglewicz and Hoaglin, How to Detect and
Handle Outliers, 1993)."""

_MAD_TO_SD = 1.482602218505602


@dataclass(frozen=True, slots=True, repr=False)
class Outlier:
    """A matrix whose shape or scale is unlike that of its kind.

    Attributes
    ----------
    tensor, part, kind, block, tower, expert, head
        Name, kind and place of the matrix; see `weightgauge.SliceFit`.
    quantity : str
        "k" or "ln lambda".
    value, se : float
        The quantity, and its standard error for independent weights.
    median : float
        Median of the quantity over the kind and tower.
    z : float
        (value - median) / sqrt(s^2 + se^2) with s = 1.4826 times the median absolute deviation.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    quantity: str
    value: float
    se: float
    median: float
    z: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the matrix, the quantity and how far it is out."""
        name = printable(self.tensor, limit=60)
        return f"<Outlier '{name}' {self.kind}: {self.quantity} {self.value:.3f}, z {self.z:+.1f}>"


def outliers(groups: Sequence[SliceGroup]) -> Table[Outlier]:
    """Find the matrices that stand out in shape or scale.

    Parameters
    ----------
    groups : sequence of SliceGroup
        Matrices by kind and tower.

    Returns
    -------
    Table of Outlier
        The largest |z| first. Kinds with fewer than five matrices have none.
    """
    found = []
    for group in groups:
        if len(group.slices) < FEWEST:
            continue
        shapes = [(item.k, item.k_se) for item in group.slices]
        scales = [(math.log(item.lam), item.ln_lambda_se) for item in group.slices]
        for quantity, values in (("k", shapes), ("ln lambda", scales)):
            found += _outliers(group, quantity, values)
    return Table(Outlier, sorted(found, key=lambda each: -abs(each.z)))


def _outliers(
    group: SliceGroup, quantity: str, values: Sequence[tuple[float, float]]
) -> list[Outlier]:
    middle = median(value for value, _ in values)
    spread = _MAD_TO_SD * median(abs(value - middle) for value, _ in values)
    found = []
    for item, (value, se) in zip(group.slices, values, strict=True):
        error = math.hypot(spread, se if math.isfinite(se) else 0.0)
        if error == 0 or abs(value - middle) < THRESHOLD * error:
            continue
        found.append(
            Outlier(
                tensor=item.tensor,
                part=item.part,
                kind=item.kind,
                block=item.block,
                tower=item.tower,
                expert=item.expert,
                head=item.head,
                quantity=quantity,
                value=value,
                se=se,
                median=middle,
                z=(value - middle) / error,
            )
        )
    return found
