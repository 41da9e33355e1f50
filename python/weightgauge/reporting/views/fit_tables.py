"""The tables of a fit: by block and kind, matrices in no block, and medians by kind."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import KINDS
from weightgauge.choices import POOR_R2, TRIMS
from weightgauge.errors import printable
from weightgauge.fits.withheld import CELLS
from weightgauge.reporting.document import Column, DocumentTable, Section, Word
from weightgauge.reporting.values import part_text, shape_text
from weightgauge.reporting.views.courses import COURSE, COURSE_NOTE, courses_by_block
from weightgauge.reporting.views.unmeasured import why_without

if TYPE_CHECKING:
    from weightgauge.fits import KindSummary, ModelFit, SliceFit

VECTORS = ("norm", "bias")
"""Kinds whose k says nothing about matrices."""

_Group = Sequence["SliceFit"]


def block_sections(slices: Sequence[SliceFit]) -> Iterator[Section]:
    """Yield k and lambda by block and kind; nothing if no matrix is in a block.

    Parameters
    ----------
    slices : sequence of SliceFit
        The matrices to show.
    """
    blocks: dict[tuple[str | None, int], dict[str, list[SliceFit]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for item in slices:
        if item.block is not None:
            blocks[item.tower, item.block][item.kind].append(item)
    if not blocks:
        return
    members = [item for row in blocks.values() for group in row.values() for item in group]
    rows = [
        {"tower": tower, "block": block, "lowest_r2": _lowest_r2(row.values()), **row}
        for (tower, block), row in blocks.items()
    ]
    places = (
        *([Column(key="tower", identifies=True)] if len({t for t, _ in blocks}) > 1 else []),
        Column(key="block", right=True, identifies=True),
    )
    kinds = [kind for kind in KINDS if any(kind in row for row in blocks.values())]

    def columns(form: Callable[[_Group], str]) -> list[Column]:
        return [*places, *(Column(key=kind, form=form, right=True) for kind in kinds)]

    lowest = Column(key="lowest_r2", heading="lowest R2", form=".4f", right=True)
    shapes = DocumentTable([*columns(partial(_shape, digits=_digits(members))), lowest], rows)
    yield Section("Shape k ± standard error, by block", (shapes,))
    yield Section("Scale lambda, by block", (DocumentTable(columns(_scale), rows),))


def sections_outside_blocks(slices: Sequence[SliceFit]) -> Iterator[Section]:
    """Yield the matrices that are in no block, tensor by tensor; nothing if there are none.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices, products included, but without wholes whose pieces of their own kind are given.
    """
    groups: dict[tuple[str, str], list[SliceFit]] = defaultdict(list)
    for item in slices:
        if item.block is None and len(item.shape) >= 2:
            groups[item.tensor, item.part or ""].append(item)
    if not groups:
        return
    digits = _digits([item for group in groups.values() for item in group])
    columns = (
        Column(key="tensor", identifies=True, may_shorten=True),
        Column(key="kind", drop=1),
        Column(key="shape", form=shape_text),
        Column(key="k", heading="k ± s.e.", form=partial(_shape, digits=digits), right=True),
        Column(key="lambda", form=_scale, right=True),
        Column(key="r2", heading="R2", form=".4f", right=True),
    )
    rows = [
        {
            "tensor": f"{printable(tensor)} ({part})" if part else printable(tensor),
            "kind": group[0].kind,
            "shape": group[0].shape,
            "k": group,
            "lambda": group,
            "r2": _lowest_r2([group]),
        }
        for (tensor, part), group in groups.items()
    ]
    in_blocks = any(item.block is not None for item in slices)
    heading = "Matrices outside the blocks" if in_blocks else "Matrices"
    yield Section(heading, (DocumentTable(columns, rows),))


def kind_section(result: ModelFit) -> Section:
    """Return medians by kind.

    Parameters
    ----------
    result : ModelFit
        The fit whose kinds are shown.
    """
    anchor = round(TRIMS[result.trim].gaussian_k, 6)  # two digits more than are shown
    # k of norm weights and biases says nothing about matrices. It is shown if nothing else is.
    shown = [kind for kind in result.kinds if kind.kind not in VECTORS] or result.kinds
    columns = (
        Column(key="kind", identifies=True),
        Column(key="slices", form=part_text, right=True),
        *(
            Column(
                key=f"k_{name}", heading=f"k {name}", form=partial(_number, digits=4), right=True
            )
            for name in ("median", "min", "max")
        ),
        Column(key="from_gaussian", heading="from Gaussian", form="+.4f", right=True),
        Column(key="lambda_median", heading="lambda median", form="#.4g", right=True),
        Column(key="r2_median", heading="R2 median", form=".4f", right=True),
        COURSE,
    )
    courses = _courses(result)
    rows = [{**_kind_row(kind, anchor), COURSE.key: courses.get(kind.kind)} for kind in shown]
    return Section(
        f"By kind (k of Gaussian weights: {anchor:.4f})",
        (DocumentTable(columns, rows),),
        notes=(COURSE_NOTE,) if courses else (),
    )


def _courses(result: ModelFit) -> dict[str, str]:
    """Draw the course of k over the blocks by kind; nothing for several towers."""
    courses = courses_by_block(result.matrices)
    if len({tower for tower, _ in courses}) > 1:
        return {}
    return {kind: course for (_, kind), course in courses.items()}


def _kind_row(kind: KindSummary, anchor: float) -> dict[str, Any]:
    names = ("kind", "k_median", "k_min", "k_max", "lambda_median", "r2_median")
    return {
        **{name: getattr(kind, name) for name in names},
        "slices": (kind.judged, kind.slices),
        "from_gaussian": Word(CELLS[kind.withheld]) if kind.withheld else kind.k_median - anchor,
    }


def marks_of(item: SliceFit) -> Iterator[str]:
    """Yield the letters that mark the numbers of a slice as to be read with care."""
    if item.nonfinite:
        yield "n"
    if item.status == "sparse":
        yield "s"
    if item.status == "scale_not_applied":
        yield "c"
    if item.r2 < POOR_R2:
        yield "p"


def _shape(group: _Group, digits: int) -> str:
    """Show k of a slice with its standard error, or the median of several and their number."""
    fitted = [item for item in group if item.fitted]
    if not fitted:
        return why_without(group[0]).cell
    marks = "".join(sorted({mark for item in fitted for mark in marks_of(item)}))
    marks = f" {marks}" if marks else ""
    if len(group) > 1:
        return f"{_number(median(item.k for item in fitted), digits)} [{len(fitted)}]{marks}"
    return f"{_number(fitted[0].k, digits)}±{_number(fitted[0].k_se_matrix, digits)}{marks}"


def _scale(group: _Group) -> str:
    """Show lambda of a slice, or the median of several and their number."""
    fitted = [item.lam for item in group if item.fitted]
    if not fitted:
        return ""
    return f"{median(fitted):#.4g}" + (f" [{len(fitted)}]" if len(group) > 1 else "")


def _lowest_r2(groups: Iterable[_Group]) -> float | None:
    return min((item.r2 for group in groups for item in group if item.fitted), default=None)


def _digits(items: Sequence[SliceFit]) -> int:
    """Return how many digits after the point show the smallest standard error: three to five."""
    errors = [item.k_se_matrix for item in items if item.fitted and item.k_se_matrix > 0]
    return min(5, max(3, math.ceil(-math.log10(min(errors))))) if errors else 3


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.4g}"
