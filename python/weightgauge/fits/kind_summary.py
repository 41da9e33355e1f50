"""The slices of one kind together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import KINDS
from weightgauge.anatomy.storage.stored import PRODUCT
from weightgauge.records import as_row

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class KindSummary:
    """The slices of one kind together.

    A tensor that is also given in pieces of its own kind, such as stacked experts, counts by its
    pieces only. What an adapter adds is another quantity than the matrix that it is added to, so
    that the two are never in one median: products B A count where no stored matrix of their kind
    has a slice, as in the file of an adapter alone, and nowhere else.

    Attributes
    ----------
    kind : str
        One of `weightgauge.anatomy.components.KINDS`.
    slices : int
        How many slices are of this kind, those without numbers included.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Over the slices that have numbers; NaN where none has.
    """

    kind: str
    slices: int
    k_median: float
    k_min: float
    k_max: float
    lambda_median: float
    r2_median: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


def summaries(slices: Sequence[SliceFit]) -> tuple[KindSummary, ...]:
    """Summarise every kind that occurs, in the order of `weightgauge.anatomy.components.KINDS`."""
    members: dict[str, list[SliceFit]] = defaultdict(list)
    for item in counted(slices):
        members[item.kind].append(item)
    return tuple(_summary(kind, members[kind]) for kind in KINDS if kind in members)


def counted(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out what would be counted twice, and products of kinds that are stored as well."""
    once = divided(slices)
    if not any(item.is_product for item in once):
        return once
    stored = {item.kind for item in once if not item.is_product}
    return [item for item in once if not item.is_product or item.kind not in stored]


def divided(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out whole tensors that are also given in pieces of their own kind."""
    whole = wholes(slices)
    if not whole:
        return list(slices)
    pieces = {
        (item.tensor, item.kind) for item in slices if whole.get(item.tensor, item) is not item
    }
    return [
        item
        for item in slices
        if whole.get(item.tensor) is not item or (item.tensor, item.kind) not in pieces
    ]


def wholes(slices: Sequence[SliceFit]) -> dict[str, SliceFit]:
    """Find the tensors that are given whole and in pieces: their whole slices by name."""
    groups: dict[str, list[SliceFit]] = defaultdict(list)
    numbers = Counter([item.tensor for item in slices])
    for item in slices:
        if numbers[item.tensor] > 1:
            groups[item.tensor].append(item)
    found = {}
    for name, group in groups.items():
        first, second = sorted(group, key=_depth)[:2]
        if not _is_part(first) and first.head is None and _depth(first) < _depth(second):
            found[name] = first
    return found


def _depth(item: SliceFit) -> int:
    """How often the tensor was divided to come to a slice."""
    return (item.expert is not None) + _is_part(item) + (item.head is not None)


def _is_part(item: SliceFit) -> bool:
    """Whether a slice is one matrix of several; a whole product is marked as a part too."""
    return item.part not in (None, PRODUCT)


def _summary(kind: str, members: Sequence[SliceFit]) -> KindSummary:
    fitted = [item for item in members if item.fitted]
    return KindSummary(
        kind=kind,
        slices=len(members),
        k_median=median(item.k for item in fitted) if fitted else _NAN,
        k_min=min((item.k for item in fitted), default=_NAN),
        k_max=max((item.k for item in fitted), default=_NAN),
        lambda_median=median(item.lam for item in fitted) if fitted else _NAN,
        r2_median=median(item.r2 for item in fitted) if fitted else _NAN,
    )
