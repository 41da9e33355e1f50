"""What summaries look at, of many slices at once: one list or array for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from weightgauge.anatomy.components import KINDS
from weightgauge.anatomy.layouts import Slices
from weightgauge.fits.slice_fit import is_product
from weightgauge.fits.slice_fits import SliceFits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit


_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


class Place(Protocol):
    """What a slice is: a record, or the component of a slice that is no record yet."""

    @property
    def kind(self) -> str:
        """One of `weightgauge.anatomy.components.KINDS`."""

    @property
    def part(self) -> str | None:
        """Which matrix of a fused tensor."""

    @property
    def expert(self) -> int | None:
        """Number of the expert."""

    @property
    def head(self) -> int | None:
        """Number of the head."""


class Columns(NamedTuple):
    """Columns of slices, in their order.

    Attributes
    ----------
    tensors : list of str
        Names in the checkpoint.
    kinds : sequence of str
        Kinds of the slices.
    kind_numbers : ndarray of int64
        The same as places in `weightgauge.anatomy.components.KINDS`.
    places : sequence of Place
        What the slices are.
    products : list of bool
        See `SliceFit.is_product`.
    fitted : ndarray of bool
        Which slices have numbers.
    k, lam, r2 : ndarray of float64
        Their numbers.
    """

    tensors: list[str]
    kinds: Sequence[str]
    kind_numbers: NDArray[np.int64]
    places: Sequence[Place]
    products: list[bool]
    fitted: NDArray[np.bool_]
    k: NDArray[np.float64]
    lam: NDArray[np.float64]
    r2: NDArray[np.float64]

    def of(self, *kinds: str) -> NDArray[np.bool_]:
        """Return which slices are of any of these kinds."""
        wanted = np.array([kind in kinds for kind in KINDS], np.bool_)
        return np.asarray(wanted[self.kind_numbers])


def columns_of(slices: Sequence[SliceFit]) -> Columns:
    """Return the columns of records, or of fits that are no records yet."""
    if isinstance(slices, SliceFits):
        items, numbers = Slices.of(slices.slices), slices.numbers
        return Columns(
            items.tensors.names,
            items.places.kinds,
            _numbers(items.places.kinds),
            items.places,
            [stored is not None and is_product(stored.text) for stored in items.sources]
            if any(items.sources)
            else [False] * len(items),
            slices.fitted,
            *(numbers[name] for name in ("k", "lam", "r2")),
        )
    kinds = [item.kind for item in slices]
    return Columns(
        [item.tensor for item in slices],
        kinds,
        _numbers(kinds),
        slices,
        [item.is_product for item in slices],
        np.array([item.fitted for item in slices], np.bool_),
        *(np.array([getattr(item, name) for item in slices]) for name in ("k", "lam", "r2")),
    )


def _numbers(kinds: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(_NUMBERS.__getitem__, kinds), np.int64, len(kinds))
