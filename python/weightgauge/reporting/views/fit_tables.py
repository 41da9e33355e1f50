"""The tables of a fit: by block and kind, matrices in no block, and medians by kind."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.anatomy.components import KINDS
from weightgauge.choices import POOR_R2, TRIMS
from weightgauge.columnar import ColumnarRows
from weightgauge.errors import all_printable, printable
from weightgauge.fits.block_groups import block_groups
from weightgauge.fits.withheld import CELLS
from weightgauge.reporting.cell_texts import printed
from weightgauge.reporting.document import Column, DocumentTable, Section, Word
from weightgauge.reporting.values import part_text, shape_text
from weightgauge.reporting.views.courses import COURSE, courses_by_block
from weightgauge.reporting.views.unmeasured import whys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits import KindSummary, ModelFit
    from weightgauge.fits.columns import Columns

VECTORS = ("norm", "bias")
"""Kinds whose k says nothing about matrices."""

_LONG = 1000
"""Numbers from here on are shown with four digits in all."""


class _Group(NamedTuple):
    """The slices that one cell is about.

    Attributes
    ----------
    number, fitted : int
        How many there are, and how many of them have numbers.
    k, error, lam : float or None
        Medians of those that have numbers; `error` is that of the first k. None where none has.
    r2 : float or None
        The lowest of theirs.
    marks : str
        Letters for what is odd about these, with a space before them.
    why : str
        Why none has numbers; "" where one has.
    """

    number: int
    fitted: int
    k: float | None
    error: float | None
    lam: float | None
    r2: float | None
    marks: str
    why: str


def block_sections(columns: Columns, matrices: NDArray[np.int64]) -> Iterator[Section]:
    """Yield k and lambda by block and kind; nothing if no matrix is in a block.

    Parameters
    ----------
    columns : Columns
        All slices.
    matrices : ndarray of int64
        Places of the matrices to show.
    """
    blocks: dict[tuple[str | None, int], dict[str, _Group]] = defaultdict(dict)
    members = matrices[columns.in_block[matrices]]
    for tower, block, kind, group in block_groups(columns, members):
        blocks[tower, block][kind] = _group(columns, group)
    if not blocks:
        return
    rows = [
        {"tower": tower, "block": block, "lowest_r2": _lowest_r2(row.values()), **row}
        for (tower, block), row in blocks.items()
    ]
    places = (
        *([Column(key="tower", identifies=True)] if len({t for t, _ in blocks}) > 1 else []),
        Column(key="block", right=True, identifies=True),
    )
    kinds = [kind for kind in KINDS if any(kind in row for row in blocks.values())]

    def shown(form: Callable[[_Group], str]) -> list[Column]:
        return [*places, *(Column(key=kind, form=form, right=True) for kind in kinds)]

    lowest = Column(key="lowest_r2", heading="lowest R2", form=".4f", right=True)
    digits = _digits(columns, members)
    shapes = DocumentTable([*shown(partial(_shape, digits=digits)), lowest], rows)
    yield Section("Shape k ± standard error, by block", (shapes,))
    yield Section("Scale lambda, by block", (DocumentTable(shown(_scale), rows),))


def sections_outside_blocks(columns: Columns, pieces: NDArray[np.int64]) -> Iterator[Section]:
    """Yield the matrices that are in no block, tensor by tensor; nothing if there are none.

    What lies beside packed or scaled weights is no matrix of its own.

    Parameters
    ----------
    columns : Columns
        All slices.
    pieces : ndarray of int64
        Places of all slices, products included, but for wholes whose pieces of their own kind are
        given.
    """
    outside = pieces[~columns.in_block[pieces] & (columns.ranks[pieces] >= 2)]
    outside = outside[~_beside(columns, outside)]
    if not outside.size:
        return
    digits = _digits(columns, outside)
    shown = (
        Column(key="tensor", identifies=True, may_shorten=True),
        Column(key="kind", drop=1),
        Column(key="shape", form=shape_text),
        Column(key="k", heading="k ± s.e.", form=str, right=True),
        Column(key="lambda", form="#.4g", right=True),
        Column(key="r2", heading="R2", form=".4f", right=True),
    )
    rows: Sequence[Mapping[str, Any]] = _SingleRows(columns, outside, digits)
    if columns.share_tensors:
        rows = list(_grouped_rows(columns, outside, digits))
    heading = "Matrices outside the blocks" if columns.in_block[pieces].any() else "Matrices"
    yield Section(heading, (DocumentTable(shown, rows),))


def _beside(columns: Columns, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    beside = np.zeros(len(rows), np.bool_)
    unfitted = np.flatnonzero(~columns.fitted[rows])
    beside[unfitted] = columns.beside(rows[unfitted])
    return beside


class _SingleRows(ColumnarRows):
    """A row for each of some slices of tensors of their own, which may be very many.

    Parameters
    ----------
    columns : Columns
        All slices.
    places : ndarray of int64
        Which of them are shown.
    digits : int
        How many digits of k stand behind the point.
    """

    names = ("tensor", "kind", "shape", "k", "lambda", "r2")

    def __init__(self, columns: Columns, places: NDArray[np.int64], digits: int) -> None:
        self._columns = columns
        self._places = places
        self._digits = digits

    def __len__(self) -> int:
        return len(self._places)

    def part(self, start: int, stop: int) -> _SingleRows:
        """Return the rows from one place on up to another."""
        return _SingleRows(self._columns, self._places[start:stop], self._digits)

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of all rows under a key."""
        columns, places = self._columns, self._places
        if name == "k":
            return _single_shapes(columns, places, self._digits)
        if name in ("lambda", "r2"):
            values = columns.lam if name == "lambda" else columns.r2
            found: Any = np.where(columns.fitted[places], values[places], np.nan)
            return found  # type: ignore[no-any-return]
        if name == "tensor":
            names, parts = columns.values(name, places), columns.values("part", places)
            return list(map(_named, names, parts)) if any(parts) else all_printable(names)
        return columns.values(name, places)


