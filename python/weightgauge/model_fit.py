"""`fit`: a Weibull fit of every tensor of a checkpoint, and a summary for every kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weightgauge.architecture import Architecture
from weightgauge.checkpoint import Checkpoint, open_checkpoint
from weightgauge.components import KINDS, TOWERS
from weightgauge.errors import MissingExtraError, printable
from weightgauge.kind_summary import KindSummary, summaries
from weightgauge.options import IO_MODES, PER, PROTOCOLS, TRIMS, check_choice
from weightgauge.records import FITTED, as_row, columns
from weightgauge.survey import products, survey, unknown_factor
from weightgauge.tensor_choice import choose

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from weightgauge.layouts import Slice
    from weightgauge.storage import Storage
    from weightgauge.weibull import WeibullFit

__all__ = ["KindSummary", "ModelFit", "SliceFit", "fit"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class SliceFit:
    """One slice of a checkpoint and its Weibull fit.

    Attributes
    ----------
    tensor : str
        Name in the checkpoint, raw (see `weightgauge.errors.printable`); for the product of the
        factors of a low-rank adapter, the path of the module that it adapts.
    part : str or None
        Which matrix of a fused tensor the slice is, such as "q", "k", "v", "gate" or "up"; "ba" for
        a product B A; None for the whole tensor and for tensors of one matrix.
    kind, block, tower : str, int or None, str or None
        What the name says: see `weightgauge.components.Component`.
    expert, head : int or None
        Number of the expert, from the name or the place in a stack, and of the attention head, for
        a slice that is one.
    dtype : str
        Element format, in the spelling of safetensors.
    shape : tuple of int
        Shape of the slice.
    n, zeros, nonfinite : int
        Elements that were fitted (finite and not zero), zeros, and NaN or infinite elements.
    status : str
        "ok", "sparse" or "scale_not_applied" for a slice with numbers; "degenerate", "empty",
        "too_few", "not_applicable" or "unsupported_dtype" for one without.
    reason : str
        Why the status is not "ok", in a sentence; "not split: ..." for a fused tensor whose parts
        cannot be told.
    decoded : str
        How the values that were fitted come from what is stored, such as "F8_E4M3 x
        weight_scale_inv per 128 x 128 block"; "" where they are stored as they are.
    k, k_se : float
        Weibull shape and its standard error for independent magnitudes.
    lam, ln_lambda_se : float
        Weibull scale lambda, in units of the weights, and the standard error of its logarithm.
    r2, ks : float
        Squared correlation of the probability plot; Kolmogorov-Smirnov distance.
    rms, max : float
        Root mean square and largest magnitude.

    Numbers that a slice does not have are NaN. The standard errors of a product are those of as
    many independent weights, which it does not have.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    dtype: str
    shape: tuple[int, ...]
    n: int
    zeros: int
    nonfinite: int
    status: str
    reason: str
    decoded: str
    k: float
    k_se: float
    lam: float
    ln_lambda_se: float
    r2: float
    ks: float
    rms: float
    max: float

    @property
    def fitted(self) -> bool:
        """Whether the slice has k, lambda and the other numbers."""
        return self.status in FITTED

    @property
    def is_product(self) -> bool:
        """Whether the slice is, or is cut from, the product of two stored tensors."""
        return self.decoded.startswith("B A ")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `lambda` for `lam`, None for what does not apply."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the name, what it is, and k with its standard error."""
        found = self.status
        if self.fitted:
            found = f"k={self.k:.4f}±{self.k_se:.4f}, lambda={self.lam:.4g}, R2={self.r2:.4f}"
            found += "" if self.status == "ok" else f", {self.status}"
        return f"<SliceFit '{printable(self.tensor)}' {self.kind}: {found}>"


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
    model: str | os.PathLike[str],
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
    model : str or os.PathLike
        A safetensors file, a directory, or a model on the Hub (``org/name[@revision]``).
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
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If an option is none of its choices.
    """
    from weightgauge.layouts import Slice, slices_of
    from weightgauge.scan import scan_checkpoint
    from weightgauge.threads import resolve_threads
    from weightgauge.weibull import unfitted

    # Found out before anything is fetched.
    check_choice("trim", trim, TRIMS)
    check_choice("protocol", protocol, PROTOCOLS)
    check_choice("per", per, PER)
    check_choice("io", io, IO_MODES)
    resolve_threads(threads)

    checkpoint = open_checkpoint(model)
    chosen, warnings = choose(checkpoint.tensors, include=include, exclude=exclude)
    known = survey(checkpoint)
    wanted, unsplit = slices_of(
        [tensor for tensor in chosen if tensor.name not in known.storage.roles],
        shapes=known.shapes,
        places=known.places,
        architecture=known.architecture,
        per=per,
        stored=known.storage.matrices,
    )
    wanted += products(known, chosen, per)
    found = scan_checkpoint(
        checkpoint,
        [item.tensor for item in wanted],
        cuts=[item.cut for item in wanted],
        stored=[item.stored for item in wanted],
        trim=trim,
        protocol=protocol,
        exact=exact,
        threads=threads,
        io=io,
        progress=progress,
    )
    slices = [
        _slice_fit(item, _marked(item, weibull, known.storage))
        for item, weibull in zip(wanted, found, strict=True)
    ]
    for tensor in chosen:
        if role := known.storage.roles.get(tensor.name):
            absent = unfitted("not_applicable", role, trim=trim, protocol=protocol, exact=exact)
            slices.append(
                _slice_fit(Slice(tensor, known.places[tensor.name], tensor.shape), absent)
            )
    slices.sort(key=_place)
    return ModelFit(
        model=checkpoint.model,
        protocol=protocol,
        trim=trim,
        exact=exact,
        slices=tuple(slices),
        kinds=summaries(slices),
        warnings=(*_noted(checkpoint), *known.warnings, *unsplit, *warnings),
        architecture=known.architecture,
    )


def _noted(checkpoint: Checkpoint) -> tuple[str, ...]:
    empty = () if checkpoint.tensors else ("the checkpoint holds no tensors",)
    return (*checkpoint.warnings, *empty)


def _marked(item: Slice, found: WeibullFit, storage: Storage) -> WeibullFit:
    """Mark the fit of values whose scale is known to exist, and was not applied."""
    missing = storage.unscaled.get(item.tensor.name) or unknown_factor(item)
    if not missing or found.status not in ("ok", "sparse"):
        return found
    reason = "; ".join(filter(None, (missing, found.reason)))
    return replace(found, status="scale_not_applied", reason=reason)


def _slice_fit(item: Slice, found: WeibullFit) -> SliceFit:
    place = item.place
    return SliceFit(
        tensor=item.tensor.name,
        part=place.part,
        kind=place.kind,
        block=place.block,
        tower=place.tower,
        expert=place.expert,
        head=place.head,
        dtype=item.tensor.dtype,
        shape=item.shape,
        n=found.n,
        zeros=found.zeros,
        nonfinite=found.nonfinite,
        status=found.status,
        reason="; ".join(filter(None, (found.reason, item.note))),
        decoded=item.stored.text if item.stored is not None else "",
        k=found.k,
        k_se=found.k_se,
        lam=found.lam,
        ln_lambda_se=found.ln_lambda_se,
        r2=found.r2,
        ks=found.ks,
        rms=found.rms,
        max=found.max,
    )


def _place(item: SliceFit) -> tuple[int, int, int, int, int, str, str, int]:
    """Sort key: tower; embeddings, blocks by number, the rest; kind; expert; name; part; head."""
    outside = 0 if item.kind == "embed" else 2
    return (
        TOWERS.index(item.tower),
        outside if item.block is None else 1,
        -1 if item.block is None else item.block,
        KINDS.index(item.kind),
        -1 if item.expert is None else item.expert,
        item.tensor,
        item.part or "",
        -1 if item.head is None else item.head,
    )
