"""The slices of a model as the rows of a page: what each is, its numbers, what was found of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import FindingGroup, slice_name
from weightgauge.pictures import Told
from weightgauge.reporting.page.short_numbers import rounded
from weightgauge.reporting.values import shape_text
from weightgauge.reporting.views.unmeasured import packed_tensors, why_without

if TYPE_CHECKING:
    from weightgauge.findings import Finding
    from weightgauge.fits import SliceFit

NAME_LIMIT = 300
"""Characters of the longest sentence from a file that a page shows."""

_NUMBERS = {
    **{"k": "k", "k_se": "k_se_matrix", "lambda": "lam"},
    **{"ln_lambda_se": "ln_lambda_se_matrix", "r2": "r2", "ks": "ks", "rms": "rms", "max": "max"},
}


def rows_of(
    slices: Sequence[SliceFit], findings: Sequence[Finding], told: Told
) -> dict[str, list[Any]]:
    """Return the columns of the table of all slices.

    Parameters
    ----------
    slices : sequence of SliceFit
        In the order of the rows.
    findings : sequence of Finding
        What was found of them, among other things.
    told : mapping of int to list of int
        Which of the findings are about which row.

    Returns
    -------
    dict of str to list
        One value for each slice under each key. `why` says in a word why there are no numbers, and
        `found` has the places in `findings` of what was found of the slice.
    """
    packed = packed_tensors(findings)
    return {
        **places_in(slices, told),
        **{name: [getattr(item, name) for item in slices] for name in ("dtype", "n", "zeros")},
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
    }


def places_in(items: Sequence[Any], told: Told) -> dict[str, list[Any]]:
    """Return the columns that say what each row is about, and what was found of it."""
    return {
        "name": [slice_name(item) for item in items],
        **{
            name: [getattr(item, name) for item in items]
            for name in ("kind", "block", "tower", "expert", "head")
        },
        "found": [told.get(row, []) for row in range(len(items))],
    }


def rows_of_groups(
    groups: Sequence[FindingGroup], findings: Sequence[Finding], told: Told
) -> list[list[int]]:
    """Return the rows that each group of findings is about, each row once."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, numbers in told.items():
        for number in numbers:
            rows[id(findings[number])].append(row)
    return [
        list(dict.fromkeys(row for each in group.findings for row in rows[id(each)]))
        for group in groups
    ]


def findings_of(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as a page carries them."""
    return [
        {name: getattr(each, name) for name in ("level", "id", "message", "hint", "model", "step")}
        for each in findings
    ]


def serious_rows(findings: Sequence[Finding], told: Told) -> set[int]:
    """Return the rows of which a fault or a warning was found."""
    return {
        row
        for row, numbers in told.items()
        if any(findings[number].level != "note" for number in numbers)
    }
