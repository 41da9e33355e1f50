"""`fit`: a Weibull fit of every tensor of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weightgauge.findings import by_importance
from weightgauge.fits.kind_summary import summaries
from weightgauge.fits.model_fit import ModelFit
from weightgauge.fits.slice_findings import slice_findings
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.fits.withheld import withheld
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning.opening import Measurable, Model, open_slices


def fit(
    model: Model,
    *,
    trim: str = "mid_80",
    protocol: str = "order",
    zeros: str = "exclude",
    errors: str = "sampled",
    exact: bool = False,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> ModelFit:
    """Fit a two-parameter Weibull distribution to the magnitudes of every tensor of a checkpoint.

    Where a tensor holds codes (the F8 formats and F4 with scales beside them, MXFP4, NVFP4, AWQ
    of four bits, GPTQ, compressed-tensors, MLX, bitsandbytes, BitNet), its values are made
    while they are counted. The same holds for the products B A of low-rank adapters, which are
    slices of their own. What other quantisers pack into integers is named and not fitted.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping, ModelHistograms or ModelFit
        A safetensors file, a directory, a model on the Hub (``org/name[@revision]``), or a file
        of histograms (``.wghist``) that `scan` saved. Or a model in memory, which is read where it
        lies: a module of PyTorch, a state dict, or any mapping of names to arrays (of NumPy,
        ml_dtypes, PyTorch, or with DLPack or a buffer). Tensors on a device are copied to the
        processor's memory, a few at a time. Or what `scan` or `fit` returned.
    trim : {"mid_80", "mid_90", "full"}
        Window of plotting positions that enters the regression.
    protocol : {"order", "paper"}
        Exact order statistics, or the 1,024 bins with which published numbers were made.
    zeros : {"exclude", "censor"}
        Leave zeros out, or rank them below all other magnitudes (left-censored): for pruned
        weights. Not with `protocol` "paper".
    errors : {"sampled", "full", "independent"}
        Whether the standard errors of matrices know of rows, columns, heads and experts with scales
        of their own, from a sample of rows and columns or from all; or take weights as independent.
    exact : bool
        Count F32 and F64 without binning.
    include, exclude : str or sequence of str, optional
        Globs over tensor names (``*`` also matches dots). A tensor is fitted if an include
        pattern matches, or there is none, and no exclude pattern does.
    per : {"tensor", "head", "expert"}
        What one fit is made of. "tensor": every tensor; where one holds several matrices (fused q,
        k and v, gate and up, stacked experts), the whole and each of them. "head": q, k, v and o
        by attention head in place of the whole, o by the columns that the head feeds. "expert":
        stacked experts one by one, without the stack as a whole.
    threads : int, optional
        Most threads to use; None for all that the process may use. Results do not depend on it.
    io : {"mmap", "pread"}
        How the files are read: mapped into memory, or copied piece by piece. Large slices of large
        mapped files are copied as well where a short trial finds that to be faster.
    progress : callable, optional
        Called with (bytes done, bytes in all) now and then.

    Returns
    -------
    ModelFit

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError
        If the checkpoint cannot be read. What the tensors hold never raises.
    LiveModelError, UnsupportedDtypeError
        If a model in memory has no values, or is none.
    NeedsWeightsError
        If saved histograms or a fit are asked for what only weights tell.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If an option is none of its choices, or zeros are to be censored in the published protocol.
    """
    options = FitOptions(
        trim=trim,
        protocol=protocol,
        zeros=zeros,
        errors=errors,
        exact=exact,
        threads=threads,
        io=io,
    )
    subject = open_slices(model, include=include, exclude=exclude, per=per, options=options)
    return model_fit(subject, subject.fits(options, progress=progress), options)


def model_fit(subject: Measurable, slices: Sequence[SliceFit], options: FitOptions) -> ModelFit:
    """Put the slices of a model, in the order of tables, together."""
    return ModelFit(
        model=subject.model,
        protocol=options.protocol,
        trim=options.trim,
        zero_handling=options.zeros,
        exact=options.exact,
        slices=slices,
        kinds=summaries(slices, withheld(slices, zeros=options.zeros, trim=options.trim)),
        warnings=(*subject.warnings, *subject.doubts(options)),
        architecture=subject.architecture,
        findings=by_importance(
            (
                *subject.findings,
                *slice_findings(slices, tied=subject.architecture.tied, options=options),
            )
        ),
    )
