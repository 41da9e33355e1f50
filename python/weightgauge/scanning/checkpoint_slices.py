"""The slices of a checkpoint, measured from its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.layouts import Slice, slices_of
from weightgauge.anatomy.selection import choose
from weightgauge.anatomy.survey import Survey, products, survey, unknown_factor
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.fits.slice_fit import SliceFit, slice_fit
from weightgauge.magnitudes.weibull import unfitted
from weightgauge.scanning.run import Counted, scan_slices, stored_bytes

if TYPE_CHECKING:
    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.magnitudes.histogram import MagnitudeHistogram
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.run import Scan

# Histograms that are in memory at a time, by what they hold at most.
_BATCH_BYTES = 256 << 20
_MOST_NARROW, _MOST_WIDE = 1 << 15, 1 << 18
_ENTRY_BYTES = 24


class Measured(NamedTuple):
    """One slice with its numbers.

    Attributes
    ----------
    fit : SliceFit
        What it is, and its fit.
    histogram : MagnitudeHistogram or None
        Its counts, where they were asked for and there are any.
    scale : float
        What the histogram's magnitudes are still to be multiplied with.
    note, missing : str
        Parts of the reason that do not come from the counts: why it is not split, and why a scale
        was not applied.
    """

    fit: SliceFit
    histogram: MagnitudeHistogram | None
    scale: float
    note: str
    missing: str


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
    chosen : tuple of TensorInfo
        Tensors that include and exclude patterns leave.
    slices : tuple of Slice
        What is counted.
    warnings : tuple of str
        What is odd about the checkpoint, its configuration or the choice of tensors.
    """

    model: str
    per: str
    checkpoint: Checkpoint
    survey: Survey
    chosen: tuple[TensorInfo, ...]
    slices: tuple[Slice, ...]
    warnings: tuple[str, ...]

    @property
    def architecture(self) -> Architecture:
        """What is known of the towers."""
        return self.survey.architecture

    def doubts(self, options: FitOptions) -> tuple[str, ...]:
        """Say what fits are not as exact as they might be; fits of weights are."""
        del options
        return ()

    def measure(
        self,
        options: FitOptions,
        *,
        histograms: bool = False,
        progress: Callable[[int, int], None] | None = None,
        scan: Scan | None = None,
    ) -> Iterator[Measured]:
        """Count and fit all slices, in the order in which they are stored.

        Parameters
        ----------
        options : FitOptions
            How to fit and read.
        histograms : bool
            Whether to give the counts as well. Slices are then read in batches, so that no more
            than about 256 MB of counts are in memory if the caller does not keep them.
        progress : callable, optional
            Called with (bytes done, bytes in all) now and then.
        scan : callable, optional
            As for `scan_slices`.

        Yields
        ------
        Measured
            One per slice, those that hold no weights last.

        Raises
        ------
        CheckpointError, FileChangedError
            If a file cannot be read.
        """
        storage = self.survey.storage
        for batch, told in self._batches(histograms, progress):
            found = scan_slices(
                self.checkpoint,
                batch,
                options,
                keep_histograms=histograms,
                progress=told,
                scan=scan,
            )
            for item, counted in zip(batch, found, strict=True):
                missing = storage.unscaled.get(item.tensor.name) or unknown_factor(item)
                yield _measured(item, counted, missing)
        for tensor in self.chosen:
            if role := storage.roles.get(tensor.name):
                item = Slice(tensor, self.survey.places[tensor.name], tensor.shape)
                absent = unfitted("not_applicable", role, options)
                yield _measured(item, Counted(absent), "")

    def _batches(
        self, histograms: bool, progress: Callable[[int, int], None] | None
    ) -> Iterator[tuple[Sequence[Slice], Callable[[int, int], None] | None]]:
        if not histograms:
            yield self.slices, progress
            return
        batches = list(_of_limited_size(self.slices))
        if progress is None:
            yield from ((batch, None) for batch in batches)
            return
        sizes = [stored_bytes(batch, self.checkpoint) for batch in batches]
        for i, batch in enumerate(batches):
            yield batch, _shifted(progress, sum(sizes[:i]), sum(sizes))


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
    wanted, unsplit = slices_of(
        [tensor for tensor in chosen if tensor.name not in known.storage.roles],
        shapes=known.shapes,
        places=known.places,
        architecture=known.architecture,
        per=per,
        stored=known.storage.matrices,
    )
    wanted += products(known, chosen, per, unsplit)
    empty = () if checkpoint.tensors else ("the checkpoint holds no tensors",)
    return CheckpointSlices(
        model=checkpoint.model,
        per=per,
        checkpoint=checkpoint,
        survey=known,
        chosen=tuple(chosen),
        slices=tuple(wanted),
        warnings=(*checkpoint.warnings, *empty, *known.warnings, *unsplit, *unmatched),
    )


def _measured(item: Slice, counted: Counted, missing: str) -> Measured:
    fit = slice_fit(item, counted.fit, missing)
    return Measured(fit, counted.histogram, counted.scale, item.note, missing)


def _of_limited_size(slices: Sequence[Slice]) -> Iterator[list[Slice]]:
    batch: list[Slice] = []
    held = 0
    for item in slices:
        wide = item.stored is not None or ITEM_BYTES.get(item.tensor.dtype, 0) > 2
        elements = 1
        for extent in item.shape:
            elements *= extent
        held += _ENTRY_BYTES * min(elements, _MOST_WIDE if wide else _MOST_NARROW)
        batch.append(item)
        if held > _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _shifted(
    progress: Callable[[int, int], None], before: int, total: int
) -> Callable[[int, int], None]:
    return lambda done, _: progress(before + done, total)
