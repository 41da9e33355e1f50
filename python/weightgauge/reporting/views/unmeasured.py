"""What is said of slices without numbers: in a cell, in a count, and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.reporting.values import counted

if TYPE_CHECKING:
    from weightgauge.findings import Finding
    from weightgauge.fits import SliceFit


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


def why_without(item: SliceFit, packed: Collection[str] = ()) -> Why:
    """Return why a slice has no numbers.

    Parameters
    ----------
    item : SliceFit
        A slice that is not fitted.
    packed : collection of str
        Names of the tensors whose weights are packed: see `packed_tensors`.
    """
    if item.status == "empty":
        return _why_empty(item)
    if item.status == "degenerate" and item.levels == 1:
        return _ONE_VALUE
    if item.status != "not_applicable":
        return _BY_STATUS[item.status]
    if item.tensor in packed:
        return _PACKED
    # Tensors that belong to others, such as scales, have a reason that names the other one.
    if not item.reason.startswith(f"{item.dtype} holds"):
        return _HELPER
    return _INTEGERS if item.dtype[:1] in "IU" else _NO_FLOATS


def _why_empty(item: SliceFit) -> Why:
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


def extent(slices: Sequence[SliceFit], findings: Iterable[Finding], measured: str = "") -> str:
    """Say how many tensors were measured, and why the rest was not.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of a model; products are not counted.
    findings : iterable of Finding
        What was found about the model.
    measured : str
        What else to say of the measured ones, such as how many weights they have.
    """
    stored = [item for item in slices if not item.is_product]
    tensors = {item.tensor for item in stored}
    fitted = {item.tensor for item in stored if item.fitted}
    of_all = "" if len(fitted) == len(tensors) else f"{len(fitted):,} of "
    told = f"{of_all}{counted(len(tensors), 'tensor')} measured{measured}"
    packed = packed_tensors(findings)
    without = {item.tensor: item for item in stored if item.tensor not in fitted}
    reasons = Counter(
        (why_without(item, packed), _NOUNS.get(item.kind, ("tensor", "tensors")))
        for item in without.values()
    )
    rest = ", ".join(
        counted(count, why.counted.format(one), why.counted.format(several))
        for (why, (one, several)), count in reasons.items()
    )
    return f"{told}; not measured: {rest}" if rest else told
