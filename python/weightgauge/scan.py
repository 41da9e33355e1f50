"""Tensors of a checkpoint to the core, and what it found back to fits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.errors import CheckpointError, FileChangedError, printable
from weightgauge.options import IO_MODES, check_choice, scan_options
from weightgauge.threads import resolve_threads
from weightgauge.weibull import WeibullFit, fit_of_result, unfitted

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint, ShardFile, TensorInfo
    from weightgauge.layouts import Cut

# Element format of safetensors -> bytes of one stored item (F4 stores two elements in a byte).
ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "F8_E8M0": 1,
    "F4": 1,
}
_NO_DECODER = ("F6_E2M3", "F6_E3M2", "C64")

# Up to this many elements F32 is sorted, and so exact without being asked.
SORTED_LIMIT = 131_072


def scan_checkpoint(
    checkpoint: Checkpoint,
    tensors: Sequence[TensorInfo],
    *,
    cuts: Sequence[Cut | None] | None = None,
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
    from weightgauge import _core

    check_choice("io", io, IO_MODES)
    options = scan_options(
        trim=trim, protocol=protocol, exact=exact, threads=resolve_threads(threads)
    )
    fits = [_without_scan(tensor, trim, protocol, exact) for tensor in tensors]
    scanned = [i for i, fit in enumerate(fits) if fit is None]
    shards = sorted({tensors[i].shard for i in scanned})
    position = {shard: index for index, shard in enumerate(shards)}
    pieces = cuts if cuts is not None else [None] * len(tensors)
    slices = [(position[tensors[i].shard], *_view(tensors[i], pieces[i])) for i in scanned]
    total = sum(_bytes_of(tensors[i], pieces[i]) for i in scanned)
    try:
        results = _core.scan_files(
            [_file_spec(checkpoint.shards[shard]) for shard in shards],
            slices,
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
    for i, result in zip(scanned, results, strict=True):
        tensor, piece = tensors[i], pieces[i]
        fits[i] = fit_of_result(
            result,
            dtype=tensor.dtype,
            size=tensor.size if piece is None else math.prod(piece.shape),
            trim=trim,
            protocol=protocol,
            exact=exact,
        )
    return [fit for fit in fits if fit is not None]


_View = tuple[str, int, Sequence[tuple[int, int]]]


def _view(tensor: TensorInfo, piece: Cut | None) -> _View:
    """Element format, first byte, and extent and stride in bytes of each dimension."""
    item = ITEM_BYTES[tensor.dtype]
    if piece is None:
        return tensor.dtype, tensor.offset, ((tensor.nbytes // item, item),)
    first, dims = piece.first, piece.dims
    if tensor.dtype == "F4":  # cut between bytes: the elements of the last dimension are adjacent
        *outer, (extent, _) = dims
        first, dims = first // 2, (*((n, stride // 2) for n, stride in outer), (extent // 2, 1))
    views = [(extent, stride * item) for extent, stride in dims]
    return tensor.dtype, tensor.offset + first * item, views


def _bytes_of(tensor: TensorInfo, piece: Cut | None) -> int:
    if piece is None:
        return tensor.nbytes
    return math.prod(piece.shape) * tensor.nbytes // tensor.size


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