def _named(tensor: str, part: str | None) -> str:
    return f"{printable(tensor)} ({part})" if part else printable(tensor)


def _grouped_rows(
    columns: Columns, places: NDArray[np.int64], digits: int
) -> Iterator[dict[str, Any]]:
    """Yield a row for each tensor and part, whose slices are shown together."""
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in places.tolist():
        members[columns.tensors[row], columns.parts[row] or ""].append(row)
    for (tensor, part), several in members.items():
        group = _group(columns, np.array(several))
        yield {
            "tensor": _named(tensor, part),
            "kind": columns.kinds[several[0]],
            "shape": columns.shapes[several[0]],
            "k": Word(_shape(group, digits)),
            "lambda": Word(_scale(group)),
            "r2": group.r2,
        }


def _group(columns: Columns, rows: NDArray[np.int64]) -> _Group:
    fitted = rows[columns.fitted[rows]]
    if not fitted.size:
        return _Group(len(rows), 0, *(None,) * 4, "", whys(columns, rows[:1])[0].cell)
    marks = "".join(sorted(marks_of(columns, fitted)))
    return _Group(
        number=len(rows),
        fitted=len(fitted),
        k=_median(columns.k[fitted]),
        error=float(columns.k_se_matrix[fitted[0]]),
        lam=_median(columns.lam[fitted]),
        r2=min(columns.r2[fitted].tolist()),
        marks=f" {marks}" if marks else "",
        why="",
    )


def _single_shapes(columns: Columns, rows: NDArray[np.int64], digits: int) -> list[str]:
    """Return what `_shape` makes of the group of each slice alone."""
    k, error = columns.k[rows], columns.k_se_matrix[rows]
    shapes = printed(f"%.{digits}f±%.{digits}f", k, error)
    odd = columns.partly_nonfinite[rows] | columns.sparse[rows]
    odd |= columns.unscaled[rows] | (columns.r2[rows] < POOR_R2)
    odd |= ~columns.fitted[rows] | ~(np.maximum(np.abs(k), np.abs(error)) < _LONG)
    for place in np.flatnonzero(odd).tolist():
        shapes[place] = _shape(_group(columns, rows[place : place + 1]), digits)
    return shapes


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
    )


def _courses(result: ModelFit) -> dict[str, str]:
    """Draw the course of k over the blocks by kind; nothing for several towers."""
    courses = courses_by_block(result.columns, result.matrix_rows)
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


def marks_of(columns: Columns, rows: NDArray[np.int64]) -> Iterator[str]:
    """Yield the letters that mark the numbers of any of some slices as to be read with care.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64
        Places of those that are asked about.
    """
    if columns.partly_nonfinite[rows].any():
        yield "n"
    if columns.sparse[rows].any():
        yield "s"
    if columns.unscaled[rows].any():
        yield "c"
    if (columns.r2[rows] < POOR_R2).any():
        yield "p"


def _shape(group: _Group, digits: int) -> str:
    """Show k of a slice with its standard error, or the median of several and their number."""
    if group.k is None or group.error is None:
        return group.why
    k = _number(group.k, digits)
    if group.number > 1:
        return f"{k} [{group.fitted}]{group.marks}"
    return f"{k}±{_number(group.error, digits)}{group.marks}"


def _scale(group: _Group) -> str:
    """Show lambda of a slice, or the median of several and their number."""
    if group.lam is None:
        return ""
    several = f" [{group.fitted}]" if group.number > 1 else ""
    return f"{group.lam:#.4g}{several}"


def _median(values: NDArray[np.float64]) -> float:
    return float(values[0] if len(values) == 1 else np.median(values))


def _lowest_r2(groups: Iterable[_Group]) -> float | None:
    return min((group.r2 for group in groups if group.r2 is not None), default=None)


def _digits(columns: Columns, rows: NDArray[np.int64]) -> int:
    """Return how many digits after the point show the smallest standard error: three to five."""
    errors = columns.k_se_matrix[rows[columns.fitted[rows]]]
    errors = errors[errors > 0]
    return min(5, max(3, math.ceil(-math.log10(errors.min())))) if errors.size else 3


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < _LONG else f"{value:.4g}"
