"""The document of `weightgauge compare`: what moved between two models."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import KINDS
from weightgauge.errors import printable
from weightgauge.findings import slice_name
from weightgauge.fits.withheld import CELLS, commonest
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Estimate,
    Line,
    Paragraph,
    Section,
    Word,
    metadata,
    plain_columns,
)
from weightgauge.reporting.values import part_text
from weightgauge.reporting.views.left_out import left_out_note, rows_left_out
from weightgauge.reporting.views.paired_errors import paired_errors_note
from weightgauge.reporting.views.zeros import zeros_note
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.comparison.model_comparison import Comparison
    from weightgauge.comparison.pair import Pair

MOST_MOVED_SHOWN = 20
"""Pairs that are shown if nobody asks for more or fewer."""
_NAMES_SHOWN = 5


def _share_shown(share: float, digits: int) -> str:
    """Show a share in percent; one that is not zero never looks like zero."""
    shown = f"{share:.{digits}%}"
    least = f"{10.0**-digits / 100:.{digits}%}"
    return f"<{least}" if share > 0 and float(shown.rstrip("%")) == 0 else shown


_changed = partial(_share_shown, digits=1)
_difference = partial(_share_shown, digits=2)

_MEDIANS = (
    Column(key="kind", identifies=True),
    Column(key="pairs", form=part_text, right=True),
    Column(key="k_a", heading="k of a", form=".4f", right=True),
    Column(key="k_b", heading="k of b", form=".4f", right=True),
    Column(key="dk", form="+z.4f", right=True),
    Column(key="dln_lambda", heading="dln lambda", form="+z.4f", right=True),
    Column(key="ks", heading="KS", form=".4f", right=True),
    Column(key="changed", form=_changed, right=True),
    Column(key="difference_rms", heading="|b-a|/|a|", form=_difference, right=True),
)
_MOST_MOVED = (
    Column(key="tensor", identifies=True, may_shorten=True),
    Column(key="kind", drop=3),
    Column(key="block", right=True),
    Column(key="dk", form="+z.4f", right=True),
    Column(key="z", form="+z.1f", right=True, follows=True),
    Column(key="dln_lambda", heading="dln lambda", form="+z.4f", right=True),
    Column(key="dln_lambda_z", heading="z", form="+z.1f", right=True, follows=True, drop=1),
    Column(key="ks", heading="KS", form=".4f", right=True, drop=2),
    Column(key="changed", form=_changed, right=True),
    Column(key="difference_rms", heading="|b-a|/|a|", form=_difference, right=True),
)
_READING = (
    "dk = k of b - k of a. Medians by kind are taken column by column, those of k and lambda over "
    "pairs that have both: the median of dk need not be the difference of the medians."
)
_DIFFERENCES = (
    "KS: distance between the two distributions of "
    "|w|. Changed: share of the elements whose values differ. |b-a|/|a|: root mean squares, by "
    "which pairs are sorted; without elements by the least that it can be. --json and --format "
    "csv have every pair with a fit of the differences."
)


def compare_document(found: Comparison, *, top: int | None = MOST_MOVED_SHOWN) -> Document:
    """Show medians by kind, the pairs that moved most, and what has no counterpart.

    Parameters
    ----------
    found : Comparison
        What to show.
    top : int or None
        How many of the pairs that moved most are shown; None for all.
    """
    from weightgauge.comparison.model_comparison import SCHEMA_VERSION
    from weightgauge.comparison.pair import Pair
    from weightgauge.records import columns

    moved = [
        pair
        for pair in found.pairs
        if pair.changed > 0
        or abs(pair.dk) > 0
        or (math.isnan(pair.changed) and math.isfinite(pair.k_a))
    ]
    tables = (_kinds(found.pairs), _most_moved(moved, top)) if moved else ()
    return Document(
        title=f"a: {printable(found.a, limit=1000)}, b: {printable(found.b, limit=1000)}",
        sections=(
            Section("", (Line(_standing(found.pairs)), *_reasons(found.pairs))),
            *tables,
            *_without_counterpart(found),
        ),
        findings=found.findings,
        beside_verdict=_alone(found),
        findings_first=True,
        notes=_notes(found) if moved else (),
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, a=found.a, b=found.b, zero_handling=found.zero_handling),
        data=found.to_dict,
        records=lambda: DocumentTable(
            plain_columns(columns(Pair)), [pair.to_dict() for pair in found.pairs]
        ),
        provenance=lambda: {"model_a": found.a, "model_b": found.b, "protocol": "order"},
    )


def _notes(found: Comparison) -> tuple[Paragraph, ...]:
    zeros = zeros_note(found.zero_handling).strip()
    reading = " ".join(filter(None, (_READING, paired_errors_note(found.pairs), _DIFFERENCES)))
    members = _members(found.pairs)
    aside = left_out_note(
        (kind, len(members[kind]) - len(_judged(members[kind])), len(members[kind]))
        for kind in members
    )
    return tuple(map(Paragraph, filter(None, (zeros, *aside, reading))))


def _alone(found: Comparison) -> str:
    """Say beside the verdict how much of a model could not be compared; "" for nothing."""
    if not found.pairs:
        return "nothing of a has a counterpart in b"
    sides = (("a", found.only_a), ("b", found.only_b))
    return "; ".join(
        f"{counted(len(names), 'tensor')} only in {side}" for side, names in sides if names
    )


def _standing(pairs: Sequence[Pair]) -> str:
    text = counted(len(pairs), "pair of slices", "pairs of slices")
    if same := [pair.changed == 0 for pair in pairs if not math.isnan(pair.changed)]:
        text += f"; {_by_element(sum(same), len(same))}"
    lost = sum(pair.nonfinite_b - pair.nonfinite_a for pair in pairs)
    if lost > 0:
        text += f"; {counted(lost, 'element')} became NaN or infinite"
    return text


def _by_element(same: int, compared: int) -> str:
    """Say how many of the pairs that were compared element by element are the same."""
    whole = same in (0, compared)
    if compared == 1:
        return f"the one that was compared by element {'is the same' if same else 'differs'}"
    share = f"all {compared:,}" if whole else f"{same:,} of {compared:,}"
    return f"{share} that were compared by element {'are the same' if same else 'differ'}"


def _reasons(pairs: Sequence[Pair]) -> list[Line]:
    """Say why elements were not compared, or not all, and why changed pairs have no fit."""
    apart = [
        pair.note
        for pair in pairs
        if pair.note
        and (pair.rows or math.isnan(pair.changed) or (pair.changed > 0 and not _has_fits(pair)))
    ]
    return [
        Line(f"{counted(number, 'pair')}: {note}")
        for note, number in Counter(apart).most_common(_NAMES_SHOWN)
    ]


def _members(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs by kind, of which those of a stack and its pieces count once."""
    members: dict[str, list[Pair]] = defaultdict(list)
    depths: dict[tuple[str, str], int] = defaultdict(int)
    for pair in pairs:
        depths[pair.tensor, pair.kind] = max(depths[pair.tensor, pair.kind], _depth(pair))
    for pair in pairs:
        # If a stack is also given in pieces of its own kind, only the pieces count.
        if _depth(pair) == depths[pair.tensor, pair.kind]:
            members[pair.kind].append(pair)
    return {kind: members[kind] for kind in KINDS if kind in members}


