"""Checkpoints: find the files, read and validate their headers, never their weights."""

from __future__ import annotations

from weightgauge.checkpoint.identity import FileIdentity
from weightgauge.checkpoint.opening import open_checkpoint
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import Checkpoint, ShardFile, TensorInfo

__all__ = ["Checkpoint", "FileIdentity", "ShardFile", "TensorInfo", "Tensors", "open_checkpoint"]
