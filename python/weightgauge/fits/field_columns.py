"""Fields of `SliceFit` as columns of many slices, of which none is a record yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.categorical import alike, by_code, constant, different, first_places
from weightgauge.fits.matrix_errors import Basis, Spread, errors_told
from weightgauge.fits.slice_fit import is_product, marked
from weightgauge.magnitudes.weibull import SPARSE_SHARE, told_of_counts
from weightgauge.records import named_tuples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.layouts import Slices
    from weightgauge.fits.number_columns import NumberColumns
    from weightgauge.magnitudes.options import FitOptions

_AS_COUNTED = frozenset(
    (
        *("n", "zeros", "nonfinite", "k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max"),
        *("negatives", "zero_blocks", "at_max", "second", "lowest", "far_out", "row_levels"),
    )
)
"""Fields that are columns of the core's numbers."""

_OK = ("ok", "")


class SpreadParts(NamedTuple):
    """Where the variance of ln |w| comes from, a column for each part.

    Attributes
    ----------
    there : ndarray of bool
        Which slices have any.
    rows, columns, core : ndarray of float64
        As in `Spread`.
    """

    there: NDArray[np.bool_]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    core: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FieldColumns:
    """What records of slices would be made from, and their fields column by column.

    Attributes
    ----------
    slices : Slices
        What they are.
    numbers : NumberColumns
        What was counted and fitted.
    options : FitOptions
        How the fits were made.
    told : mapping of int to (str, str)
        Status and reason of the slices that were not counted, by place.
    missing : mapping of int to str
        Why values lack a scale that is known to exist, by place.
    """

    slices: Slices
    numbers: NumberColumns
    options: FitOptions
    told: Mapping[int, tuple[str, str]]
    missing: Mapping[int, str]

    def column(self, field: str) -> Sequence[Any]:
        """Return a field of all records.

        Parameters
        ----------
        field : str
            Name of a field of `SliceFit`.

        Returns
        -------
        sequence
            An array where each record has a number, which may be NaN; else a sequence of the
            values.
        """
        found: Sequence[Any] = (
            self.numbers[field] if field in _AS_COUNTED else _MADE[field](self)  # type: ignore[assignment]
        )
        return found

    def words(self) -> list[tuple[str, str]]:
        """Return status and reason of every slice."""
        n, zeros, nonfinite, status = (
            self.numbers[name] for name in ("n", "zeros", "nonfinite", "status")
        )
        usual = (status == 0) & (zeros / np.maximum(n + zeros + nonfinite, 1) <= SPARSE_SHARE)
        found = [_OK] * len(usual)
        odd = np.flatnonzero(~usual).tolist()
        rows = dict.fromkeys(odd) | dict.fromkeys(self.told) | dict.fromkeys(self.missing)
        if any(different(self.slices.notes)):
            rows |= dict.fromkeys(row for row, note in enumerate(self.slices.notes) if note)
        known: dict[tuple[int, int, int, int], tuple[str, str]] = {}
        for row in rows:
            words = self.told.get(row)
            if words is None:
                key = (int(n[row]), int(zeros[row]), int(nonfinite[row]), int(status[row]))
                words = known.get(key)
                if words is None:
                    words = known[key] = told_of_counts(key, self.options)
            found[row] = marked(words, self.missing.get(row, ""), self.slices.notes[row])
        return found

    def decoded(self) -> Sequence[str]:
        """Return how the values of every slice are made."""
        sources = self.slices.sources
        if not any(different(sources)):
            return constant("", len(sources))
        return ["" if stored is None else stored.text for stored in sources]

    def levels(self) -> Sequence[int | None]:
        """Return the numbers of different magnitudes, None where these are too many to say."""
        n, zeros, nonfinite, levels = (
            self.numbers[name] for name in ("n", "zeros", "nonfinite", "levels")
        )
        return _optional(levels, (levels > 0) | ((n == 0) & (zeros + nonfinite > 0)))

    def digests(self) -> list[str | None]:
        """Return the digests, None for pieces and what was not counted."""
        digests, there = self.numbers["digest"], self.numbers["digested"]
        digits = digests.astype(">u8").tobytes().hex()  # of the first byte first
        return [
            digits[at : at + 16] if digested else None
            for at, digested in zip(range(0, len(digits), 16), there.tolist(), strict=True)
        ]

    def errors(self, name: str, otherwise: str) -> NDArray[np.float64]:
        """Return errors of matrices, those for independent weights where rows are not known."""
        known = np.where(self._rests_on(Basis.SAMPLE), self.numbers[name], self.numbers[otherwise])
        return np.where(np.isnan(self.numbers["k_se"]), np.nan, known)

    def errors_from(self) -> Sequence[str]:
        """Say what the errors of every slice come from."""
        unfitted, bases = np.isnan(self.numbers["k_se"]), self.numbers["errors_basis"]
        matrices, shapes, made = self.slices.matrices, self.slices.shapes, self.decoded()
        numbers = alike(unfitted, bases, matrices, shapes, made)
        told = [
            ""
            if unfitted[row]
            else errors_told(int(bases[row]), matrices[row], shapes[row], is_product(made[row]))
            for row in first_places(numbers)
        ]
        return by_code(told, numbers)

    def fresh_z(self) -> NDArray[np.float64]:
        """Return how much more the means of lines differ than those of independent weights."""
        return np.where(self._rests_on(Basis.SAMPLE), self.numbers["fresh_z"], np.nan)

    def spread_parts(self) -> SpreadParts:
        """Return where the variance of ln |w| comes from, part by part."""
        parts = [self.numbers[f"spread_{name}"] for name in Spread._fields]
        return SpreadParts(self._rests_on(Basis.SAMPLE) & ~np.isnan(parts[-1]), *parts)

    def spreads(self) -> Sequence[Spread | None]:
        """Return where the variance of ln |w| comes from."""
        there, *parts = self.spread_parts()
        if not there.any():
            return (None,) * len(there)
        made: list[Spread | None] = list(named_tuples(Spread, *(part.tolist() for part in parts)))
        for row in np.flatnonzero(~there).tolist():
            made[row] = None
        return made

    def lines(self, name: str) -> Sequence[int | None]:
        """Return numbers of rows or columns, None where they were not looked for."""
        values = self.numbers[name]
        return _optional(values, self._rests_on(Basis.EMPTY) & (values >= 0))

    def k_without_unused(self) -> Sequence[float | None]:
        """Return k of the rows that tokens used."""
        values = self.numbers["k_without_unused"]
        return _optional(values, self._rests_on(Basis.EMPTY) & ~np.isnan(values))

    def _rests_on(self, least: Basis) -> NDArray[np.bool_]:
        """Return which slices have a fit, and rows and columns that tell at least so much."""
        numbers = self.numbers
        return np.asarray((numbers["errors_basis"] >= least) & ~np.isnan(numbers["k_se"]))


