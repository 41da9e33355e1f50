"""`fit`: a Weibull fit of every tensor of a checkpoint, and a summary for every kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightgauge.architecture import Architecture
from weightgauge.errors import MissingExtraError, printable
from weightgauge.kind_summary import KindSummary, summaries
from weightgauge.records import columns
from weightgauge.slice_fit import SliceFit, table_order

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from weightgauge.scanning import ModelHistograms

__all__ = ["KindSummary", "ModelFit", "SliceFit", "fit"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class ModelFit:
    """Every slice of a checkpoint with its fit, and a summary for every kind.

    Attributes
    ----------
    model : str
        What was asked for.
    protocol, trim : str
        How the fits were made.
    exact : bool
        Whether wide formats were counted without binning.
    slices : tuple of SliceFit
        Sorted by tower, then by block as a number (embeddings before, the rest after the blocks),
        then by kind, expert, name, part and head.
    kinds : tuple of KindSummary
        One for each kind that occurs, in the order of `weightgauge.components.KINDS`.
    warnings : tuple of str
        What is odd about the checkpoint, its configuration or the choice of tensors.
    architecture : Architecture
        Heads, experts and other facts about each tower of the checkpoint.
    """

    model: str
    protocol: str
    trim: str
    exact: bool
    slices: tuple[SliceFit, ...]
    kinds: tuple[KindSummary, ...]
    warnings: tuple[str, ...]
    architecture: Architecture = field(default_factory=Architecture)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply.

        Returns
        -------
        dict
            ``schema_version``, ``weightgauge`` (version), ``model``, ``protocol``, ``trim``,
            ``exact``, ``architecture``, and ``slices`` and ``kinds`` (a list of dicts each).
        """
        from weightgauge import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "model": self.model,
            "protocol": self.protocol,
            "trim": self.trim,
            "exact": self.exact,
            "architecture": self.architecture.to_dict(),
            "slices": self.to_dicts(),
            "kinds": [kind.to_dict() for kind in self.kinds],
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per slice, in the order of `slices`."""
        return [slice_fit.to_dict() for slice_fit in self.slices]

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per slice.

        Returns
        -------
        pandas.DataFrame
            Columns named and ordered as in JSON. `block`, `expert` and `head` are nullable
            integers; missing numbers are NaN.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("pandas", "pandas") from error
        names = columns(SliceFit)
        frame = pd.DataFrame(self.to_dicts(), columns=names)
        whole = dict.fromkeys(("block", "expert", "head"), "Int64")
        numbers = dict.fromkeys(names[names.index("k") :], "float64")
        return frame.astype({**whole, **numbers})

    def __repr__(self) -> str:
        """Show how much was fitted and the median k of each kind of matrix."""
        fitted = sum(slice_fit.fitted for slice_fit in self.slices)
        medians = ", ".join(
            f"{kind.kind} {kind.k_median:.3f}"
            for kind in self.kinds
            if kind.kind not in ("norm", "bias", "other") and kind.k_median == kind.k_median
        )
        return (
            f"<ModelFit '{printable(self.model)}': {fitted} of {len(self.slices)} slices fitted "
            f"({self.protocol}, {self.trim}); median k: {medians or 'none'}>"
        )


def fit(
    model: str | os.PathLike[str] | ModelHistograms,
    *,
    trim: str = "mid_80",
    protocol: str = "order",
    exact: bool = False,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> ModelFit:
    """Fit a two-parameter Weibull distribution to the magnitudes of every tensor of a checkpoint.

    Where a tensor holds codes (the F8 formats and F4 with scales beside them, MXFP4), its values
    are made while they are counted. The same holds for the products B A of low-rank adapters, which
    are slices of their own. What GPTQ, AWQ, bitsandbytes and other quantisers pack into integers is
    named and not fitted.

    Parameters
    ----------
    model : str, os.PathLike or ModelHistograms
        A safetensors file, a directory, a model on the Hub (``org/name[@revision]``), or a file
        of histograms (``.wghist``) that `scan` saved.
    trim : {"mid_80", "mid_90", "full"}
        Window of plotting positions that enters the regression.
    protocol : {"order", "paper"}
        Exact order statistics, or the 1,024 bins with which published numbers were made.
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
        How the files are read.
    progress : callable, optional
        Called with (bytes done, bytes in all) now and then.

    Returns
    -------
    ModelFit

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError
        If the checkpoint cannot be read. What the tensors hold never raises.
    NeedsWeightsError
        If a file of histograms is asked for what only weights tell.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If an option is none of its choices.
    """
    from weightgauge.scanning import FitOptions, open_slices

    options = FitOptions(trim=trim, protocol=protocol, exact=exact, threads=threads, io=io)
    subject = open_slices(model, include=include, exclude=exclude, per=per)
    slices = [each.fit for each in subject.measure(options, progress=progress)]
    slices.sort(key=table_order)
    return ModelFit(
        model=subject.model,
        protocol=protocol,
        trim=trim,
        exact=exact,
        slices=tuple(slices),
        kinds=summaries(slices),
        warnings=(*subject.warnings, *subject.doubts(options)),
        architecture=subject.architecture,
    )
