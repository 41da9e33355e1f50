"""The page that `weightgauge fit` shows: k by block and kind, the rest, medians by kind."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from weightgauge.anatomy.components import KINDS
from weightgauge.choices import POOR_R2, TRIMS
from weightgauge.errors import printable
from weightgauge.fits import KindSummary, ModelFit, SliceFit
from weightgauge.reporting.data import shape_text
from weightgauge.reporting.page import Column, Page, column_widths, table_width
from weightgauge.reporting.views.spread import spread

_WITHOUT_NUMBERS = {
    "not_applicable": "no weights",
    "unsupported_dtype": "unsupported",
    "too_few": "too few",
}
_MARKS = {
    "s": "more than 10 % of the weights are zero; the fit is of the others",
    "c": "fitted without the scale that belongs to the tensor",
    "p": f"poor fit, R2 below {POOR_R2}: one Weibull distribution does not describe the weights",
}
_VECTORS = ("norm", "bias")
_NAMES_SHOWN = 3


def fit_page(page: Page, result: ModelFit, *, per: str = "tensor", notes: bool = True) -> None:
    """Write a fit for people to read.

    Parameters
    ----------
    page : Page
        Where to.
    result : ModelFit
        What to show.
    per : {"tensor", "head", "expert"}
        What the fits were asked to be made of: heads and experts are also compared.
    notes : bool
        Whether to explain the tables.
    """
    _title(page, result)
    _blocks(page, result.matrices)
    _outside(page, result.pieces)
    if per != "tensor":
        spread(page, result.counted, per)
    _kinds(page, result)
    if notes:
        _notes(page, result)


def _title(page: Page, result: ModelFit) -> None:
    fitted = [item for item in result.slices if item.fitted]
    page.heading(printable(result.model, limit=1000))
    # Pieces of a tensor that is given whole too hold no further weights.
    stored = [item for item in fitted if not item.is_product]
    weights = sum(item.n for item in stored if result.wholes.get(item.tensor, item) is item)
    products = len({item.tensor for item in fitted if item.is_product})
    tensors = len({item.tensor for item in stored})
    of_all = len({item.tensor for item in result.slices if not item.is_product})
    page.line(
        f"Weibull fit of |w|, protocol {result.protocol}, trim {result.trim}: "
        f"{tensors:,}{f' of {of_all:,}' if of_all != tensors else ''} tensors, {weights:,} weights"
        f"{f' and {_products(products)}' if products else ''}"
        f"{f' in {len(fitted):,} slices' if len(fitted) != tensors + products else ''}"
    )


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'} B A"


_Blocks = dict[tuple[str | None, int], dict[str, list[SliceFit]]]


def _blocks(page: Page, slices: Sequence[SliceFit]) -> None:
    blocks: _Blocks = defaultdict(lambda: defaultdict(list))
    for item in slices:
        if item.block is not None:
            blocks[item.tower, item.block][item.kind].append(item)
    if not blocks:
        return
    digits = _digits([item for row in blocks.values() for group in row.values() for item in group])
    page.heading("Shape k ± standard error, by block")
    _block_table(page, blocks, lambda group: _cell(group, digits), lowest_r2=True)
    page.heading("Scale lambda, by block")
    _block_table(page, blocks, _lambda_cell)


def _block_table(
    page: Page,
    blocks: _Blocks,
    cell: Callable[[Sequence[SliceFit]], str],
    *,
    lowest_r2: bool = False,
) -> None:
    """Add one table with a row per block and a column per kind."""
    with_tower = len({tower for tower, _ in blocks}) > 1
    places = [*([Column("tower")] if with_tower else []), Column("block", right=True)]
    kinds = [kind for kind in KINDS if any(kind in row for row in blocks.values())]
    columns = [Column(kind, right=True) for kind in kinds]
    if lowest_r2:
        columns.append(Column("lowest R2", right=True))
    rows = []
    for (tower, block), row in blocks.items():
        place = [*([tower or ""] if with_tower else []), str(block)]
        entries = [cell(row.get(kind, [])) for kind in kinds]
        rows.append((place, [*entries, *([_lowest_r2(row)] if lowest_r2 else [])]))
    for number, chosen in enumerate(_fitting(page.width, places, columns, rows)):
        if number:
            page.line("")
        page.table(
            [*places, *(columns[i] for i in chosen)],
            [[*place, *(entries[i] for i in chosen)] for place, entries in rows],
        )


def _fitting(
    width: int | None,
    places: Sequence[Column],
    columns: Sequence[Column],
    rows: Sequence[tuple[list[str], list[str]]],
) -> Iterator[list[int]]:
    """Share the columns out over as many tables as the page's width makes necessary."""
    fixed = column_widths(places, [place for place, _ in rows])
    widths = column_widths(columns, [entries for _, entries in rows])
    chosen: list[int] = []
    for i, column_width in enumerate(widths):
        taken = [*fixed, *(widths[j] for j in chosen), column_width]
        if chosen and width is not None and table_width(taken) > width:
            yield chosen
            chosen = []
        chosen.append(i)
    yield chosen


