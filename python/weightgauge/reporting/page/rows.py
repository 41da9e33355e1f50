"""The slices of a model as the rows of a page: what each is, its numbers, what was found of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import slice_name
from weightgauge.reporting.page.short_numbers import rounded
from weightgauge.reporting.values import shape_text
from weightgauge.reporting.views.unmeasured import packed_tensors, why_without

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.findings import Finding
    from weightgauge.fits import SliceFit

NAME_LIMIT = 300
"""Characters of the longest name that a page shows."""

_NUMBERS = {
    **{"k": "k", "k_se": "k_se_matrix", "lambda": "lam"},
    **{"ln_lambda_se": "ln_lambda_se_matrix", "r2": "r2", "ks": "ks", "rms": "rms", "max": "max"},
}


def rows_of(slices: Sequence[SliceFit], findings: Sequence[Finding]) -> dict[str, list[Any]]:
    """Return the columns of the table of all slices.

    Parameters
    ----------
    slices : sequence of SliceFit
        In the order of the rows.
    findings : sequence of Finding
        What was found of them, among other things.

    Returns
    -------
    dict of str to list
        One value for each slice under each key. `why` says in a word why there are no numbers, and
        `found` has the places in `findings` of what was found of the slice.
    """
    packed = packed_tensors(findings)
    told = findings_by_row(slices, findings)
    columns: dict[str, list[Any]] = {
        "name": [slice_name(item) for item in slices],
        **{
            name: [getattr(item, name) for item in slices]
            for name in ("kind", "block", "tower", "expert", "head", "dtype", "n", "zeros")
        },
        "nonfinite": [item.nonfinite for item in slices],
        "shape": [shape_text(item.shape) for item in slices],
        "status": [item.status for item in slices],
        "why": ["" if item.fitted else why_without(item, packed).cell for item in slices],
        "reason": [printable(item.reason, limit=NAME_LIMIT) for item in slices],
        "decoded": [printable(item.decoded, limit=NAME_LIMIT) for item in slices],
        "errors": [printable(item.errors_from, limit=NAME_LIMIT) for item in slices],
        **{
            name: [rounded(getattr(item, field)) for item in slices]
            for name, field in _NUMBERS.items()
        },
        "spread": [
            None
            if item.spread is None
            else [rounded(getattr(item.spread, part), 3) for part in ("rows", "columns", "core")]
            for item in slices
        ],
        "found": [told.get(row, []) for row in range(len(slices))],
    }
    return columns


def findings_by_row(
    slices: Sequence[SliceFit], findings: Sequence[Finding]
) -> Mapping[int, list[int]]:
    """Return the places in `findings` of what was found of each row that anything was found of.

    What was found of a tensor that is only given in pieces is told of each piece.
    """
    from weightgauge.anatomy.slice_key import SliceKey

    exact: dict[SliceKey, int] = {item.key: row for row, item in enumerate(slices)}
    named: dict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(slices):
        named[item.tensor].append(row)
    told: dict[int, list[int]] = defaultdict(list)
    for number, each in enumerate(findings):
        if each.tensor is None:
            continue
        own = exact.get(SliceKey(each.tensor, each.part, each.expert, each.head))
        for row in named[each.tensor] if own is None else [own]:
            told[row].append(number)
    return told


def findings_of(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as a page carries them."""
    return [
        {"level": each.level, "id": each.id, "message": each.message, "hint": each.hint}
        for each in findings
    ]
