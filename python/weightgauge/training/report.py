"""What a gauge found at one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.findings import Finding
    from weightgauge.fits.model_fit import ModelFit
    from weightgauge.scanning import ModelHistograms
    from weightgauge.trajectory.forces import Forces
    from weightgauge.trajectory.kind_sizes import KindKey

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KindNow:
    """The matrices of one kind in one tower at a step, by their medians.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.SliceFit`; kinds are never pooled.
    slices : int
        Matrices with numbers.
    k, k_se, lam, ln_lambda_se, r2, rms : float
        Medians, and their standard errors.
    dk, dln_lambda : float
        Since the first step that was measured.
    onset : int or None
        First step from which k stays more than three standard errors from its start, as far as is
        known.
    """

    kind: str
    tower: str | None
    slices: int
    k: float
    k_se: float
    lam: float
    ln_lambda_se: float
    r2: float
    rms: float
    dk: float
    dln_lambda: float
    onset: int | None

    @property
    def name(self) -> str:
        """The kind, after its tower where it has one."""
        return self.kind if self.tower is None else f"{self.tower}/{self.kind}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepReport:
    """What a gauge found at one step.

    Attributes
    ----------
    step : int
        Optimiser steps that were done.
    kinds : Table of KindNow
        In the order of tables.
    fit : ModelFit
        Every slice.
    histograms : ModelHistograms
        The counts, from which anything else can be asked later.
    findings : Table of Finding
        What is new at this step, the most serious first.
    forces : mapping of (tower, kind) to Forces
        What the optimiser's step did to the squared norm, where that was measured.
    """

    step: int
    kinds: Table[KindNow]
    fit: ModelFit
    histograms: ModelHistograms
    findings: Table[Finding]
    forces: Mapping[KindKey, Forces]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without slices and counts."""
        return {
            "schema_version": SCHEMA_VERSION,
            "step": self.step,
            "kinds": self.kinds.to_dicts(),
            "forces": [
                {"kind": kind, "tower": tower, **forces.to_dict()}
                for (tower, kind), forces in self.forces.items()
            ],
            "findings": self.findings.to_dicts(),
        }

    def __repr__(self) -> str:
        """Show the step and k by kind."""
        shapes = ", ".join(f"{kind.name} {kind.k:.3f}" for kind in self.kinds)
        return f"<StepReport {self.step:,}: k {shapes or 'none'}; {len(self.findings)} findings>"
