"""Digests of tensors that are not counted, or only in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from weightgauge.scanning.plan import ScanPlan
from weightgauge.scanning.run import file_specs, read_errors_told

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.measured import PiecePages


def tensor_digests(
    checkpoint: Checkpoint, tensors: Sequence[TensorInfo], options: FitOptions
) -> dict[str, str]:
    """Read tensors of any format and return the digests of their bytes.

    Parameters
    ----------
    checkpoint : Checkpoint
        Whose tensors they are.
    tensors : sequence of TensorInfo
        Which ones.
    options : FitOptions
        How to read.

    Returns
    -------
    dict of str to str
        By name; see `SliceFit.digest`.

    Raises
    ------
    FileChangedError, CheckpointError
        A file changed, or could not be read.
    """
    from weightgauge import _core

    plan = ScanPlan(checkpoint, scales_apart=True)
    for tensor in tensors:
        plan.add_digest(tensor)
    with read_errors_told(checkpoint):
        results = _core.scan_files(
            file_specs(checkpoint, plan),
            plan.to_core(),
            io=options.io,
            progress=None,
            options=options.to_core(),
        )
    found = results.numbers()["digest"].tolist()
    return {tensor.name: f"{digest:016x}" for tensor, digest in zip(tensors, found, strict=True)}


def digests_of_pieces(
    tensors: Sequence[TensorInfo], pieces: Mapping[str, Sequence[PiecePages]]
) -> dict[str, str]:
    """Return the digests of those tensors that are covered by pieces which fill pages.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Some tensors.
    pieces : mapping of str to sequence of PiecePages
        Pieces by the name of their tensor; some may lie within others.

    Returns
    -------
    dict of str to str
        By name.
    """
    from weightgauge import _core

    found = {}
    for tensor in tensors:
        words = _covering(tensor.nbytes, pieces.get(tensor.name, ()))
        if words is not None:
            found[tensor.name] = f"{_core.digest_of(words, tensor.nbytes):016x}"
    return found


def _covering(nbytes: int, pieces: Sequence[PiecePages]) -> int | None:
    """Sum of the pages' words of pieces side by side that are all of a tensor."""
    longest: dict[int, PiecePages] = {}
    for each in pieces:
        if each.nbytes > 0 and (
            each.begin not in longest or each.nbytes > longest[each.begin].nbytes
        ):
            longest[each.begin] = each
    at, words = 0, 0
    while longest and at < nbytes:
        piece = longest.get(at)
        if piece is None:
            return None
        at += piece.nbytes
        words += piece.words
    return words % 2**64 if longest and at == nbytes else None
