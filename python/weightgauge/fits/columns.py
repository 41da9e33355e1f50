"""What is asked of many slices at once: a list or an array for each question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weightgauge.anatomy.components import KINDS, MATRIX_KINDS
from weightgauge.anatomy.storage import is_coarse
from weightgauge.categorical import Categorical, different, numbers_of
from weightgauge.fits.field_columns import SpreadParts
from weightgauge.fits.matrix_errors import Spread
from weightgauge.fits.slice_fit import is_product, serves_another
from weightgauge.fits.slice_fits import SliceFits
from weightgauge.records import FITTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit


_NO_SPREAD = Spread(math.nan, math.nan, math.nan)
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


class Columns:
    """Fields of slices as columns in their order, each made when somebody asks for it.

    Words and what may be missing are sequences, numbers and truth values arrays. Of fits that are
    no records yet no record is made.

    Parameters
    ----------
    slices : sequence of SliceFit
        The slices.
    """

    def __init__(self, slices: Sequence[SliceFit]) -> None:
        self.slices = slices

    def __len__(self) -> int:
        return len(self.slices)

    def column(self, field: str) -> Sequence[Any]:
        """Return a field of all slices, by its name in `SliceFit`."""
        if isinstance(self.slices, SliceFits):
            return self.slices.column(field)
        return [getattr(item, field) for item in self.slices]

    def values(self, field: str, rows: NDArray[np.int64]) -> Sequence[Any]:
        """Return a field of the slices in some places, as plain values."""
        column = self.column(field)
        if isinstance(column, np.ndarray):
            found: list[Any] = column[rows].tolist()
            return found
        if isinstance(column, Categorical):
            return column.at(rows)
        return list(map(column.__getitem__, rows.data))  # no list of a million places

    def beside(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `SliceFit.is_beside`, of the slices in some places that have no fit."""
        if isinstance(self.slices, SliceFits):
            words = self.slices.words()
            found = [serves_another(*words[row]) for row in rows.data]
        else:
            found = [self.slices[row].is_beside for row in rows.tolist()]
        return np.array(found, np.bool_)

    @cached_property
    def tensors(self) -> Sequence[str]:
        """Names in the checkpoint."""
        return self.column("tensor")

    @cached_property
    def share_tensors(self) -> bool:
        """Whether any two slices are of one tensor."""
        if isinstance(self.slices, SliceFits) and self.slices.slices.whole:
            return False  # no set of a million names is needed to see it
        return len(set(self.tensors)) < len(self.tensors)

    def tensors_among(self, rows: NDArray[np.int64]) -> int:
        """Return how many tensors slices in some places are of."""
        return len(set(self.values("tensor", rows))) if self.share_tensors else len(rows)

    @cached_property
    def places(self) -> Sequence[Place]:
        """What the slices are."""
        if isinstance(self.slices, SliceFits):
            return self.slices.slices.places
        return self.slices

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Kinds of the slices."""
        return self.column("kind")

    @cached_property
    def kind_numbers(self) -> NDArray[np.int16]:
        """The same as places in `weightgauge.anatomy.components.KINDS`."""
        return numbers_of(self.kinds, _NUMBERS.__getitem__, np.int16)

    @cached_property
    def blocks(self) -> Sequence[int | None]:
        """Numbers of the blocks."""
        return self.column("block")

    @cached_property
    def block_numbers(self) -> NDArray[np.int32]:
        """The same, -1 where there is none."""
        return numbers_of(self.blocks, lambda block: -1 if block is None else block, np.int32)

    @cached_property
    def in_block(self) -> NDArray[np.bool_]:
        """Which slices are in a block."""
        return self.block_numbers >= 0

    @cached_property
    def towers(self) -> Sequence[str | None]:
        """Towers of the slices."""
        return self.column("tower")

    @cached_property
    def parts(self) -> Sequence[str | None]:
        """Which matrices of fused tensors they are."""
        return self.column("part")

    @cached_property
    def experts(self) -> Sequence[int | None]:
        """Numbers of the experts."""
        return self.column("expert")

    @cached_property
    def heads(self) -> Sequence[int | None]:
        """Numbers of the attention heads."""
        return self.column("head")

    @cached_property
    def dtypes(self) -> Sequence[str]:
        """Element formats."""
        return self.column("dtype")

    @cached_property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """Shapes."""
        return self.column("shape")

    @cached_property
    def ranks(self) -> NDArray[np.int16]:
        """Numbers of dimensions."""
        return numbers_of(self.shapes, len, np.int16)

    @cached_property
    def decoded(self) -> Sequence[str]:
        """How the values come from what is stored."""
        return self.column("decoded")

    @cached_property
    def coarse(self) -> NDArray[np.bool_]:
        """Which slices are known to be made of codes of few bits."""
        texts = self.decoded
        if not any(different(texts)):
            return np.zeros(len(texts), np.bool_)
        return np.array([is_coarse(text) for text in texts], np.bool_)

    @cached_property
    def products(self) -> NDArray[np.bool_]:
        """See `SliceFit.is_product`."""
        texts = self.decoded
        if not any(different(texts)):
            return np.zeros(len(texts), np.bool_)
        return np.fromiter(map(is_product, texts), np.bool_, len(texts))

    @cached_property
    def fitted(self) -> NDArray[np.bool_]:
        """Which slices have numbers."""
        if isinstance(self.slices, SliceFits):
            return self.slices.fitted
        return np.array([status in FITTED for status in self.statuses], np.bool_)

    @property
    def statuses(self) -> Sequence[str]:
        """Statuses of the fits."""
        return self.column("status")

    @cached_property
    def sparse(self) -> NDArray[np.bool_]:
        """Which slices were fitted although many of their elements are zero."""
        return self._of_status("sparse")

    @cached_property
    def unscaled(self) -> NDArray[np.bool_]:
        """Which slices were fitted without the scale that belongs to them."""
        return self._of_status("scale_not_applied")

    def _of_status(self, status: str) -> NDArray[np.bool_]:
        return np.array([each == status for each in self.statuses], np.bool_)

    @cached_property
    def reasons(self) -> Sequence[str]:
        """Why the statuses are not "ok"."""
        return self.column("reason")

    @cached_property
    def levels(self) -> Sequence[int | None]:
        """Numbers of different magnitudes, None where these are too many to say."""
        return self.column("levels")

    @cached_property
    def errors_from(self) -> Sequence[str]:
        """What the errors of matrices come from."""
        return self.column("errors_from")

    @cached_property
    def spread_parts(self) -> SpreadParts:
        """Where the variance of ln |w| comes from, part by part."""
        if isinstance(self.slices, SliceFits):
            return self.slices.spread_parts()
        spreads = [item.spread for item in self.slices]
        parts = np.array([_NO_SPREAD if each is None else each for each in spreads], np.float64)
        there = np.array([each is not None for each in spreads], np.bool_)
        return SpreadParts(there, *parts.reshape(len(spreads), len(_NO_SPREAD)).T)

    @cached_property
    def partly_nonfinite(self) -> NDArray[np.bool_]:
        """Which slices have elements that are NaN or infinite."""
        return self.counts("nonfinite") > 0

    @cached_property
    def k(self) -> NDArray[np.float64]:
        """Shapes k."""
        return self._sizes("k")

    @cached_property
    def k_se_matrix(self) -> NDArray[np.float64]:
        """Standard errors of k that tables show."""
        return self._sizes("k_se_matrix")

    @cached_property
    def lam(self) -> NDArray[np.float64]:
        """Scales lambda."""
        return self._sizes("lam")

    @cached_property
    def r2(self) -> NDArray[np.float64]:
        """R2."""
        return self._sizes("r2")

    def of(self, *kinds: str) -> NDArray[np.bool_]:
        """Return which slices are of any of these kinds."""
        wanted = np.array([kind in kinds for kind in KINDS], np.bool_)
        return np.asarray(wanted[self.kind_numbers])

    @cached_property
    def of_matrices(self) -> NDArray[np.bool_]:
        """Which slices are matrices of a known kind."""
        return self.of(*MATRIX_KINDS)

    def counts(self, field: str) -> NDArray[np.int64]:
        """Return a whole number of all slices, by its name in `SliceFit`; it is not kept."""
        return np.asarray(self.column(field), np.int64)

    def _sizes(self, field: str) -> NDArray[np.float64]:
        return np.asarray(self.column(field), np.float64)


def columns_of(slices: Sequence[SliceFit]) -> Columns:
    """Return the columns of records, or of fits that are no records yet, which keep them."""
    if not isinstance(slices, SliceFits):
        return Columns(slices)
    if slices.taken_apart is None:
        slices.taken_apart = Columns(slices)
    return slices.taken_apart
