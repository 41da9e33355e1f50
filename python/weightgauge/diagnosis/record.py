"""The record of a whole diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import Finding, verdict
from weightgauge.frames import InPolars, TypedRows
from weightgauge.records import Table
from weightgauge.upper import InNotebook

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.diagnosis.kind_diagnosis import BalancedFit, KindDiagnosis
    from weightgauge.diagnosis.outliers import Outlier
    from weightgauge.diagnosis.shallow_ffn import ShallowFFN
    from weightgauge.diagnosis.training import TrainingProgress
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.reference import Neighbour

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(InPolars, InNotebook):
    """What the weights of a model say.

    Attributes
    ----------
    model : str
        The model, as the caller named it.
    zero_handling : {"exclude", "censor"}
        What zeros were to the fits: left out, or below all other magnitudes (left-censored).
    architecture : Architecture
        Heads, experts and other facts about each tower.
    start : str
        What drift is measured from, in words.
    kinds : Table of KindDiagnosis
        By tower, then in the order of tables.
    outliers : Table of Outlier
        Matrices that stand out among those of their kind, the largest |z| first.
    shallow_ffn : ShallowFFN or None
        Shapes of the first gated FFNs; None for a model without gated FFNs.
    training : TrainingProgress or None
        Length of training, where the caller gave it.
    nearest : Table of Neighbour
        Published models and their distance in k, nearest first. Empty where this model has no kind
        in common with them.
    nearest_kinds : tuple of str
        Kinds of this model that were compared with published models, all of one tower.
    findings : Table of Finding
        What is wrong or odd about the model, the most serious first.
    slices : Table of SliceFit
        All fits, in the order of tables.
    tails : tuple of Heaviness or None
        One for each of `slices`; None for slices without counts, and for norms and biases.
    balanced : tuple of BalancedFit or None
        One for each of `slices`; None for slices without a balanced fit.
    warnings : tuple of str
        What the reader should know about the checkpoint.
    summary : tuple of str
        The diagnosis in sentences.
    """

    model: str
    zero_handling: str
    architecture: Architecture
    start: str
    kinds: Table[KindDiagnosis]
    outliers: Table[Outlier]
    shallow_ffn: ShallowFFN | None
    training: TrainingProgress | None
    nearest: Table[Neighbour]
    nearest_kinds: tuple[str, ...]
    findings: Table[Finding]
    slices: Table[SliceFit]
    tails: tuple[Heaviness | None, ...]
    balanced: tuple[BalancedFit | None, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "model": self.model,
            "zero_handling": self.zero_handling,
            "verdict": verdict(self.findings),
            "findings": self.findings.to_dicts(),
            "architecture": self.architecture.to_dict(),
            "start": self.start,
            "kinds": self.kinds.to_dicts(),
            "outliers": self.outliers.to_dicts(),
            "shallow_ffn": None if self.shallow_ffn is None else self.shallow_ffn.to_dict(),
            "training": None if self.training is None else self.training.to_dict(),
            "nearest": self.nearest.to_dicts(),
            "nearest_kinds": list(self.nearest_kinds),
            "summary": list(self.summary),
            "warnings": list(self.warnings),
            "slices": [
                {
                    **item.to_dict(),
                    "k_core": None if balanced is None else balanced.k,
                    "k_core_se": None if balanced is None else balanced.k_se,
                    "k_core_gaussian": None if balanced is None else balanced.k_gaussian,
                    "tails": None if tails is None else tails.to_dict(),
                }
                for item, tails, balanced in zip(
                    self.slices, self.tails, self.balanced, strict=True
                )
            ],
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per kind; the other tables have the same method."""
        return self.kinds.to_dicts()

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per kind; the other tables have the same method.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.kinds.to_pandas()

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.kinds.typed_rows()

    def __repr__(self) -> str:
        """Show how much was found; `summary` has the sentences."""
        return (
            f"<Diagnosis '{printable(self.model, limit=60)}': {len(self.kinds)} kinds, "
            f"{verdict(self.findings)}>"
        )
