"""The document of `weightgauge demo`: k by kind, before and after training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import TRIMS
from weightgauge.diagnosis.kind_diagnosis import median_error
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Estimate,
    Line,
    Paragraph,
    Section,
    Verbatim,
    metadata,
    plain_columns,
)

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit

SCHEMA_VERSION = 1


def demo_document(fits: Mapping[str, ModelFit], paths: Mapping[str, Path]) -> Document:
    """Show the median k of each kind of matrix at every step, and how it changed.

    Parameters
    ----------
    fits : mapping
        Fits by the name of the step, the first step first.
    paths : mapping
        Where the checkpoints are, by the name of the step.
    """
    gaussian_k = TRIMS["mid_80"].gaussian_k
    rows = _rows(fits)
    return Document(
        title=f"Median k of each kind of matrix (Gaussian weights: {gaussian_k:.4f})",
        sections=(Section("", (_table(fits, rows),)),),
        notes=(
            Paragraph(
                f"At step 0 the weights are Gaussian: k is {gaussian_k:.4f} but for the chance of "
                "the draw. Training gives rows and columns scales of their own: tails grow "
                "heavier and k falls, far in some kinds, hardly in others. ±: standard error of "
                "the change; changes of less than two of them may be chance."
            ),
            Line(""),
            Line("The same with all blocks, then try a model of your own:"),
            *(Verbatim(f"  weightgauge fit {path}") for path in paths.values()),
        ),
        metadata=metadata(SCHEMA_VERSION),
        data=lambda: {
            "gaussian_k": gaussian_k,
            "paths": {step: str(path) for step, path in paths.items()},
            "kinds": rows,
        },
        records=lambda: DocumentTable(plain_columns(list(rows[0])), rows),
    )


def _rows(fits: Mapping[str, ModelFit]) -> list[dict[str, Any]]:
    kinds = {
        step: {kind.kind: kind for kind in result.kinds if kind.kind in MATRIX_KINDS}
        for step, result in fits.items()
    }
    first, *_, last = kinds.values()
    before, *_, trained = fits.values()
    return [
        {
            "kind": kind,
            "slices": summary.slices,
            **{_key(step): by_kind[kind].k_median for step, by_kind in kinds.items()},
            "change": last[kind].k_median - summary.k_median,
            "k_se": median(_errors(trained, kind)),
            "change_se": math.hypot(_error(before, kind), _error(trained, kind)),
        }
        for kind, summary in first.items()
        if kind in last
    ]


def _error(result: ModelFit, kind: str) -> float:
    """Return the standard error of the median k of a kind."""
    fitted = [item.k for item in result.slices if item.kind == kind and item.fitted]
    return median_error(fitted, _errors(result, kind))


def _errors(result: ModelFit, kind: str) -> list[float]:
    return [item.k_se_matrix for item in result.slices if item.kind == kind and item.fitted]


def _table(fits: Mapping[str, ModelFit], rows: list[dict[str, Any]]) -> DocumentTable:
    return DocumentTable(
        (
            Column(key="kind", identifies=True),
            Column(key="slices", right=True),
            *(
                Column(key=_key(step), heading=_heading(step), form=".4f", right=True)
                for step in fits
            ),
            Column(key="change", form="+.4f", right=True),
        ),
        [{**row, "change": Estimate(row["change"], row["change_se"])} for row in rows],
    )


def _key(step: str) -> str:
    """Return the name of a step's median in data."""
    return f"k_{step.replace('-', '_')}"


def _heading(step: str) -> str:
    return "k after training" if step == "step-last" else f"k at {step.replace('-', ' ')}"
