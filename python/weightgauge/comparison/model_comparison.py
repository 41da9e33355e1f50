"""`compare`: measure what moved between two models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.comparison.matching import Match, matched
from weightgauge.comparison.pair import Pair, pair_of
from weightgauge.errors import printable
from weightgauge.fits.slice_fit import table_order
from weightgauge.records import Table

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, Model, SavedSlice
    from weightgauge.scanning.derived import Difference

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Two models, slice by slice.

    Attributes
    ----------
    a, b : str
        The two models, as the caller named them.
    pairs : Table of Pair
        The pair that moved most comes first: see `Pair.moved`.
    only_a, only_b : tuple of str
        Tensors without a counterpart.
    warnings : tuple of str
        What the reader should know about the models or their match.
    """

    a: str
    b: str
    pairs: Table[Pair]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what is missing."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "a": self.a,
            "b": self.b,
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
    per, include, exclude, threads, io, progress
        As for `weightgauge.fit`. Patterns apply to the names in both models.

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

    options = FitOptions(threads=threads, io=io)
    first = open_slices(a, include=include, exclude=exclude, per=per)
    second = open_slices(b, include=include, exclude=exclude, per=per)
    matches = matched(_histograms(first, options, progress), _histograms(second, options, progress))
    differences, unknown = _differences(first, second, matches.pairs, options, elements, progress)
    pairs = [
        pair_of(match, differences.get(match.a.fit.key), _why_not(match, differences, unknown))
        for match in matches.pairs
    ]
    pairs.sort(key=lambda pair: -1.0 if math.isnan(pair.moved) else pair.moved, reverse=True)
    return Comparison(
        a=first.model,
        b=second.model,
        pairs=Table(Pair, pairs),
        only_a=tuple(matches.only_a),
        only_b=tuple(matches.only_b),
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


def _histograms(
    subject: Measurable, options: FitOptions, progress: Callable[[int, int], None] | None
) -> list[SavedSlice]:
    """Return the slices with their counts, in the order of tables."""
    from weightgauge.scanning import CheckpointSlices, kept_histograms

    if isinstance(subject, CheckpointSlices):
        subject = kept_histograms(subject, options, progress=progress)
    return sorted(subject.slices, key=lambda each: table_order(each.fit))


def _differences(
    first: Measurable,
    second: Measurable,
    pairs: Sequence[Match],
    options: FitOptions,
    elements: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[SliceKey, Difference], str]:
    """Return the differences of elements by slice, or the reason why no elements are compared."""
    from weightgauge.scanning import CheckpointSlices
    from weightgauge.scanning.derived import can_be_read, scan_differences

    if not elements:
        return {}, "elements were not compared"
    if not isinstance(first, CheckpointSlices) or not isinstance(second, CheckpointSlices):
        return {}, "elements of saved counts cannot be compared"
    if not (first.complete and second.complete):
        return {}, "elements that are sharded over processes are not compared"
    of_a = {item.key: item for item in first.slices}
    of_b = {item.key: item for item in second.slices}
    wanted = [
        (of_a[match.a.fit.key], of_b[match.b.fit.key])
        for match in pairs
        if match.by_name
        and match.a.fit.key in of_a
        and match.b.fit.key in of_b
        and of_a[match.a.fit.key].shape == of_b[match.b.fit.key].shape
        and can_be_read(of_a[match.a.fit.key])
        and can_be_read(of_b[match.b.fit.key])
    ]
    found = scan_differences(
        first.checkpoint, second.checkpoint, wanted, options, progress=progress
    )
    return {a.key: each for (a, _), each in zip(wanted, found, strict=True)}, ""


def _why_not(match: Match, differences: dict[SliceKey, Difference], unknown: str) -> str:
    if match.a.fit.key in differences:
        return ""
    if unknown:
        return unknown
    if not match.by_name:
        return "elements of different layouts are not compared"
    if match.a.fit.shape != match.b.fit.shape:
        return f"elements are not compared: shapes {match.a.fit.shape} and {match.b.fit.shape}"
    return ""
