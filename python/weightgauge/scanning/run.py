"""Slices of a checkpoint to the core, and what it found back to fits."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.anatomy.layouts import Slice, Slices
from weightgauge.anatomy.storage import ScaledCodes, Stored
from weightgauge.categorical import numbers_of
from weightgauge.dtypes import ITEM_BYTES, NO_DECODER
from weightgauge.errors import CheckpointError, FileChangedError, printable
from weightgauge.magnitudes.histogram import MagnitudeHistogram
from weightgauge.magnitudes.weibull import WeibullFit, fit_of_numbers
from weightgauge.scanning.measured import PiecePages
from weightgauge.scanning.placing import NOT_COUNTED, placed
from weightgauge.scanning.plan import ScanPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge import _core
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.magnitudes.options import FitOptions

    Scan = Callable[[ScanPlan], _core.ScanResults]

_FEWEST_TOGETHER = 8
"""Whole tensors side by side whose columns take less time than as many records."""

_TOKENS = frozenset(("embed", "head"))
"""Kinds that have one row for each token."""


class ScannedSlices:
    """What a scan found: a row of numbers for each slice, in the order in which they were given.

    Parameters
    ----------
    numbers : structured ndarray
        Numbers of each slice, with its scale applied; see `_core.ScanResults.numbers`.
    told : dict of int to (str, str)
        Status and reason of the slices whose format is not counted.
    scales : dict of int to float
        What the magnitudes in a slice's histogram are still to be multiplied with, where that is
        not 1.
    options : FitOptions
        How they were fitted.
    pages : dict of int to PiecePages
        Of the pieces that fill pages of their tensors.
    counts : callable, optional
        Returns the histogram of the slice in a row, None where it has none; where histograms were
        asked for.
    """

    def __init__(
        self,
        numbers: NDArray[np.void],
        told: dict[int, tuple[str, str]],
        scales: dict[int, float],
        options: FitOptions,
        counts: Callable[[int], _core.Histogram | None] | None = None,
        pages: dict[int, PiecePages] | None = None,
    ) -> None:
        self.numbers = numbers
        self.told = told
        self.scales = scales
        self.pages = pages or {}
        self._options = options
        self._counts = counts

    def __len__(self) -> int:
        return len(self.numbers)

    def fit(self, row: int) -> WeibullFit:
        """Return the fit of one slice, whose format is counted."""
        return fit_of_numbers(self.numbers[row].item(), self._options)

    def take_histogram(self, row: int) -> MagnitudeHistogram | None:
        """Take the counts of one slice; they are there once, and not for formats not counted."""
        counts = self.take_counts(row)
        return None if counts is None else MagnitudeHistogram(counts)

    def take_counts(self, row: int) -> _core.Histogram | None:
        """Take the counts of one slice as the core has them."""
        return None if self._counts is None else self._counts(row)


def scan_slices(
    checkpoint: Checkpoint,
    slices: Sequence[Slice],
    options: FitOptions,
    *,
    keep_histograms: bool = False,
    progress: Callable[[int, int], None] | None = None,
    scan: Scan | None = None,
) -> ScannedSlices:
    """Count and fit slices, all in one parallel pass over the files.

    Parameters
    ----------
    checkpoint : Checkpoint
        From `open_checkpoint`.
    slices : sequence of Slice
        Tensors of that checkpoint, or pieces of them, in any order, of any dtype.
    options : FitOptions
        How to fit and read.
    keep_histograms : bool
        Whether to return the counts as well.
    progress : callable, optional
        Called as progress(bytes_done, bytes_total), about twenty times a second and once at the
        end, by the calling thread. An exception that it raises ends the scan.
    scan : callable, optional
        Takes the plan and returns what was found of its slices, where that is not to be counted
        from the checkpoint's files.

    Returns
    -------
    ScannedSlices
        One row per slice. Integers get the status ``not_applicable``.

    Raises
    ------
    FileChangedError
        A file is not, or no longer, the one whose header was read.
    CheckpointError
        The operating system could not read a file.
    """
    plan, places = planned(checkpoint, slices, options)
    if scan is None:
        results = _scanned(checkpoint, plan, options, keep_histograms, progress)
    else:
        results = scan(plan)
    told = {
        row: _without_scan(slices[row].tensor.dtype)
        for row, place in (enumerate(places) if NOT_COUNTED in places else ())
        if place == NOT_COUNTED
    }
    found = results.numbers()
    numbers, scales, beyond = placed(found, plan, places)
    again = {}
    if scan is None and beyond:
        again = _made_one_by_one(checkpoint, {row: slices[row] for row in beyond}, options)
        for row, (made, _) in again.items():
            numbers[row] = made
            del scales[row]

    def take(row: int) -> _core.Histogram | None:
        if row in again:
            return again[row][1]
        place = places[row]
        return None if place == NOT_COUNTED else results.take_histogram(place)

    pages = {
        row: PiecePages(*plan.pages_of[place], int(found["digest"][place]))
        for row, place in (enumerate(places) if plan.pages_of else ())
        if place in plan.pages_of
    }
    counts = take if keep_histograms else None
    return ScannedSlices(numbers, told, scales, options, counts, pages)


def _of_tokens(slices: Sequence[Slice], places: Sequence[int], plan: ScanPlan) -> list[int]:
    """Return the places in a plan of the matrices with one row for each token."""
    kinds = Slices.of(slices).places.kinds
    if not any(kind in kinds for kind in _TOKENS):
        return []
    return [
        places[row]
        for row, kind in enumerate(kinds)
        if kind in _TOKENS
        and places[row] != NOT_COUNTED
        and places[row] not in plan.turned
        and len(slices[row].shape) == 2
    ]


def _made_one_by_one(
    checkpoint: Checkpoint, slices: Mapping[int, Slice], options: FitOptions
) -> dict[int, tuple[np.void, _core.Histogram]]:
    """Count slices of which a scale may make some values infinite: which ones, no fit can tell.

    Returns
    -------
    dict of int to (structured scalar, Histogram)
        Numbers and counts of each slice, by its row.
    """
    plan = ScanPlan(checkpoint, scales_apart=False)
    places = [_added(item, plan) for item in slices.values()]
    results = _scanned(checkpoint, plan, options, keep_histograms=True, progress=None)
    numbers, *_ = placed(results.numbers(), plan, places)
    return {
        row: (numbers[at].copy(), results.take_histogram(places[at]))
        for at, row in enumerate(slices)
    }


def planned(
    checkpoint: Checkpoint, slices: Sequence[Slice], options: FitOptions
) -> tuple[ScanPlan, Sequence[int]]:
    """Plan a scan: the plan, and for each slice its place there, -1 for one that is not counted."""
    plan = ScanPlan(checkpoint, scales_apart=options.protocol == "order")
    parts = [_part_added(part, sort, plan) for part, sort in _runs(Slices.of(slices))]
    places = parts[0] if len(parts) == 1 else array("q", chain.from_iterable(parts))
    plan.of_tokens += _of_tokens(slices, places, plan)
    return plan, places


_PLAIN, _SCALED = 1, 2
"""Sorts of whole tensors that are planned together: they hold the values, or codes that have one
scale for all of them. All others are planned one by one."""


def _runs(slices: Slices) -> Iterator[tuple[Slices, int]]:
    """Yield slices in parts, and the sort of each part; 0 for others."""
    sorts = numbers_of(slices.sources, _sort_of_source, np.uint8)
    sorts *= numbers_of(slices.tensors.dtypes, ITEM_BYTES.__contains__, np.bool_)
    sorts *= numbers_of(slices.cuts, lambda each: each is None, np.bool_)
    for start, end in _stretches(sorts):
        if end - start < _FEWEST_TOGETHER:
            sorts[start:end] = 0
    for start, end in _stretches(sorts):
        part = slices[start:end] if end - start < len(slices) else slices
        yield part, int(sorts[start])


def _sort_of_source(stored: Stored | None) -> int:
    if stored is None:
        return _PLAIN
    source = stored.source
    together = isinstance(source, ScaledCodes) and source.single and not stored.turned
    return _SCALED if together else 0


def _stretches(values: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Return where values that are the same begin, and where they end."""
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return pairwise(edges) if len(values) else iter(())


