"""Copies of weights in the memory of the processor, into the same buffers each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from weightgauge.anatomy.inventory import inventory
from weightgauge.checkpoint.types import ShardFile
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.records import Table
from weightgauge.scanning import CheckpointSlices, slices_of_checkpoint
from weightgauge.scanning.live import LiveCheckpoint, LiveModel, LiveShard, live_checkpoint
from weightgauge.scanning.live.arrays import LiveArray, plain_array

_READ = frozenset((*ITEM_BYTES, "U8", "I8"))
"""Formats whose bytes are ever read: numbers, and codes or scales that are kept as integers."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The weights of one step.

    Attributes
    ----------
    slices : CheckpointSlices
        What is counted, in the buffers.
    tensors : sequence of dict
        What `weightgauge ls` tells of each tensor.
    copied : list of callable
        Each waits for copies that a device still makes.
    """

    slices: CheckpointSlices
    tensors: Sequence[dict[str, Any]]
    copied: list[Callable[[], object]] = field(default_factory=list)

    def wait(self) -> CheckpointSlices:
        """Return what is counted, once all of it is in the buffers."""
        for wait in self.copied:
            wait()
        return self.slices


@dataclass(frozen=True, slots=True)
class FailedSnapshot:
    """Weights that could not be copied.

    Attributes
    ----------
    error : Exception
        Why.
    """

    error: Exception
    tensors: Sequence[dict[str, Any]] = ()

    def wait(self) -> CheckpointSlices:
        """Raise the error: in the thread that counts, whose answer other processes wait for."""
        raise self.error


class Snapshots:
    """Copies the weights of a model, tensor by tensor, and surveys it where it has changed.

    Parameters
    ----------
    include, exclude, per
        As for `weightgauge.fit`.
    """

    def __init__(
        self,
        *,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        per: str = "tensor",
    ) -> None:
        self._choice = {"include": include, "exclude": exclude, "per": per}
        self._looks: tuple[object, ...] = ()
        self._slices: CheckpointSlices | None = None
        self._tensors: Sequence[dict[str, Any]] = ()
        self._wanted: frozenset[int] = frozenset()
        self._buffers: dict[int, Any] = {}

    def look_at(self, model: LiveModel, *, rank: int) -> LiveCheckpoint:
        """Describe a model as it is now; nothing is copied."""
        return live_checkpoint(model, rank=rank)

    def take(self, checkpoint: LiveCheckpoint) -> Snapshot:
        """Copy what is counted.

        Parameters
        ----------
        checkpoint : LiveCheckpoint
            The model as it is now.

        Returns
        -------
        Snapshot
            In the buffers of the one before, which is gone then.
        """
        slices = self._surveyed(checkpoint)
        shards = checkpoint.live_shards
        copied = _copied(
            (shards[place].array, self._buffer(place, shards[place]))
            for place in sorted(self._wanted)
        )
        buffered = [
            replace(shard, array=replace(shard.array, array=buffer, strides=None, resident=True))
            if (buffer := self._buffers.get(place)) is not None
            else shard
            for place, shard in enumerate(shards)
        ]
        held = replace(checkpoint, shards=Table(ShardFile, buffered))
        return Snapshot(replace(slices, checkpoint=held), self._tensors, copied)

    def _surveyed(self, checkpoint: LiveCheckpoint) -> CheckpointSlices:
        looks = tuple(
            (tensor.name, tensor.dtype, tensor.shape, shard.array.sharding)
            for tensor, shard in zip(checkpoint.tensors, checkpoint.live_shards, strict=True)
        )
        if self._slices is not None and looks == self._looks:
            return self._slices
        slices = slices_of_checkpoint(checkpoint, **self._choice)  # type: ignore[arg-type]
        chosen = {tensor.shard for tensor in slices.chosen}
        if slices.survey.storage.matrices or slices.survey.adapted:
            chosen = set(range(len(looks)))  # scales and factors have no slices of their own
        self._wanted = frozenset(
            place
            for place in chosen
            if checkpoint.tensors[place].dtype in _READ and _is_here(checkpoint.live_shard(place))
        )
        self._buffers = {}
        self._tensors = inventory(checkpoint, slices.survey, slices.chosen)
        self._slices, self._looks = slices, looks
        return slices

    def _buffer(self, place: int, shard: LiveShard) -> Any:
        if place not in self._buffers:
            self._buffers[place] = _new_buffer(shard.array)
        return self._buffers[place]


def _is_here(shard: LiveShard) -> bool:
    sharding = shard.array.sharding
    return sharding is None or not sharding.left_out


def _new_buffer(array: LiveArray) -> Any:
    """Return memory of the processor for a copy in C order; for a GPU it is pinned."""
    if array.resident:
        plain = plain_array(array.array)
        return np.empty(plain.shape, plain.dtype)
    import torch

    given = array.array
    on_gpu = device_of(given) == "cuda"
    return torch.empty(tuple(given.shape), dtype=given.dtype, pin_memory=on_gpu)


def device_of(array: Any) -> str:
    """Return the kind of device that a tensor lies on."""
    return str(getattr(array.device, "type", array.device))


def _copied(pairs: Iterable[tuple[LiveArray, Any]]) -> list[Callable[[], object]]:
    """Copy arrays into buffers; return what to call before the buffers are read.

    From a GPU copies are made on a stream of their own while it goes on computing. What it computes
    after they were asked for, such as the next update of the weights, waits for them.
    """
    on_gpus: dict[Any, list[tuple[Any, Any]]] = {}
    for array, buffer in pairs:
        if array.resident:
            # NumPy copies in this thread. PyTorch would wake its others, and wait for them where
            # processors are busy.
            np.copyto(buffer, plain_array(array.array))
        elif device_of(array.array) == "cuda":
            on_gpus.setdefault(array.array.device, []).append((array.array, buffer))
        else:
            buffer.copy_(array.array.detach())
    return [_copied_beside(device, found) for device, found in on_gpus.items()]


def _copied_beside(device: Any, pairs: Sequence[tuple[Any, Any]]) -> Callable[[], object]:
    from torch import cuda

    computing = cuda.current_stream(device)
    side = cuda.Stream(device=device)
    side.wait_stream(computing)
    with cuda.stream(side):
        for array, buffer in pairs:
            buffer.copy_(array.detach(), non_blocking=True)
    done = side.record_event()
    computing.wait_event(done)
    wait: Callable[[], object] = done.synchronize
    return wait
