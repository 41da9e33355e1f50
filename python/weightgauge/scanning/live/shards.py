"""Tensors that are sharded over processes: which part of them is here, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weightgauge.anatomy.layouts.layout import Cut
from weightgauge.errors import LiveModelError, printable
from weightgauge.scanning.live.strides import along, c_strides


class Sharding(NamedTuple):
    """The part of a tensor that a process has.

    Attributes
    ----------
    shape : tuple of int
        Of the whole tensor.
    box : tuple of (int, int)
        For each dimension the first index that is here, and the first one behind.
    replica : bool
        Whether a process before this one has the same part.
    spread : bool
        Whether its elements lie in different processes.
    left_out : bool
        Whether nothing of it is counted here, because a process before this one does.
    """

    shape: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    replica: bool = False
    spread: bool = False
    left_out: bool = False


def is_dtensor(array: object) -> bool:
    """Tell whether an object is a DTensor of PyTorch."""
    return all(hasattr(array, each) for each in ("to_local", "placements", "device_mesh"))


def local_part(name: str, tensor: Any) -> tuple[Any, Sharding]:
    """Return the part of a DTensor that is here, and what it is of the whole.

    Parameters
    ----------
    name : str
        What the model calls it.
    tensor : torch.distributed.tensor.DTensor
        With the placements Shard and Replicate.

    Returns
    -------
    torch.Tensor, Sharding

    Raises
    ------
    LiveModelError
        Its placement is another one.
    """
    shape = tuple(int(extent) for extent in tensor.shape)
    box = [(0, extent) for extent in shape]
    replica = spread = False
    mesh = tensor.device_mesh
    coordinate = mesh.get_coordinate()
    for dimension, placement in enumerate(tensor.placements):
        here = 0 if coordinate is None else int(coordinate[dimension])
        kind = type(placement).__name__
        if kind == "Replicate":
            replica = replica or here > 0
        elif kind == "Shard":
            spread = spread or int(mesh.size(dimension)) > 1
            axis = placement.dim % len(shape)
            box[axis] = _chunk(box[axis], int(mesh.size(dimension)), here)
        else:
            raise LiveModelError(
                f"'{printable(name)}' is placed as {kind} over processes, which is not read; "
                "take its full_tensor()"
            )
    local = tensor.detach().to_local()
    if coordinate is None:  # this process is outside the mesh
        box, replica = [(0, 0)] * len(shape), True
    held = tuple(int(extent) for extent in local.shape)
    if coordinate is not None and held != tuple(stop - start for start, stop in box):
        raise LiveModelError(
            f"'{printable(name)}' is sharded unevenly: {list(held)} of {list(shape)} are here; "
            "take its full_tensor()"
        )
    return local, Sharding(shape, tuple(box), replica, spread)


def _chunk(span: tuple[int, int], pieces: int, here: int) -> tuple[int, int]:
    """Return one piece of a span as `torch.chunk` cuts it: all but the last are of one size."""
    start, stop = span
    size = -(-(stop - start) // pieces)
    return min(stop, start + here * size), min(stop, start + (here + 1) * size)


def cuts_within(cut: Cut | None, sharding: Sharding) -> list[Cut] | None:
    """Find what there is of a piece of a tensor in the part that is here.

    Parameters
    ----------
    cut : Cut or None
        The piece of the whole tensor; None for all of it.
    sharding : Sharding
        Which part is here.

    Returns
    -------
    list of Cut or None
        Pieces of the local tensor, in its own C order, that do not overlap; none where nothing of
        the piece is here. None where the piece does not follow the dimensions of the tensor.

    Examples
    --------
    >>> cut = Cut("q", "q", None, None, (2, 4), 0, ((1, 16), (1, 16), (8, 1)))
    >>> [piece.first for piece in cuts_within(cut, Sharding((4, 4), ((1, 3), (0, 4))))]
    [0]
    """
    shape = sharding.shape
    local = tuple(stop - start for start, stop in sharding.box)
    usual = c_strides(shape)
    if cut is None:
        cut = Cut(None, "other", None, None, shape, 0, tuple(zip(shape, usual, strict=True)))
    first = cut.first
    chosen: list[NDArray[np.int64]] = []
    for step in usual:
        place, first = divmod(first, step) if step else (0, first)
        chosen.append(np.array([place]))
    for extent, step in cut.dims:
        parts = along(extent, step, shape, usual)
        if parts is None:
            return None
        for count, times, axis in parts:
            moved = chosen[axis][:, None] + times * np.arange(count)[None, :]
            chosen[axis] = np.sort(moved.ravel())
    groups = [
        _groups(indices[(indices >= start) & (indices < stop)] - start)
        for indices, (start, stop) in zip(chosen, sharding.box, strict=True)
    ]
    pieces: list[tuple[int, tuple[tuple[int, int], ...]]] = [(0, ())]
    for axis, step in enumerate(c_strides(local)):
        pieces = [
            (begin + group.first * step, (*held, *group.dims(step)))
            for begin, held in pieces
            for group in groups[axis]
        ]
    return [cut._replace(first=begin, dims=held) for begin, held in pieces]


class _Group(NamedTuple):
    """Stretches of one length at one distance."""

    first: int
    stretches: int
    distance: int
    length: int

    def dims(self, step: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return extents and strides, with `step` elements from one index to the next."""
        return (self.stretches, self.distance * step), (self.length, step)


def _groups(indices: NDArray[np.int64]) -> list[_Group]:
    """Describe ascending indices as few groups of stretches."""
    if not indices.size:
        return []
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    stretches = [(int(part[0]), len(part)) for part in np.split(indices, breaks)]
    found: list[_Group] = []
    for first, length in stretches:
        last = found[-1] if found else None
        if last is not None and last.length == length:
            distance = first - (last.first + (last.stretches - 1) * last.distance)
            if last.stretches == 1 or distance == last.distance:
                found[-1] = _Group(last.first, last.stretches + 1, distance, length)
                continue
        found.append(_Group(first, 1, length, length))
    return found


def part_shown(shardings: Sequence[Sharding]) -> str:
    """Say what is measured of tensors that are sharded."""
    count = len(shardings)
    return (
        f"{count:,} {'tensor is' if count == 1 else 'tensors are'} sharded over processes: only "
        "the part that this process has is measured. weightgauge.training.scan_sharded adds the "
        "counts of all"
    )