def _part_added(part: Slices, sort: int, plan: ScanPlan) -> Sequence[int]:
    """Add slices of one sort to a plan; return their places there."""
    if sort == _PLAIN:
        return plan.add_whole(part.tensors, part.matrices)
    if sort == _SCALED:
        sources = (stored.source for stored in part.sources if stored is not None)
        scales = [each.scales for each in sources if isinstance(each, ScaledCodes)]
        places = plan.add_scaled(part.tensors, scales, part.matrices)
        if places is not None:
            return places
    return [_added(item, plan) for item in part]


def _added(item: Slice, plan: ScanPlan) -> int:
    """Add one slice to a plan; return its place there."""
    if item.stored is None and item.tensor.dtype not in ITEM_BYTES:
        return NOT_COUNTED
    return plan.add(item.tensor, item.cut, item.stored, item.matrix)


def _scanned(
    checkpoint: Checkpoint,
    plan: ScanPlan,
    options: FitOptions,
    keep_histograms: bool,
    progress: Callable[[int, int], None] | None,
) -> _core.ScanResults:
    from weightgauge import _core

    total = 0 if progress is None else plan.nbytes
    with read_errors_told(checkpoint):
        results = _core.scan_files(
            file_specs(checkpoint, plan),
            plan.to_core(),
            io=options.io,
            progress=None if progress is None else (lambda done: progress(done, total)),
            options=options.to_core(keep_histogram=keep_histograms),
        )
    if progress is not None:
        progress(total, total)
    return results


def file_specs(checkpoint: Checkpoint, plan: ScanPlan) -> list[_core.SourceSpec]:
    """Files of a plan as the core takes them; tensors on a device are copied for it."""
    return [
        checkpoint.shards[shard].source(as_it_lies=as_it_lies) for shard, as_it_lies in plan.files
    ]


@contextmanager
def read_errors_told(*checkpoints: Checkpoint) -> Iterator[None]:
    """Turn what the core says of files into errors that name them.

    Raises
    ------
    FileChangedError, CheckpointError
        In place of the core's.
    """
    from weightgauge import _core

    try:
        yield
    except _core.FileChanged as error:
        path, what = error.args
        raise FileChangedError(
            f"{_known_name(checkpoints, path)}: {what} since it was opened; measure it again when "
            "nothing writes to it, or measure a copy"
        ) from error
    except _core.ReadFailed as error:
        path, _code, what = error.args
        raise CheckpointError(
            f"cannot be read: {what}", path=_known_name(checkpoints, path)
        ) from error


def _without_scan(dtype: str) -> tuple[str, str]:
    """Status and reason of a slice whose format is not counted."""
    if dtype in NO_DECODER:
        return "unsupported_dtype", f"{dtype} has no decoder here"
    return "not_applicable", f"{dtype} holds no floating-point weights"


def _known_name(checkpoints: Sequence[Checkpoint], raw: bytes) -> str:
    path = os.fsdecode(raw)
    for checkpoint in checkpoints:
        for shard in checkpoint.shards:
            if shard.path == path:
                return printable(shard.name)
    return printable(path)
