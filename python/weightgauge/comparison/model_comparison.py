"""`compare`: measure what moved between two models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.comparison.matching import Match, Matches, matched
from weightgauge.comparison.pair import Pair, leaves_out_zeros, pair_of
from weightgauge.comparison.pair_findings import pair_findings, side_findings
from weightgauge.comparison.strangers import stranger_findings
from weightgauge.errors import printable
from weightgauge.findings import Finding, by_importance, verdict
from weightgauge.fits.slice_fit import table_order
from weightgauge.fits.withheld import withheld
from weightgauge.frames import InPolars, TypedRows
from weightgauge.records import Table
from weightgauge.upper import InNotebook, done_above
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes

    from weightgauge.anatomy.layouts import Slice
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, Model, SavedSlice
    from weightgauge.scanning.derived import Difference, PairedErrors

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(InPolars, InNotebook):
    """Two models, slice by slice.

    Attributes
    ----------
    a, b : str
        The two models, as the caller named them.
    zero_handling : {"exclude", "censor"}
        What zeros were to the fits: left out, or below all other magnitudes (left-censored).
    pairs : Table of Pair
        The pair that moved most comes first: see `Pair.moved`.
    only_a, only_b : tuple of str
        Tensors without a counterpart.
    findings : Table of Finding
        What is wrong with either model, and what stands out between them, the most serious first.
    warnings : tuple of str
        What the reader should know about the models or their match.
    """

    a: str
    b: str
    zero_handling: str
    pairs: Table[Pair]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    findings: Table[Finding]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what is missing."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "a": self.a,
            "b": self.b,
            "zero_handling": self.zero_handling,
            "verdict": verdict(self.findings),
            "findings": self.findings.to_dicts(),
            "pairs": self.pairs.to_dicts(),
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "warnings": list(self.warnings),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per pair, in the order of `pairs`."""
        return self.pairs.to_dicts()

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per pair.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.pairs.to_pandas()

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.pairs.typed_rows()

    def plot(self, *, quantity: str = "dk", ax: Axes | None = None) -> Axes:
        """Draw how far the matrices of each kind moved, block by block, with standard errors.

        Matrices in no block stand behind the last one.

        Parameters
        ----------
        quantity : {"dk", "dln_lambda", "difference_rms"}
            What is drawn, as in `Pair`.
        ax : matplotlib.axes.Axes, optional
            As for `weightgauge.ModelFit.plot_depth`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError, NothingSelectedError, ValueError
            As for `weightgauge.ModelFit.plot_depth`.
        """
        axes: Axes = done_above("plot_comparison", self, quantity=quantity, ax=ax)
        return axes

    def __repr__(self) -> str:
        """Show the two models and how many pairs there are."""
        a, b = printable(self.a, limit=40), printable(self.b, limit=40)
        return f"<Comparison of '{a}' and '{b}': {len(self.pairs):,} pairs>"


