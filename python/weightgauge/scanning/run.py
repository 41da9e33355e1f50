"""Slices of a checkpoint to the core, and what it found back to fits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import CheckpointError, FileChangedError, printable
from weightgauge.magnitudes.histogram import MagnitudeHistogram
from weightgauge.magnitudes.weibull import WeibullFit, fit_of_numbers, rescaled, unfitted
from weightgauge.scanning.plan import ScanPlan

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.checkpoint import Checkpoint, ShardFile
    from weightgauge.magnitudes.options import FitOptions

    Scan = Callable[[ScanPlan], _core.ScanResults]

_NO_DECODER = ("F6_E2M3", "F6_E3M2", "C64")


class Counted(NamedTuple):
    """What a scan found of one slice.

    Attributes
    ----------
    fit : WeibullFit
        Its fit; one without numbers for a format that is not counted.
    histogram : MagnitudeHistogram or None
        Its counts, where they were asked for and there are any.
    scale : float
        What the histogram's magnitudes are still to be multiplied with.
    """

    fit: WeibullFit
    histogram: MagnitudeHistogram | None = None
    scale: float = 1.0


def scan_slices(
    checkpoint: Checkpoint,
    slices: Sequence[Slice],
    options: FitOptions,
    *,
    keep_histograms: bool = False,
    progress: Callable[[int, int], None] | None = None,
    scan: Scan | None = None,
) -> Iterator[Counted]:
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

    Yields
    ------
    Counted
        One per slice, in their order, once all are counted. Integers get the status
        ``not_applicable``.

    Raises
    ------
    FileChangedError
        A file is not, or no longer, the one whose header was read.
    CheckpointError
        The operating system could not read a file.
    """
    plan, indices = planned(checkpoint, slices, options)
    if scan is None:
        results = _scanned(checkpoint, plan, options, keep_histograms, progress)
    else:
        results = scan(plan)
    for item, index in zip(slices, indices, strict=True):
        if index is None:
            yield Counted(_without_scan(item, options))
            continue
        numbers = results.numbers(index)
        fit = fit_of_numbers(numbers, options)
        scale_index = plan.scale_of.get(index)
        scale = 1.0 if scale_index is None else _single(results[scale_index])
        if scale != 1.0:
            fit = rescaled(fit, scale)
        counts = MagnitudeHistogram(results.take_histogram(index)) if keep_histograms else None
        yield Counted(fit, counts, scale)


def planned(
    checkpoint: Checkpoint, slices: Sequence[Slice], options: FitOptions
) -> tuple[ScanPlan, list[int | None]]:
    """Plan a scan: the plan, and for each slice its index there, None for one not counted."""
    plan = ScanPlan(checkpoint, scales_apart=options.protocol == "order")
    indices = [
        None if _unread(item) else plan.add(item.tensor, item.cut, item.stored) for item in slices
    ]
    return plan, indices


def stored_bytes(slices: Sequence[Slice], checkpoint: Checkpoint) -> int:
    """Bytes that a scan of these slices reads."""
    plan = ScanPlan(checkpoint, scales_apart=True)
    for item in slices:
        if not _unread(item):
            plan.add(item.tensor, item.cut, item.stored)
    return plan.nbytes


def _single(result: _core.SliceResult) -> float:
    """Magnitude of the one number that was counted."""
    if result.n == 1:
        return result.max
    return 0.0 if result.zeros else math.nan


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
            plan.slices,
            io=options.io,
            progress=None if progress is None else (lambda done: progress(done, total)),
            options=options.to_core(keep_histogram=keep_histograms),
        )
    if progress is not None:
        progress(total, total)
    return results


def file_specs(checkpoint: Checkpoint, plan: ScanPlan) -> list[_core.FileSpec]:
    """Files of a plan as the core takes them."""
    return [_file_spec(checkpoint.shards[shard]) for shard in plan.shards]


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
            f"{_known_name(checkpoints, path)}: {what} since it was opened"
        ) from error
    except _core.ReadFailed as error:
        path, _code, what = error.args
        raise CheckpointError(
            f"cannot be read: {what}", path=_known_name(checkpoints, path)
        ) from error


def _unread(item: Slice) -> bool:
    """Whether a slice has a format that is not counted."""
    return item.stored is None and item.tensor.dtype not in ITEM_BYTES


def _without_scan(item: Slice, options: FitOptions) -> WeibullFit:
    dtype = item.tensor.dtype
    if dtype in _NO_DECODER:
        status, reason = "unsupported_dtype", f"{dtype} has no decoder here"
    else:
        status, reason = "not_applicable", f"{dtype} holds no floating-point weights"
    return unfitted(status, reason, options)


def _file_spec(shard: ShardFile) -> tuple[bytes, tuple[int, int, int, int, int]]:
    identity = shard.identity
    if shard.path is None or identity is None:
        raise CheckpointError("its weights are in no file; they can only be fed", path=shard.name)
    return (
        os.fsencode(shard.path),  # a name on disk need not be UTF-8
        (
            identity.device,
            identity.inode,
            identity.size,
            identity.mtime_ns,
            identity.ctime_ns,
        ),
    )


def _known_name(checkpoints: Sequence[Checkpoint], raw: bytes) -> str:
    path = os.fsdecode(raw)
    for checkpoint in checkpoints:
        for shard in checkpoint.shards:
            if shard.path == path:
                return printable(shard.name)
    return printable(path)
