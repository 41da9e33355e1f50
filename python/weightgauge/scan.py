"""Tensors of a checkpoint to the core, and what it found back to fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.errors import CheckpointError, FileChangedError, printable
from weightgauge.options import IO_MODES, check_choice, scan_options
from weightgauge.scan_plan import ITEM_BYTES, ScanPlan
from weightgauge.threads import resolve_threads
from weightgauge.weibull import WeibullFit, fit_of_result, rescaled, unfitted

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.checkpoint import Checkpoint, ShardFile, TensorInfo
    from weightgauge.layouts import Cut
    from weightgauge.storage import Stored

_NO_DECODER = ("F6_E2M3", "F6_E3M2", "C64")


def scan_checkpoint(
    checkpoint: Checkpoint,
    tensors: Sequence[TensorInfo],
    *,
    cuts: Sequence[Cut | None] | None = None,
    stored: Sequence[Stored | None] | None = None,
    trim: str = "mid_80",
    protocol: str = "order",
    exact: bool = False,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> list[WeibullFit]:
    """Fit every tensor, or piece of one, all in one parallel pass over the files.

    Parameters
    ----------
    checkpoint : Checkpoint
        From `open_checkpoint`.
    tensors : sequence of TensorInfo
        Tensors of that checkpoint, in any order, of any dtype. One may occur several times.
    cuts : sequence of Cut or None, optional
        The piece of each of these tensors that is fitted, None for all of it.
    stored : sequence of Stored or None, optional
        How the values of each of these tensors are made, None where they are what is stored.
    trim, protocol, exact, threads
        As for `fit_weibull`.
    io : {"mmap", "pread"}
        Map the files, or read them piece by piece (for network file systems and tight
        address-space limits). A file that cannot be mapped is read.
    progress : callable, optional
        Called as progress(bytes_done, bytes_total), about twenty times a second and once at the
        end, by the calling thread. An exception that it raises ends the scan.

    Returns
    -------
    list of WeibullFit
        One per tensor or piece. Integers get the status ``not_applicable``.

    Raises
    ------
    FileChangedError
        A file is not, or no longer, the one whose header was read.
    CheckpointError
        The operating system could not read a file.
    """
    check_choice("io", io, IO_MODES)
    options = scan_options(
        trim=trim, protocol=protocol, exact=exact, threads=resolve_threads(threads)
    )
    pieces = cuts if cuts is not None else [None] * len(tensors)
    sources = stored if stored is not None else [None] * len(tensors)
    plan = ScanPlan(checkpoint, scales_apart=protocol == "order")
    fits: list[WeibullFit | None] = []
    places = []
    for tensor, piece, source in zip(tensors, pieces, sources, strict=True):
        fit = _without_scan(tensor, trim, protocol, exact) if source is None else None
        fits.append(fit)
        places.append(None if fit is not None else plan.add(tensor, piece, source))
    results = _scanned(checkpoint, plan, io, progress, options)
    for i, place in enumerate(places):
        if place is None:
            continue
        fit = fit_of_result(results[place.result], trim=trim, protocol=protocol)
        fits[i] = fit if place.scale is None else rescaled(fit, results[place.scale])
    return [fit for fit in fits if fit is not None]


def _scanned(
    checkpoint: Checkpoint,
    plan: ScanPlan,
    io: str,
    progress: Callable[[int, int], None] | None,
    options: _core.ScanOptions,
) -> list[_core.SliceResult]:
    from weightgauge import _core

    total = plan.nbytes
    try:
        results = _core.scan_files(
            [_file_spec(checkpoint.shards[shard]) for shard in plan.shards],
            plan.slices,
            io=io,
            progress=None if progress is None else (lambda done: progress(done, total)),
            options=options,
        )
    except _core.FileChanged as error:
        path, what = error.args
        raise FileChangedError(
            f"{_known_name(checkpoint, path)}: {what} since it was opened"
        ) from error
    except _core.ReadFailed as error:
        path, _code, what = error.args
        raise CheckpointError(
            f"cannot be read: {what}", path=_known_name(checkpoint, path)
        ) from error
    if progress is not None:
        progress(total, total)
    return results


def _without_scan(tensor: TensorInfo, trim: str, protocol: str, exact: bool) -> WeibullFit | None:
    """Return the result for a format that is not counted, None for one that is."""
    if tensor.dtype in ITEM_BYTES:
        return None
    if tensor.dtype in _NO_DECODER:
        status, reason = "unsupported_dtype", f"{tensor.dtype} has no decoder here"
    else:
        status, reason = "not_applicable", f"{tensor.dtype} holds no floating-point weights"
    return unfitted(status, reason, trim=trim, protocol=protocol, exact=exact)


def _file_spec(shard: ShardFile) -> tuple[bytes, tuple[int, int, int, int, int]]:
    identity = shard.identity
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


def _known_name(checkpoint: Checkpoint, raw: bytes) -> str:
    path = os.fsdecode(raw)
    for shard in checkpoint.shards:
        if shard.path == path:
            return printable(shard.name)
    return printable(path)
