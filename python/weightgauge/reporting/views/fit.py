"""The document of `weightgauge fit`: k by block and kind, other matrices, medians by kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.errors import printable
from weightgauge.fits.pieces import whole_rows
from weightgauge.reporting.deferred import Deferred
from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    metadata,
    plain_columns,
)
from weightgauge.reporting.views.fit_furthest import furthest_section
from weightgauge.reporting.views.fit_map import fit_maps
from weightgauge.reporting.views.fit_notes import fit_notes, products_text
from weightgauge.reporting.views.fit_tables import (
    block_sections,
    kind_section,
    sections_outside_blocks,
)
from weightgauge.reporting.views.spread import spread_sections
from weightgauge.reporting.views.unmeasured import extent
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit


def fit_document(
    result: ModelFit, *, per: str = "tensor", as_map: bool = False, top: int | None = None
) -> Document:
    """Show a fit by block and kind; for programs, every slice.

    Parameters
    ----------
    result : ModelFit
        What to show.
    per : {"tensor", "head", "expert"}
        What one slice is. Heads and experts are also compared with each other.
    as_map : bool
        Whether a map of k takes the place of the tables by block.
    top : int or None
        Show so many matrices that are furthest from Gaussian weights in place of all matrices.
    """
    from weightgauge.fits.model_fit import SCHEMA_VERSION
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.fits.slice_rows import SliceRows
    from weightgauge.records import columns
    from weightgauge.trajectory.candidates import step_of_model

    return Document(
        title=printable(result.model, limit=1000),
        sections=Deferred(lambda: _sections(result, per, as_map, top)),
        findings=result.findings,
        notes=Deferred(lambda: map(Paragraph, fit_notes(result))),
        warnings=result.warnings,
        metadata=metadata(
            SCHEMA_VERSION,
            model=result.model,
            protocol=result.protocol,
            trim=result.trim,
            zero_handling=result.zero_handling,
            exact=result.exact,
        ),
        data=result.to_columnar,
        records=lambda: DocumentTable(
            plain_columns(columns(SliceFit)), SliceRows(result.slices, flat=True)
        ),
        provenance=lambda: {
            "model": result.model,
            "step": step_of_model(result.model),
            "protocol": result.protocol,
        },
    )


def _sections(result: ModelFit, per: str, as_map: bool, top: int | None) -> Iterator[Section]:
    yield Section("", (Line(_extent(result)), Line(_how(result))))
    yield from _matrices(result, as_map, top)
    if per != "tensor":
        yield from spread_sections(result.counted, per)
    yield kind_section(result)


def _matrices(result: ModelFit, as_map: bool, top: int | None) -> Iterator[Section]:
    """Yield what is shown of single matrices: a map, those furthest away, or all of them."""
    if as_map:
        yield from fit_maps(result)
    if top is not None:
        yield from furthest_section(result, top)
    elif not as_map:
        yield from block_sections(result.columns, result.matrix_rows)
        yield from sections_outside_blocks(result.columns, result.piece_rows)


def _extent(result: ModelFit) -> str:
    """Say how much was measured, and why the rest was not."""
    columns = result.columns
    fitted = columns.fitted
    stored = fitted & ~columns.products
    once = stored.copy()  # pieces of a tensor that is also given as a whole hold no other weights
    whole = whole_rows(columns)
    for row, name in enumerate(columns.tensors if whole else ()):
        once[row] &= whole.get(name, row) == row
    weights = int(columns.counts("n")[once].sum())
    products = columns.tensors_among(np.flatnonzero(fitted & ~stored))
    tensors = columns.tensors_among(np.flatnonzero(stored))
    number = int(fitted.sum())
    measured = (
        f", {counted(weights, 'weight')}"
        f"{f' and {products_text(products)}' if products else ''}"
        f"{f' in {number:,} slices' if number != tensors + products else ''}"
    )
    return extent(columns, result.findings, measured)


def _how(result: ModelFit) -> str:
    censored = ", zeros left-censored" if result.zero_handling == "censor" else ""
    return f"Weibull fit of |w|, protocol {result.protocol}, trim {result.trim}{censored}"
