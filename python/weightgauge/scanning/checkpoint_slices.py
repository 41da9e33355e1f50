"""The slices of a checkpoint, measured from its weights."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from weightgauge.anatomy.layouts import Slice, Slices, slices_of
from weightgauge.anatomy.selection import choose
from weightgauge.anatomy.survey import Survey, products, survey, unknown_factor
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.findings import RULES, Finding
from weightgauge.fits.number_columns import NumberColumns
from weightgauge.fits.slice_fits import SliceFits
from weightgauge.records import Table, taken
from weightgauge.scanning.live.shard import LiveCheckpoint
from weightgauge.scanning.measured import Measured
from weightgauge.scanning.run import ScannedSlices, planned, scan_slices
from weightgauge.scanning.sharded import scan_local
from weightgauge.scanning.weightless import (
    numbers_without_weights,
    scales_of,
    without_weights,
    words_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.run import Scan

# A million slices are scanned in rounds: what describes them to the core, and what the core finds,
# takes a kilobyte and a half for each.
_SLICES_IN_ROUND = 1 << 13
# Histograms that are in memory at a time, by what they hold at most.
_BATCH_BYTES = 256 << 20
_MOST_NARROW, _MOST_WIDE = 1 << 15, 1 << 18
_ENTRY_BYTES = 24


@dataclass(frozen=True)
class CheckpointSlices:
    """What there is to measure of a checkpoint.

    Attributes
    ----------
    model : str
        What was asked for.
    per : {"tensor", "head", "expert"}
        What one slice is.
    checkpoint : Checkpoint
        Where the weights are.
    survey : Survey
        What its tensors are.
    chosen : sequence of TensorInfo
        Tensors that include and exclude patterns leave.
    slices : Slices
        What is counted.
    remarks : tuple of Finding
        What is odd about matrices that are not cut into their parts, and about products.
    warnings : tuple of str
        What is odd about the choice of tensors.
    """

    model: str
    per: str
    checkpoint: Checkpoint
    survey: Survey
    chosen: Sequence[TensorInfo]
    slices: Slices
    remarks: tuple[Finding, ...]
    warnings: tuple[str, ...]

    @property
    def architecture(self) -> Architecture:
        """What is known of the towers."""
        return self.survey.architecture

    @property
    def findings(self) -> Table[Finding]:
        """What files, headers and configuration show of the model and of the chosen tensors."""
        found = (*self.checkpoint.findings, *self.survey.findings, *self.remarks)
        if any(each.tensor is not None for each in found):
            unchosen = self.survey.rows.keys() - set(Tensors.of(self.chosen).names)
            # A tensor that is missing could not be chosen, and is told of.
            found = tuple(each for each in found if each.tensor not in unchosen)
        return Table(Finding, found)

    def doubts(self, options: FitOptions) -> tuple[str, ...]:
        """Say what fits are not as exact as they might be; fits of weights are."""
        del options
        return ()

    def fits(
        self,
        options: FitOptions,
        *,
        progress: Callable[[int, int], None] | None = None,
        scan: Scan | None = None,
    ) -> SliceFits:
        """Count and fit all slices.

        Parameters
        ----------
        options : FitOptions
            How to fit and read.
        progress : callable, optional
            Called with (bytes done, bytes in all) now and then.
        scan : callable, optional
            As for `scan_slices`.

        Returns
        -------
        SliceFits
            In the order of tables.

        Raises
        ------
        CheckpointError, FileChangedError
            If a file cannot be read.
        """
        told: dict[int, tuple[str, str]] = {}
        without = without_weights(self.survey, self.chosen)

        def tables() -> Iterator[NDArray[np.void]]:
            done = 0
            counted = None
            for found in self._scans(options, progress, scan):
                told.update((done + row, words) for row, words in found.told.items())
                weights = min(len(found), len(self.slices) - done)
                yield found.numbers[:weights]
                done += weights
                counted = found.numbers[weights:]  # the scales, if they were scanned with the rest
            if scan is None and self._scales:
                counted = self._scanned(self._scales, options).numbers
            told.update(words_of(self.survey, without, done))
            yield numbers_without_weights(without, self._scales, counted)

        return SliceFits.in_table_order(
            self.slices.plus(without) if without else self.slices,
            NumberColumns.of(tables(), len(self.slices) + len(without)),
            options,
            told=told,
            missing=self._missing(self.slices),
        )

    def _scans(
        self,
        options: FitOptions,
        progress: Callable[[int, int], None] | None,
        scan: Scan | None,
    ) -> Iterator[ScannedSlices]:
        """Scan all slices, round by round."""
        if scan is not None:
            yield scan_slices(self.checkpoint, self.counted, options, scan=scan)
            return
        places = self._rounds() if self.checkpoint.resident else self._batches()
        for part, within in self._with_progress(list(places), options, progress):
            yield self._scanned(self.slices[part.start : part.stop], options, within)

    def measure(
        self, options: FitOptions, *, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Measured]:
        """Count and fit all slices, in the order in which they are stored.

        Slices are read in batches, so that no more than about 256 MB of counts are in memory if the
        caller does not keep them.

        Parameters
        ----------
        options : FitOptions
            How to fit and read.
        progress : callable, optional
            Called with (bytes done, bytes in all) now and then.

        Yields
        ------
        Measured
            One per slice, those that hold no weights last.

        Raises
        ------
        CheckpointError, FileChangedError
            If a file cannot be read.
        """
        for places, within in self._with_progress(list(self._batches()), options, progress):
            batch = self.slices[places.start : places.stop]
            found = self._scanned(batch, options, within, keep_histograms=True)
            missing = self._missing(batch)
            numbers = NumberColumns.of([found.numbers], len(batch))
            fits = SliceFits(batch, numbers, options, told=found.told, missing=missing)
            for row, item in enumerate(batch):
                counts, scale = found.take_histogram(row), found.scales.get(row, 1.0)
                yield Measured(
                    *(fits[row], counts, scale, item.note, missing.get(row, "")),
                    found.pages.get(row),
                )
        without = without_weights(self.survey, self.chosen)
        counted = self._scanned(self._scales, options).numbers if self._scales else None
        absent = SliceFits(
            without,
            NumberColumns.of(
                [numbers_without_weights(without, self._scales, counted)], len(without)
            ),
            options,
            told=words_of(self.survey, without),
        )
        for fit in absent:
            yield Measured(fit, None, 1.0, "", "")

    def _scanned(
        self,
        batch: Sequence[Slice],
        options: FitOptions,
        progress: Callable[[int, int], None] | None = None,
        *,
        keep_histograms: bool = False,
    ) -> ScannedSlices:
        checkpoint = self.checkpoint
        if isinstance(checkpoint, LiveCheckpoint) and checkpoint.sharded:
            return scan_local(checkpoint, batch, options, progress=progress)
        return scan_slices(
            checkpoint, batch, options, keep_histograms=keep_histograms, progress=progress
        )

    @property
    def complete(self) -> bool:
        """Whether all elements are in this process, or in files."""
        return not self.checkpoint.sharded

    def _missing(self, slices: Sequence[Slice]) -> dict[int, str]:
        """Why scales that are known to exist are not applied, by place."""
        unscaled = self.survey.storage.unscaled
        if not unscaled and not self.survey.adapted:
            return {}
        texts = (unscaled.get(item.tensor.name) or unknown_factor(item) for item in slices)
        return {row: text for row, text in enumerate(texts) if text}

    @property
    def counted(self) -> Slices:
        """All that is counted in one scan: the slices, and the scales of codes."""
        return self.slices.plus(self._scales) if self._scales else self.slices

    @cached_property
    def _scales(self) -> Slices:
        """The scales of codes, which are no weights: how many are odd is counted all the same."""
        return scales_of(self.survey, self.chosen if self.complete else ())

    def _rounds(self) -> Iterator[range]:
        """Yield places of slices that are scanned together where nothing of the scan is kept."""
        for start in range(0, len(self.slices), _SLICES_IN_ROUND):
            yield range(start, min(start + _SLICES_IN_ROUND, len(self.slices)))

    def _batches(self) -> Iterator[range]:
        """Yield places of slices whose counts, and copies, are together in memory."""
        return _of_limited_size(self.slices, copied=not self.checkpoint.resident)

    def _with_progress(
        self,
        parts: Sequence[range],
        options: FitOptions,
        progress: Callable[[int, int], None] | None,
    ) -> Iterator[tuple[range, Callable[[int, int], None] | None]]:
        """Yield places of slices, each with what is called while these are scanned."""
        if progress is None or len(parts) < 2:
            yield from ((part, progress) for part in parts)
            return
        plans = (
            planned(self.checkpoint, self.slices[part.start : part.stop], options)[0]
            for part in parts
        )
        sizes = [plan.nbytes for plan in plans]
        for i, part in enumerate(parts):
            yield part, _shifted(progress, sum(sizes[:i]), sum(sizes))


def slices_of_checkpoint(
    checkpoint: Checkpoint,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
) -> CheckpointSlices:
    """Find out what there is to measure, from headers and configuration alone.

    Parameters
    ----------
    checkpoint : Checkpoint
        From `open_checkpoint`.
    include, exclude, per
        As for `weightgauge.fit`.

    Returns
    -------
    CheckpointSlices

    Raises
    ------
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    """
    chosen, unmatched = choose(checkpoint.tensors, include=include, exclude=exclude)
    known = survey(checkpoint)
    roles = known.storage.roles
    weights = Tensors.of(chosen)
    if roles:
        weights = weights.take([row for row, name in enumerate(weights.names) if name not in roles])
    places, forms = known.components, known.forms
    if len(weights) < len(places):
        rows = [known.rows[name] for name in weights.names]
        places, forms = places.take(rows), array("i", taken(forms, rows))
    wanted, unsplit = slices_of(
        weights,
        shapes=known.shapes,
        places=places,
        architecture=known.architecture,
        per=per,
        stored=known.storage.matrices,
        forms=forms,
    )
    updates = products(known, checkpoint, chosen, per, unsplit)
    return CheckpointSlices(
        model=checkpoint.model,
        per=per,
        checkpoint=checkpoint,
        survey=known,
        chosen=chosen,
        slices=wanted.plus(Slices.of(updates)) if updates else wanted,
        remarks=tuple(RULES["odd-input"].finding(what=line) for line in unsplit),
        warnings=tuple(unmatched),
    )


def _of_limited_size(slices: Sequence[Slice], *, copied: bool = False) -> Iterator[range]:
    """Yield the places of slices side by side whose counts have so many bytes at most."""
    start = held = 0
    last = ""
    for place, item in enumerate(slices):
        wide = item.stored is not None or ITEM_BYTES.get(item.tensor.dtype, 0) > 2
        elements = 1
        for extent in item.shape:
            elements *= extent
        held += _ENTRY_BYTES * min(elements, _MOST_WIDE if wide else _MOST_NARROW)
        if copied and item.tensor.name != last:  # the pieces of a tensor stand together
            last = item.tensor.name
            held += item.tensor.nbytes
        if held > _BATCH_BYTES:
            yield range(start, place + 1)
            start, held = place + 1, 0
    if start < len(slices):
        yield range(start, len(slices))


def _shifted(
    progress: Callable[[int, int], None], before: int, total: int
) -> Callable[[int, int], None]:
    return lambda done, _: progress(before + done, total)
