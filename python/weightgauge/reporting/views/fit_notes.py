"""Notes on the tables of a fit: how to read them, and what is not in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.categorical import different
from weightgauge.choices import POOR_R2
from weightgauge.findings import slice_name
from weightgauge.fits.block_groups import block_groups
from weightgauge.reporting.views.errors import PRODUCT_ERRORS, errors_note
from weightgauge.reporting.views.fit_tables import VECTORS, marks_of
from weightgauge.reporting.views.left_out import left_out_note
from weightgauge.reporting.views.unmeasured import packed_tensors, whys
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits import ModelFit
    from weightgauge.fits.columns import Columns

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
    columns = result.columns
    yield errors_note(columns, _with_errors(result))
    if columns.in_block.any():
        vectors = int(columns.of(*VECTORS).sum())
        also = (
            f", {counted(vectors, 'norm or bias', 'norm weights and biases')} too"
            if vectors
            else ""
        )
        yield f"Every slice with R2, KS and RMS{also}: --format csv or --json."
    once = result.counted_rows
    fitted = Counter(columns.values("kind", once[columns.fitted[once]]))
    yield from left_out_note(
        (kind.kind, fitted[kind.kind] - kind.judged, fitted[kind.kind]) for kind in result.kinds
    )
    yield from _how_to_read(result)
    yield from _decoded(result)
    yield from _missing(result)
    unknown = np.flatnonzero(columns.fitted & (columns.ranks >= 2) & columns.of("other"))
    unknown = unknown[[part is None for part in columns.values("part", unknown)]]
    if unknown.size:
        yield f"Of no known kind, hence 'other': {_some(columns, unknown.tolist())}."


def _with_errors(result: ModelFit) -> NDArray[np.int64]:
    """Return what has an error on the page: matrices by block, and all that are in none."""
    in_block = result.columns.in_block
    matrices, pieces = result.matrix_rows, result.piece_rows
    return np.concatenate((matrices[in_block[matrices]], pieces[~in_block[pieces]]))


def products_text(number: int) -> str:
    """Say in words how many products of factors there are."""
    return counted(number, "product B A", "products B A")


def _how_to_read(result: ModelFit) -> Iterator[str]:
    columns = result.columns
    groups = block_groups(columns, result.matrix_rows)
    if any(len(group.rows) > 1 for group in groups):
        yield "1.234 [8]: median of 8 slices in one block, such as experts or heads."
    used = set(marks_of(columns, np.flatnonzero(columns.fitted & (columns.ranks >= 2))))
    for mark, meaning in _MARKS.items():
        if mark in used:
            yield f"{mark}: {meaning.format(zeros=_ZEROS[result.zero_handling])}."


def _decoded(result: ModelFit) -> Iterator[str]:
    columns = result.columns
    if not any(different(columns.decoded)):
        return
    decoded: dict[str, list[int]] = defaultdict(list)
    elements = columns.counts("n") + columns.counts("zeros") + columns.counts("nonfinite")
    there = columns.fitted | (elements > 0)
    for row, text in enumerate(columns.decoded):
        if text and there[row]:
            decoded[text].append(row)
    shown = sorted(decoded.items(), key=lambda entry: -len(entry[1]))
    for text, rows in shown[:_NAMES_SHOWN]:
        yield f"Values are {text}: {_some(columns, rows)}."
    yield from _products(result)
    if (more := len(shown) - _NAMES_SHOWN) > 0:
        has = f"--json has {agreeing(more, 'it', 'them')}"
        yield f"{counted(more, 'more way')} to make values: {has}."


def _products(result: ModelFit) -> Iterator[str]:
    columns = result.columns
    products = set(columns.values("tensor", np.flatnonzero(columns.products)))
    if not products:
        return
    yield PRODUCT_ERRORS
    apart = products - set(columns.values("tensor", result.counted_rows))
    if apart:
        yield (
            f"In no table by block or kind: {products_text(len(apart))}, because matrices of the "
            "same kind are stored too and are not mixed with what is added to them. --json has all."
        )


def _missing(result: ModelFit) -> Iterator[str]:
    columns = result.columns
    unfitted = np.flatnonzero(~columns.fitted)
    if not unfitted.size:
        return
    missing: dict[str, list[int]] = defaultdict(list)
    found = whys(columns, unfitted, packed_tensors(result.findings))
    for row, why in zip(unfitted.tolist(), found, strict=True):
        missing[why.because].append(row)
    for because, rows in missing.items():
        reasons = {columns.reasons[row] for row in rows}
        reason = columns.reasons[rows[0]] if len(reasons) == 1 else because
        yield f"Without numbers, because {reason}: {_some(columns, rows)}."


def _some(columns: Columns, rows: Sequence[int]) -> str:
    names = ", ".join(slice_name(columns.slices[row]) for row in rows[:_NAMES_SHOWN])
    more = len(rows) - _NAMES_SHOWN
    return f"{names} and {more:,} more" if more > 0 else names
