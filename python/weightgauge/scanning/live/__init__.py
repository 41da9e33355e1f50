"""Models in memory: torch modules, state dicts and other named arrays, read where they lie."""

from weightgauge.scanning.live.model import LiveModel, live_checkpoint
from weightgauge.scanning.live.shard import LiveCheckpoint, LiveShard

__all__ = ["LiveCheckpoint", "LiveModel", "LiveShard", "live_checkpoint"]
