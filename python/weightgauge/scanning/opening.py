"""From what a user calls a model to what there is to measure of it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from weightgauge.checkpoint import Checkpoint, open_checkpoint
from weightgauge.checkpoint.regular_file import is_directory
from weightgauge.choices import PER, check_choice
from weightgauge.errors import NeedsWeightsError, printable
from weightgauge.fits.model_fit import ModelFit
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning.checkpoint_slices import CheckpointSlices, slices_of_checkpoint
from weightgauge.scanning.live.model import LiveModel, live_checkpoint, shown_name
from weightgauge.scanning.model_histograms import ModelHistograms
from weightgauge.scanning.saved_model import SavedSlice
from weightgauge.scanning.wghist.file import ENDING, FORMAT

Measurable = CheckpointSlices | ModelHistograms
"""Something whose slices can be measured."""

Model = str | os.PathLike[str] | LiveModel | ModelHistograms | ModelFit
"""What a user may give as a model: its name, itself, its counts, or its fit."""


def open_slices(
    model: Model,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    options: FitOptions | None = None,
) -> Measurable:
    """Find out what there is to measure; no weight is read yet.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping, ModelHistograms or ModelFit
        A safetensors file, a directory, a model on the Hub, a file of histograms (by its ending,
        ``.wghist``), a model in memory, histograms, or a fit.
    include, exclude, per
        As for `weightgauge.fit`.
    options : FitOptions, optional
        How fits will be made, if not as is usual: a fit in hand must have been made so.

    Returns
    -------
    CheckpointSlices or ModelHistograms

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If it cannot be read.
    LiveModelError, UnsupportedDtypeError
        If a model in memory has no values, or is none.
    NeedsWeightsError
        If a file of histograms has others than `per` asks for, or a fit was made in another way.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If `per` is none of its choices.
    """
    check_choice("per", per, PER)
    opened: Checkpoint | ModelHistograms
    if isinstance(model, ModelHistograms):
        opened = model
    elif isinstance(model, ModelFit):
        opened = _without_counts(model, per, options or FitOptions(threads=1))
    elif isinstance(model, str | os.PathLike):
        opened = open_any(model)
    else:
        opened = live_checkpoint(model)
    if isinstance(opened, ModelHistograms):
        return opened.only(include=include, exclude=exclude, per=per)
    return slices_of_checkpoint(opened, include=include, exclude=exclude, per=per)


def name_of(model: Model) -> str:
    """Return what to call a model that a user gives: its name, raw, or that of its class."""
    if isinstance(model, str | os.PathLike):
        return os.fsdecode(model)
    return model.model if isinstance(model, ModelHistograms | ModelFit) else shown_name(model)


def _without_counts(fit: ModelFit, per: str, options: FitOptions) -> ModelHistograms:
    """Put a fit in the place of histograms: it answers what needs no counts."""
    made = (fit.trim, fit.protocol, fit.zero_handling)
    if made != (options.trim, options.protocol, options.zeros) or (options.exact and not fit.exact):
        raise NeedsWeightsError(
            f"{printable(fit.model)}: the fit in hand was made with {fit.protocol}, {fit.trim}"
            f"{', zeros censored' if fit.zero_handling == 'censor' else ''}"
            f"{', exact' if fit.exact else ''}; for another the weights or their counts are needed"
        )
    return ModelHistograms(
        model=fit.model,
        per=per,
        slices=tuple(SavedSlice(each, "", "", None, 1.0) for each in fit.slices),
        tensors=(),
        architecture=fit.architecture,
        warnings=fit.warnings,
        findings=fit.findings,
    )


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
    if os.fspath(model).lower().endswith(ENDING) and not is_directory(os.fsdecode(model)):
        return ModelHistograms.load(model)
    checkpoint = open_checkpoint(model)
    if checkpoint.metadata.get("format") == FORMAT and len(checkpoint.shards) == 1:
        (shard,) = checkpoint.shards
        shard.source(as_it_lies=True)  # a file on the Hub is fetched for that
        return ModelHistograms.load(shard.path or model)
    return checkpoint
