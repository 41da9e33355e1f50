"""One array of a running program in the place of a file, and a checkpoint that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.checkpoint import Checkpoint
from weightgauge.checkpoint.types import ShardFile
from weightgauge.scanning.live.arrays import plain_array

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.scanning.live.arrays import LiveArray


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LiveShard(ShardFile):
    """The memory of one tensor.

    Attributes
    ----------
    array : LiveArray
        What is read.
    """

    array: LiveArray

    def source(self, *, as_it_lies: bool) -> _core.ArrayView:
        """Return the memory as the core reads it.

        Parameters
        ----------
        as_it_lies : bool
            Whether elements stay where their strides say; else they lie in C order, in a copy where
            need be. Tensors on a device are copied now.
        """
        return self.array.view(as_it_lies=as_it_lies)

    @property
    def readable(self) -> bool:
        """Whether `read_all` can read it."""
        return True

    def read_all(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return pieces of the elements in C order, as `ShardFile.read_all` does of a file."""
        import numpy as np

        raw = np.ascontiguousarray(plain_array(self.array.array)).tobytes()
        return [raw[offset : offset + length] for offset, length in ranges]

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in bytes, where the array is read where it lies and that is not C order."""
        return self.array.strides

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return ShardFile.to_dict(self)


@dataclass(frozen=True, slots=True, repr=False)
class LiveCheckpoint(Checkpoint):
    """A model in memory, with a `LiveShard` for each tensor."""

    @property
    def files(self) -> int:
        """One: what would be saved."""
        return 1

    @property
    def resident(self) -> bool:
        """Whether all of it lies in the memory of the processor."""
        return all(shard.array.resident for shard in self.live_shards)

    def live_shard(self, place: int) -> LiveShard:
        """Return the memory of one tensor."""
        shard = self.shards[place]
        assert isinstance(shard, LiveShard)
        return shard

    @property
    def sharded(self) -> bool:
        """Whether only a part of some tensors is in this process."""
        return any(shard.array.sharding is not None for shard in self.live_shards)

    @property
    def live_shards(self) -> tuple[LiveShard, ...]:
        """Its tensors' memory, in the order of the tensors."""
        return tuple(shard for shard in self.shards if isinstance(shard, LiveShard))
