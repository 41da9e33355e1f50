"""Digests of tensors that are not counted, or only in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.scanning.plan import ScanPlan
from weightgauge.scanning.run import file_specs, read_errors_told

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.magnitudes.options import FitOptions


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