def _of_slices(name: str) -> Callable[[FieldColumns], Any]:
    """Return how a column of the slices themselves is found, such as `places.kinds`."""
    return attrgetter(f"slices.{name}")


_MADE: Mapping[str, Callable[[FieldColumns], Any]] = {
    "tensor": _of_slices("tensors.names"),
    "part": _of_slices("places.parts"),
    "kind": _of_slices("places.kinds"),
    "block": _of_slices("places.blocks"),
    "tower": _of_slices("places.towers"),
    "expert": _of_slices("places.experts"),
    "head": _of_slices("places.heads"),
    "dtype": _of_slices("tensors.dtypes"),
    "shape": _of_slices("shapes"),
    "status": lambda of: [status for status, _ in of.words()],
    "reason": lambda of: [reason for _, reason in of.words()],
    "decoded": FieldColumns.decoded,
    "levels": FieldColumns.levels,
    "digest": FieldColumns.digests,
    "k_se_matrix": lambda of: of.errors("k_se_matrix", "k_se"),
    "ln_lambda_se_matrix": lambda of: of.errors("ln_lambda_se_matrix", "ln_lambda_se"),
    "errors_from": FieldColumns.errors_from,
    "fresh_z": FieldColumns.fresh_z,
    "spread": FieldColumns.spreads,
    "zero_rows": lambda of: of.lines("zero_rows"),
    "zero_columns": lambda of: of.lines("zero_columns"),
    "unused_rows": lambda of: of.lines("unused_rows"),
    "k_without_unused": FieldColumns.k_without_unused,
    "large_rows": lambda of: of.lines("large_rows"),
    "large_columns": lambda of: of.lines("large_columns"),
}


def _optional(values: NDArray[Any], there: NDArray[np.bool_]) -> Sequence[Any]:
    """Return values, and None where there is none."""
    if not there.any():
        return (None,) * len(values)
    made = values.astype(object)
    made[~there] = None
    found: list[Any] = made.tolist()
    return found
