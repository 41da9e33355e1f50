"""Notes on the tables of a fit: how to read them, and what is not in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.choices import POOR_R2
from weightgauge.findings import slice_name
from weightgauge.reporting.values import counted
from weightgauge.reporting.views.errors import PRODUCT_ERRORS, errors_note
from weightgauge.reporting.views.fit_tables import VECTORS, marks_of
from weightgauge.reporting.views.left_out import left_out_note
from weightgauge.reporting.views.unmeasured import packed_tensors, why_without

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit, SliceFit

_MARKS = {
    "n": "some weights are NaN or infinite; the fit is of the others",
    "s": "more than 10 % of the weights are zero; {zeros}",
    "c": "fitted without the scale that belongs to the tensor",
    "p": f"poor fit, R2 below {POOR_R2}: one Weibull distribution does not describe the weights",
}
_ZEROS = {
    "exclude": "the fit is of the others (--zeros censor: zeros rank below them, as pruned weights "
    "did)",
    "censor": "they rank below the others (left-censored), and k is that of the part of the window "
    "that they leave",
}
_NAMES_SHOWN = 3


def fit_notes(result: ModelFit) -> Iterator[str]:
    """Yield the notes below the tables, a paragraph each.

    Parameters
    ----------
    result : ModelFit
        What is shown.
    """
    yield (
        "k below that of Gaussian weights: heavier tails, or rows and columns of unequal scale. "
        "lambda: 63 % of the magnitudes are smaller. R2 near 1: the fit is straight."
    )
    yield errors_note(_with_errors(result))
    if any(item.block is not None for item in result.slices):
        vectors = sum(item.kind in VECTORS for item in result.slices)
        also = f", {vectors:,} norm weights and biases too" if vectors else ""
        yield f"Every slice with R2, KS and RMS{also}: --format csv or --json."
    fitted = Counter(item.kind for item in result.counted if item.fitted)
    yield from left_out_note(
        (kind.kind, fitted[kind.kind] - kind.judged, fitted[kind.kind]) for kind in result.kinds
    )
    yield from _how_to_read(result)
    yield from _decoded(result)
    yield from _missing(result)
    unknown = [
        item
        for item in result.slices
        if item.fitted and len(item.shape) >= 2 and item.kind == "other" and item.part is None
    ]
    if unknown:
        yield f"Of no known kind, hence 'other': {_some(unknown)}."


def _with_errors(result: ModelFit) -> list[SliceFit]:
    """Return what has an error on the page: matrices by block, and all that are in none."""
    outside = [item for item in result.pieces if item.block is None]
    return [*(item for item in result.matrices if item.block is not None), *outside]


def products_text(number: int) -> str:
    """Say in words how many products of factors there are."""
    return counted(number, "product B A", "products B A")


def _how_to_read(result: ModelFit) -> Iterator[str]:
    shared = Counter(
        (item.tower, item.block, item.kind) for item in result.matrices if item.block is not None
    )
    if any(count > 1 for count in shared.values()):
        yield "1.234 [8]: median of 8 slices in one block, such as experts or heads."
    matrices = [item for item in result.slices if item.fitted and len(item.shape) >= 2]
    used = {mark for item in matrices for mark in marks_of(item)}
    for mark, meaning in _MARKS.items():
        if mark in used:
            yield f"{mark}: {meaning.format(zeros=_ZEROS[result.zero_handling])}."


def _decoded(result: ModelFit) -> Iterator[str]:
    decoded: dict[str, list[SliceFit]] = defaultdict(list)
    for item in result.slices:
        if item.decoded and (item.fitted or item.n or item.zeros or item.nonfinite):
            decoded[item.decoded].append(item)
    shown = sorted(decoded.items(), key=lambda entry: -len(entry[1]))
    for text, items in shown[:_NAMES_SHOWN]:
        yield f"Values are {text}: {_some(items)}."
    yield from _products(result)
    if len(shown) > _NAMES_SHOWN:
        yield f"{len(shown) - _NAMES_SHOWN:,} more ways to make values: --json tells them."


def _products(result: ModelFit) -> Iterator[str]:
    products = {item.tensor for item in result.slices if item.is_product}
    if not products:
        return
    yield PRODUCT_ERRORS
    apart = products - {item.tensor for item in result.counted}
    if apart:
        yield (
            f"In no table by block or kind: {products_text(len(apart))}, because matrices of the "
            "same kind are stored too and are not mixed with what is added to them. --json has all."
        )


def _missing(result: ModelFit) -> Iterator[str]:
    packed = packed_tensors(result.findings)
    missing: dict[str, list[SliceFit]] = defaultdict(list)
    for item in result.slices:
        if not item.fitted:
            missing[why_without(item, packed).because].append(item)
    for because, items in missing.items():
        reasons = {item.reason for item in items}
        reason = items[0].reason if len(reasons) == 1 else because
        yield f"Without numbers, because {reason}: {_some(items)}."


def _some(items: Sequence[SliceFit]) -> str:
    names = ", ".join(slice_name(item) for item in items[:_NAMES_SHOWN])
    more = len(items) - _NAMES_SHOWN
    return f"{names} and {more:,} more" if more > 0 else names
