"""`scan`: the counts of every tensor of a model, to be kept without the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from weightgauge.anatomy.inventory import inventory
from weightgauge.errors import NeedsWeightsError, printable
from weightgauge.fits.model_fit import ModelFit
from weightgauge.magnitudes.options import FitOptions
from weightgauge.readings import noted
from weightgauge.scanning.checkpoint_slices import CheckpointSlices
from weightgauge.scanning.digests import digests_of_pieces, tensor_digests
from weightgauge.scanning.measured import PiecePages
from weightgauge.scanning.model_histograms import ModelHistograms
from weightgauge.scanning.opening import Model, open_slices
from weightgauge.scanning.packed_histogram import pack
from weightgauge.scanning.saved_model import SavedSlice


def scan(
    model: Model,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    errors: str = "sampled",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> ModelHistograms:
    """Count the magnitudes of every tensor of a model, and keep the counts.

    What comes out takes the place of the model everywhere: fits, diagnoses and comparisons give the
    same numbers without the weights. 16-bit weights shrink to about a thousandth, large F32
    matrices to a few per cent. Fits of large F32 and F64 matrices by the published protocol are
    only close to those of the weights: to about 1e-4.

    Parameters
    ----------
    model : str or os.PathLike
        As for `weightgauge.fit`.
    include, exclude, per, errors, threads, io, progress
        As for `weightgauge.fit`.

    Returns
    -------
    ModelHistograms
        To use in place of the model, or to `save`.

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError
        As for `weightgauge.fit`.
    LiveModelError, UnsupportedDtypeError, NothingSelectedError, ValueError
        As for `weightgauge.fit`.
    NeedsWeightsError
        If the model is a fit, which has no counts.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> kept = wg.scan(demo.paths()["step-0"])
    >>> wg.fit(kept).to_dicts() == wg.fit(demo.paths()["step-0"]).to_dicts()
    True
    """
    options = FitOptions(errors=errors, threads=threads, io=io)
    if isinstance(model, ModelFit):
        raise NeedsWeightsError(f"{printable(model.model)}: a fit has no counts; scan the model")
    with noted() as read:
        subject = open_slices(model, include=include, exclude=exclude, per=per)
        if isinstance(subject, ModelHistograms):
            return subject
        kept = kept_histograms(
            subject,
            options,
            inventory(subject.checkpoint, subject.survey, subject.chosen),
            progress=progress,
            digest_all=True,
        )
    return replace(kept, read=frozenset(read))


def kept_histograms(
    subject: CheckpointSlices,
    options: FitOptions,
    tensors: Sequence[dict[str, Any]] = (),
    *,
    progress: Callable[[int, int], None] | None,
    digest_all: bool = False,
) -> ModelHistograms:
    """Count a checkpoint and keep the counts.

    Parameters
    ----------
    subject : CheckpointSlices
        What to count.
    options : FitOptions
        How to fit and read.
    tensors : sequence of dict
        What `inventory` tells of each tensor.
    progress : callable, optional
        Called with (bytes done, bytes in all) now and then.
    digest_all : bool
        Whether those tensors that are not counted, or only in pieces, are read as well, for their
        digests.

    Returns
    -------
    ModelHistograms
    """
    slices = []
    pieces: dict[str, list[PiecePages]] = {}
    for each in subject.measure(options, progress=progress):
        if each.pages is not None:
            pieces.setdefault(each.fit.tensor, []).append(each.pages)
        packed = None if each.histogram is None else pack(each.histogram._core)
        slices.append(SavedSlice(each.fit, each.note, each.missing, packed, each.scale))
    digests = {each.fit.tensor: each.fit.digest for each in slices if each.fit.digest is not None}
    digests |= digests_of_pieces(subject.chosen, pieces)
    if digest_all and subject.complete:
        others = [tensor for tensor in subject.chosen if tensor.name not in digests]
        digests |= tensor_digests(subject.checkpoint, others, options)
    return ModelHistograms(
        model=subject.model,
        per=subject.per,
        slices=tuple(slices),
        tensors=tuple({**row, "digest": digests.get(row["tensor"])} for row in tensors),
        files=subject.checkpoint.files,
        architecture=subject.architecture,
        warnings=subject.warnings,
        findings=subject.findings,
    )
