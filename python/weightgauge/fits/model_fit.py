"""Every slice of a model with its fit, and a summary for every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.architecture import Architecture
from weightgauge.errors import MissingExtraError, printable
from weightgauge.fits.kind_summary import KindSummary
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.records import columns

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

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
        One for each kind that occurs, in the order of `weightgauge.anatomy.components.KINDS`.
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
        from weightgauge._version import __version__

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