def _cell(group: Sequence[SliceFit], digits: int) -> str:
    fitted = [item for item in group if item.fitted]
    if not group:
        return ""
    if not fitted:
        return _WITHOUT_NUMBERS.get(group[0].status, group[0].status)
    marks = "".join(sorted({mark for item in fitted for mark in _marks(item)}))
    marks = f" {marks}" if marks else ""
    if len(group) > 1:
        return f"{_number(median(item.k for item in fitted), digits)} [{len(fitted)}]{marks}"
    return f"{_k_and_se(fitted[0], digits)}{marks}"


def _lambda_cell(group: Sequence[SliceFit]) -> str:
    fitted = [item.lam for item in group if item.fitted]
    if not fitted:
        return ""
    return f"{median(fitted):#.4g}" + (f" [{len(fitted)}]" if len(group) > 1 else "")


def _lowest_r2(row: dict[str, list[SliceFit]]) -> str:
    lowest = min((item.r2 for group in row.values() for item in group if item.fitted), default=None)
    return "" if lowest is None else f"{lowest:.4f}"


def _outside(page: Page, slices: Sequence[SliceFit]) -> None:
    """Show the matrices that are in no block, tensor by tensor."""
    groups: dict[tuple[str, str], list[SliceFit]] = defaultdict(list)
    for item in slices:
        if item.block is None and len(item.shape) >= 2:
            groups[item.tensor, item.part or ""].append(item)
    if not groups:
        return
    digits = _digits([item for group in groups.values() for item in group])
    in_blocks = any(item.block is not None for item in slices)
    page.heading("Matrices outside the blocks" if in_blocks else "Matrices")
    page.table(
        [
            Column("tensor"),
            Column("kind"),
            Column("shape"),
            *(Column(title, right=True) for title in ("k ± s.e.", "lambda", "R2")),
        ],
        [
            [
                f"{printable(tensor)} ({part})" if part else printable(tensor),
                group[0].kind,
                shape_text(group[0].shape),
                _cell(group, digits),
                _lambda_cell(group),
                _lowest_r2({"": group}),
            ]
            for (tensor, part), group in groups.items()
        ],
    )


def _kinds(page: Page, result: ModelFit) -> None:
    anchor = TRIMS[result.trim].gaussian_k
    fitted = Counter(item.kind for item in result.counted if item.fitted)
    # k of norm weights and biases says nothing about matrices: shown only if nothing else is.
    shown = [kind for kind in result.kinds if kind.kind not in _VECTORS] or result.kinds
    page.heading(f"By kind (k of Gaussian weights: {anchor:.4f})")
    page.table(
        [
            Column("kind"),
            *(
                Column(title, right=True)
                for title in (
                    *("slices", "k median", "k min", "k max", "from Gaussian"),
                    *("lambda median", "R2 median"),
                )
            ),
        ],
        [_kind_row(kind, fitted[kind.kind], anchor) for kind in shown],
    )


def _kind_row(kind: KindSummary, fitted: int, anchor: float) -> list[str]:
    count = f"{kind.slices:,}" if fitted == kind.slices else f"{fitted:,} of {kind.slices:,}"
    if not fitted:
        return [kind.kind, count, *[""] * 6]
    return [
        kind.kind,
        count,
        *(_number(k, 4) for k in (kind.k_median, kind.k_min, kind.k_max)),
        f"{kind.k_median - anchor:+.4f}",
        f"{kind.lambda_median:#.4g}",
        f"{kind.r2_median:.4f}",
    ]