def compare(
    a: Model,
    b: Model,
    *,
    elements: bool = True,
    per: str = "tensor",
    zeros: str = "exclude",
    errors: str = "sampled",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare two models: a base with its fine-tune, merge, quantised form or next step.

    Parameters
    ----------
    a, b : str, os.PathLike, torch.nn.Module, mapping, ModelHistograms or ModelFit
        As for `weightgauge.fit`; of fits only k and lambda are compared. Slices are matched by
        name, and across layouts by kind and block.
    elements : bool
        Whether slices of the same name and shape are also subtracted from each other, which reads
        both models once more. Saved counts cannot be subtracted.
    per, zeros, errors, include, exclude, threads, io, progress
        As for `weightgauge.fit`. In a difference zeros are elements that are equal, and are always
        left out of its fit. Patterns apply to the names in both models.

    Returns
    -------
    Comparison

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError, HistogramFileError
        If a model cannot be read. What tensors hold never raises.
    NothingSelectedError
        If `include` and `exclude` leave no tensor of one of the models.
    ValueError
        If an option is none of its choices.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> found = wg.compare(demo.paths()["step-0"], demo.paths()["step-last"])
    >>> {pair.kind: f"{pair.dln_lambda:+.2f}" for pair in found.pairs}["head"]
    '+2.42'
    """
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import open_slices

    options = FitOptions(zeros=zeros, errors=errors, threads=threads, io=io)
    first = open_slices(a, include=include, exclude=exclude, per=per, options=options)
    second = open_slices(b, include=include, exclude=exclude, per=per, options=options)
    kept = (kept_of(first, options, progress), kept_of(second, options, progress))
    both = (first, second)
    return compared(both, kept, matched(*kept), options, elements=elements, progress=progress)


def compared(
    subjects: tuple[Measurable, Measurable],
    kept: tuple[Sequence[SavedSlice], Sequence[SavedSlice]],
    matches: Matches,
    options: FitOptions,
    *,
    elements: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare two models that were opened and counted; see `compare`.

    Parameters
    ----------
    subjects : (Measurable, Measurable)
        The two models.
    kept : (sequence of SavedSlice, sequence of SavedSlice)
        What `kept_of` returned of each.
    matches : Matches
        What `matched` returned of both.
    options : FitOptions
        How to fit and read.
    elements, progress
        As for `compare`.

    Returns
    -------
    Comparison
    """
    from weightgauge.magnitudes.options import FitOptions

    (first, second), (of_a, of_b) = subjects, kept
    alone_a, alone_b = (
        withheld([each.fit for each in side], zeros=options.zeros, trim=options.trim)
        for side in (of_a, of_b)
    )
    reading = FitOptions(errors=options.errors, threads=options.threads, io=options.io)
    differences, paired, unknown = differences_of(
        first, second, matches.pairs, reading, elements, progress
    )
    pairs = [
        pair_of(
            match,
            differences.get(match.a.fit.key),
            _why_not(match, differences, unknown),
            rows=_shared_rows(match) if match.a.fit.key in differences else None,
            paired=paired.get(match.a.fit.key) if leaves_out_zeros(match, options.zeros) else None,
            reasons=(alone_a.get(match.a.fit.key), alone_b.get(match.b.fit.key)),
        )
        for match in matches.pairs
    ]
    findings = by_importance(
        (
            *side_findings("a", first.findings, [each.fit for each in of_a], options),
            *side_findings("b", second.findings, [each.fit for each in of_b], options),
            *pair_findings(matches.pairs, pairs, matches.only_a, matches.only_b),
            *stranger_findings(subjects, matches.pairs, pairs, reading, base_first=True),
        )
    )
    pairs.sort(key=lambda pair: -1.0 if math.isnan(pair.moved) else pair.moved, reverse=True)
    return Comparison(
        a=first.model,
        b=second.model,
        zero_handling=options.zeros,
        pairs=Table(Pair, pairs),
        only_a=tuple(matches.only_a),
        only_b=tuple(matches.only_b),
        findings=findings,
        warnings=(
            *(f"a: {warning}" for warning in first.warnings),
            *(f"b: {warning}" for warning in second.warnings),
            *(
                []
                if pairs
                else ["no slice of a has a counterpart in b, by name or by kind and block"]
            ),
        ),
    )


def kept_of(
    subject: Measurable,
    options: FitOptions,
    progress: Callable[[int, int], None] | None = None,
) -> list[SavedSlice]:
    """Return the slices with their counts, in the order of tables."""
    from weightgauge.scanning import CheckpointSlices, kept_histograms

    if isinstance(subject, CheckpointSlices):
        slices = kept_histograms(subject, options, progress=progress).slices
    else:
        fits = (each.fit for each in subject.measure(options))
        slices = tuple(
            each._replace(fit=fit) for each, fit in zip(subject.slices, fits, strict=True)
        )
    return sorted(slices, key=lambda each: table_order(each.fit))


def differences_of(
    first: Measurable,
    second: Measurable,
    pairs: Sequence[Match],
    options: FitOptions,
    elements: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[SliceKey, Difference], dict[SliceKey, PairedErrors], str]:
    """Return differences of elements and errors of those of fits, or why there are none."""
    from weightgauge.scanning import CheckpointSlices
    from weightgauge.scanning.derived import can_be_read, paired_errors, scan_differences

    if not elements:
        return {}, {}, "elements were not compared"
    if not isinstance(first, CheckpointSlices) or not isinstance(second, CheckpointSlices):
        return {}, {}, "elements of saved counts cannot be compared"
    if not (first.complete and second.complete):
        return {}, {}, "elements that are sharded over processes are not compared"
    of_a = {item.key: item for item in first.slices}
    of_b = {item.key: item for item in second.slices}
    wanted: list[tuple[Slice, Slice]] = []
    counts: list[tuple[SavedSlice, SavedSlice] | None] = []
    for match in pairs:
        a, b = of_a.get(match.a.fit.key), of_b.get(match.b.fit.key)
        if a is None or b is None or not match.by_name or not (can_be_read(a) and can_be_read(b)):
            continue
        if (rows := _shared_rows(match)) is not None and not (a.stored or b.stored):
            wanted.append((_first_rows(a, rows), _first_rows(b, rows)))
            counts.append(None)  # those of other rows as well
        elif a.shape == b.shape:
            wanted.append((a, b))
            counts.append((match.a, match.b))
    found = scan_differences(
        first.checkpoint, second.checkpoint, wanted, options, progress=progress
    )
    keys = [a.key for a, _ in wanted]
    differences = dict(zip(keys, found, strict=True))
    if options.errors == "independent":
        return differences, {}, ""
    errors = paired_errors(first.checkpoint, second.checkpoint, wanted, counts, found, options)
    return differences, dict(zip(keys, errors, strict=True)), ""


def _shared_rows(match: Match) -> int | None:
    """Return how many rows both matrices have, where one has more: as after a new vocabulary."""
    a, b = match.a.fit.shape, match.b.fit.shape
    whole = match.a.fit.part is None and match.a.fit.expert is None and match.a.fit.head is None
    if not (match.by_name and whole and len(a) == len(b) == 2) or a[0] == b[0] or a[1] != b[1]:
        return None
    return min(a[0], b[0])


def _first_rows(item: Slice, rows: int) -> Slice:
    """Return the first rows of a matrix that is a tensor of its own."""
    from weightgauge.anatomy.layouts.layout import Cut

    columns = item.shape[1]
    place, shape = item.place, (rows, columns)
    cut = Cut(place.part, place.kind, None, None, shape, 0, ((rows * columns, 1),))
    return item._replace(shape=shape, cut=cut)


def _why_not(match: Match, differences: dict[SliceKey, Difference], unknown: str) -> str:
    rows = _shared_rows(match)
    if match.a.fit.key in differences:
        if rows is None:
            return ""
        more = abs(match.a.fit.shape[0] - match.b.fit.shape[0])
        side = "a" if match.a.fit.shape[0] > rows else "b"
        first = counted(rows, "row")
        return f"the first {first} {agreeing(rows)} compared; {counted(more, 'row')} only in {side}"
    if unknown:
        return unknown
    if not match.by_name:
        return "elements of different layouts are not compared"
    if match.a.fit.shape != match.b.fit.shape:
        return f"elements are not compared: shapes {match.a.fit.shape} and {match.b.fit.shape}"
    return ""
