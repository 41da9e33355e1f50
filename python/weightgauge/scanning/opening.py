"""From what a user calls a model to what there is to measure of it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from weightgauge.checkpoint import Checkpoint, open_checkpoint
from weightgauge.choices import PER, check_choice
from weightgauge.scanning.checkpoint_slices import CheckpointSlices, slices_of_checkpoint
from weightgauge.scanning.model_histograms import ModelHistograms
from weightgauge.scanning.wghist.file import ENDING, FORMAT

Measurable = CheckpointSlices | ModelHistograms
"""Something whose slices can be measured."""


def open_slices(
    model: str | os.PathLike[str] | ModelHistograms,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
) -> Measurable:
    """Find out what there is to measure; no weight is read yet.

    Parameters
    ----------
    model : str, os.PathLike or ModelHistograms
        A safetensors file, a directory, a model on the Hub, a file of histograms (by its ending,
        ``.wghist``), or histograms.
    include, exclude, per
        As for `weightgauge.fit`.

    Returns
    -------
    CheckpointSlices or ModelHistograms

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If it cannot be read.
    NeedsWeightsError
        If a file of histograms has others than `per` asks for.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If `per` is none of its choices.
    """
    check_choice("per", per, PER)
    opened = model if isinstance(model, ModelHistograms) else open_any(model)
    if isinstance(opened, ModelHistograms):
        return opened.only(include=include, exclude=exclude, per=per)
    return slices_of_checkpoint(opened, include=include, exclude=exclude, per=per)


def open_any(model: str | os.PathLike[str]) -> Checkpoint | ModelHistograms:
    """Open a checkpoint, or a file of histograms.

    Parameters
    ----------
    model : str or os.PathLike
        As for `weightgauge.fit`. A file of histograms is known by the ending of its name, and a
        safetensors file that holds histograms by what it says of itself.

    Returns
    -------
    Checkpoint or ModelHistograms

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If it cannot be read.
    """
    if os.fspath(model).lower().endswith(ENDING) and not os.path.isdir(model):
        return ModelHistograms.load(model)
    checkpoint = open_checkpoint(model)
    if checkpoint.metadata.get("format") == FORMAT and len(checkpoint.shards) == 1:
        (shard,) = checkpoint.shards
        return ModelHistograms.load(shard.path or model)
    return checkpoint