def _notes(page: Page, result: ModelFit) -> None:
    page.line("")
    page.prose(
        "k below that of Gaussian weights: heavier tails, or rows and columns of unequal scale. "
        "lambda: 63 % of the magnitudes are smaller. R2 near 1: the fit is straight. The standard "
        "error is that of independent weights; shared scales make the true one larger."
    )
    if any(item.block is not None for item in result.slices):
        vectors = sum(item.kind in _VECTORS for item in result.slices)
        also = f", {vectors:,} norm weights and biases too" if vectors else ""
        page.prose(f"Every slice with R2, KS and RMS{also}: --format csv or --json.")
    shared = Counter(
        (item.tower, item.block, item.kind) for item in result.matrices if item.block is not None
    )
    if any(count > 1 for count in shared.values()):
        page.prose("1.234 [8]: median of 8 slices in one block, such as experts or heads.")
    matrices = [item for item in result.slices if item.fitted and len(item.shape) >= 2]
    used = {mark for item in matrices for mark in _marks(item)}
    for mark, meaning in _MARKS.items():
        if mark in used:
            page.prose(f"{mark}: {meaning}.")
    _note_decoded(page, result)
    _note_missing(page, result)
    unknown = [item for item in matrices if item.kind == "other" and item.part is None]
    if unknown:
        page.prose(f"Of no known kind, hence 'other': {_some(unknown)}.")


def _note_decoded(page: Page, result: ModelFit) -> None:
    decoded: dict[str, list[SliceFit]] = defaultdict(list)
    for item in result.slices:
        if item.decoded and (item.fitted or item.n or item.zeros or item.nonfinite):
            decoded[item.decoded].append(item)
    shown = sorted(decoded.items(), key=lambda entry: -len(entry[1]))
    for text, items in shown[:_NAMES_SHOWN]:
        page.prose(f"Values are {text}: {_some(items)}.")
    _note_products(page, result)
    if len(shown) > _NAMES_SHOWN:
        page.prose(f"{len(shown) - _NAMES_SHOWN:,} more ways to make values: --json tells them.")


def _note_products(page: Page, result: ModelFit) -> None:
    products = {item.tensor for item in result.slices if item.is_product}
    if not products:
        return
    page.prose(
        "B A: what an adapter adds to the matrix. Its elements depend on each other: the true "
        "standard error is larger than the one shown."
    )
    apart = products - {item.tensor for item in result.counted}
    if apart:
        page.prose(
            f"In no table by block or kind: {_products(len(apart))}, because matrices of the same "
            "kind are stored too and are not mixed with what is added to them. --json has all."
        )


def _note_missing(page: Page, result: ModelFit) -> None:
    missing: dict[str, list[SliceFit]] = defaultdict(list)
    for item in result.slices:
        if not item.fitted:
            missing[item.status].append(item)
    for status, items in missing.items():
        reasons = {item.reason for item in items}
        reason = items[0].reason if len(reasons) == 1 else f"such as {items[0].reason}"
        page.prose(f"Without numbers ({status}: {reason}): {_some(items)}.")


def _some(items: Sequence[SliceFit]) -> str:
    names = ", ".join(_label(item) for item in items[:_NAMES_SHOWN])
    more = len(items) - _NAMES_SHOWN
    return f"{names} and {more:,} more" if more > 0 else names


def _label(item: SliceFit) -> str:
    """Name a slice: its tensor, and which piece of it."""
    of_stack = item.expert is not None and f".{item.expert}." not in item.tensor
    pieces = (
        *([f"expert {item.expert}"] if of_stack else []),
        *([item.part] if item.part else []),
        *([f"head {item.head}"] if item.head is not None else []),
    )
    return printable(item.tensor) + (f" ({', '.join(pieces)})" if pieces else "")


def _marks(item: SliceFit) -> Iterator[str]:
    if item.status == "sparse":
        yield "s"
    if item.status == "scale_not_applied":
        yield "c"
    if item.r2 < POOR_R2:
        yield "p"


def _digits(items: Sequence[SliceFit]) -> int:
    """Digits after the point that show the smallest standard error: three to five."""
    errors = [item.k_se for item in items if item.fitted and item.k_se > 0]
    return min(5, max(3, math.ceil(-math.log10(min(errors))))) if errors else 3


def _k_and_se(item: SliceFit, digits: int) -> str:
    return f"{_number(item.k, digits)}±{_number(item.k_se, digits)}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.4g}"