def _judged(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Leave out pairs whose k says nothing of the training, unless there are no others."""
    return [pair for pair in pairs if pair.withheld is None] or pairs


def _kinds(pairs: Sequence[Pair]) -> Section:
    measured = [column.key for column in _MEDIANS if column.key not in ("kind", "pairs")]
    rows = [
        {
            "kind": kind,
            "pairs": (len(_judged(members)), len(members)),
            **{field: _median(_both_known(members, field), field) for field in measured},
            **_word_for_change(members),
        }
        for kind, members in _members(pairs).items()
    ]
    return Section("Medians by kind", (DocumentTable(_MEDIANS, rows),))


def _word_for_change(pairs: Sequence[Pair]) -> dict[str, Word]:
    """Return the word that stands in place of dk where no pair has one."""
    words = [word for pair in pairs if (word := _why_blank(pair))]
    return {"dk": Word(commonest(words))} if len(words) == len(pairs) else {}


def _why_blank(pair: Pair) -> str | None:
    """Return the word that stands in place of dk of a pair; None where it has one."""
    if pair.withheld is not None:
        return CELLS[pair.withheld]
    return None if _has_fits(pair) else "no fit"


def _has_fits(pair: Pair) -> bool:
    return math.isfinite(pair.k_a) and math.isfinite(pair.k_b)


def _most_moved(pairs: Sequence[Pair], top: int | None) -> Section:
    table = DocumentTable(_MOST_MOVED, list(map(_moved_row, pairs[:top])))
    return Section("What moved most", (table, *rows_left_out(len(pairs), top)))


def _moved_row(pair: Pair) -> dict[str, Any]:
    alike = ("kind", "block", "z", "dln_lambda", "dln_lambda_z", "ks", "changed", "difference_rms")
    why = _why_blank(pair)
    return {
        "tensor": slice_name(pair),
        "dk": Estimate(pair.dk, pair.dk_se) if why is None else Word(why),
        **{field: getattr(pair, field) for field in alike},
    }


def _without_counterpart(found: Comparison) -> Iterator[Section]:
    for side, names in (("a", found.only_a), ("b", found.only_b)):
        if names:
            shown = ", ".join(printable(name) for name in names[:_NAMES_SHOWN])
            more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
            yield Section("", (Paragraph(f"Only in {side}: {shown}{more}."),))


def _depth(pair: Pair) -> int:
    return sum(level is not None for level in (pair.part, pair.expert, pair.head))


def _both_known(pairs: Sequence[Pair], field: str) -> Sequence[Pair]:
    """Return the pairs that a median is over: shapes only where both sides have one that tells.

    Otherwise the medians of k of a and k of b would be over other matrices than that of their
    difference.
    """
    if field not in ("k_a", "k_b", "dk", "dln_lambda"):
        return pairs
    return [pair for pair in _judged(pairs) if _has_fits(pair)]


def _median(pairs: Sequence[Pair], field: str) -> float | None:
    values = [value for pair in pairs if math.isfinite(value := getattr(pair, field))]
    return median(values) if values else None
