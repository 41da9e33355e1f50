"""What is said of slices without numbers: in a cell, in a count, and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.anatomy.storage import is_ternary
from weightgauge.records import named_tuples
from weightgauge.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.findings import Finding
    from weightgauge.fits import SliceFit
    from weightgauge.fits.columns import Columns


class Why(NamedTuple):
    """Why a slice has no numbers.

    Attributes
    ----------
    cell : str
        In the cell of a table.
    counted : str
        As something that is counted: a format string for the noun.
    because : str
        As the reason for several.
    """

    cell: str
    counted: str
    because: str


_NO_ELEMENTS = Why("empty", "{} without elements", "they have no elements")
_OF_ZEROS = Why("zeros", "{} of zeros", "all their elements are zero")
_NOT_FINITE = Why("NaN", "{} of NaN", "none of their elements is finite and non-zero")
_OUT_OF_RANGE = Why(
    "out of range",
    "{} outside the published range",
    "no magnitude lies inside the published range of 1e-12 to 100",
)
_TERNARY = Why(
    "ternary",
    "ternary {}, which k does not describe",
    "their weights are -1, 0 and 1 times a scale",
)
_ONE_VALUE = Why("one value", "{} of one value", "all their elements have one magnitude")
_PACKED = Why("packed", "packed {}", "their weights are packed")
_INTEGERS = Why("no weights", "integer {}", "they hold integers")
_NO_FLOATS = Why("no weights", "{} without weights", "they hold no floating-point weights")
_HELPER = Why(
    "no weights",
    "{} beside packed or scaled weights",
    "they belong to other tensors, as scales do",
)
_BY_STATUS = {
    "too_few": Why(
        "too few", "{} of too few weights", "they have too few finite non-zero elements"
    ),
    "degenerate": Why(
        "few values", "{} of too few values", "they have too few different magnitudes"
    ),
    "unsupported_dtype": Why(
        "unsupported",
        "{} in a format without a decoder",
        "there is no decoder for their format",
    ),
}
_NOUNS = {"bias": ("bias", "biases"), "norm": ("norm", "norms")}


class Unfitted(NamedTuple):
    """The fields of a slice without numbers that tell why it has none; see `SliceFit`."""

    tensor: str
    dtype: str
    status: str
    reason: str
    levels: int | None
    decoded: str
    n: int
    zeros: int
    nonfinite: int


def whys(columns: Columns, rows: NDArray[np.int64], packed: Collection[str] = ()) -> list[Why]:
    """Return why each of some slices has no numbers.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64
        Places of those that are asked about, which are not fitted.
    packed : collection of str
        As for `why_without`.
    """
    fields = (columns.values(field, rows) for field in Unfitted._fields)
    return [why_without(item, packed) for item in named_tuples(Unfitted, *fields)]


def why_without(item: SliceFit | Unfitted, packed: Collection[str] = ()) -> Why:
    """Return why a slice has no numbers.

    Parameters
    ----------
    item : SliceFit or Unfitted
        A slice that is not fitted.
    packed : collection of str
        Names of the tensors whose weights are packed: see `packed_tensors`.
    """
    if item.status == "empty":
        return _why_empty(item)
    if item.status == "degenerate" and item.levels == 1:
        return _TERNARY if is_ternary(item.decoded) else _ONE_VALUE
    if item.status != "not_applicable":
        return _BY_STATUS[item.status]
    if item.tensor in packed:
        return _PACKED
    # Tensors that belong to others, such as scales, have a reason that names the other one.
    if not item.reason.startswith(f"{item.dtype} holds"):
        return _HELPER
    return _INTEGERS if item.dtype[:1] in "IU" else _NO_FLOATS


def _why_empty(item: SliceFit | Unfitted) -> Why:
    if item.n:
        return _OUT_OF_RANGE
    if item.nonfinite:
        return _NOT_FINITE
    return _OF_ZEROS if item.zeros else _NO_ELEMENTS


def packed_tensors(findings: Iterable[Finding]) -> frozenset[str]:
    """Return the names of the tensors whose weights could not be measured as they are stored."""
    return frozenset(
        each.tensor for each in findings if each.id == "unmeasured" and each.tensor is not None
    )


def extent(columns: Columns, findings: Iterable[Finding], measured: str = "") -> str:
    """Say how many tensors were measured, and why the rest was not.

    Parameters
    ----------
    columns : Columns
        All slices of a model; products are not counted.
    findings : iterable of Finding
        What was found about the model.
    measured : str
        What else to say of the measured ones, such as how many weights they have.
    """
    stored = ~columns.products
    tensors = columns.tensors_among(np.flatnonzero(stored))
    fitted = columns.tensors_among(np.flatnonzero(stored & columns.fitted))
    of_all = "" if fitted == tensors else f"{fitted:,} of "
    told = f"{of_all}{counted(tensors, 'tensor')} measured{measured}"
    rest = ", ".join(
        counted(count, why.counted.format(one), why.counted.format(several))
        for (why, (one, several)), count in _reasons(columns, stored, findings).items()
    )
    return f"{told}; not measured: {rest}" if rest else told


def _reasons(
    columns: Columns,
    stored: NDArray[np.bool_],
    findings: Iterable[Finding],
) -> Counter[tuple[Why, tuple[str, str]]]:
    """Count the tensors without numbers by the reason and by what they are."""
    unfitted = np.flatnonzero(stored & ~columns.fitted)
    if not unfitted.size:
        return Counter()
    fitted = set(columns.values("tensor", np.flatnonzero(stored & columns.fitted)))
    names = columns.values("tensor", unfitted)
    last = {
        name: row for name, row in zip(names, unfitted.tolist(), strict=True) if name not in fitted
    }
    rows = np.array(list(last.values()), np.int64)
    found = whys(columns, rows, packed_tensors(findings)) if rows.size else []
    nouns = (_NOUNS.get(kind, ("tensor", "tensors")) for kind in columns.values("kind", rows))
    return Counter(zip(found, nouns, strict=True))
