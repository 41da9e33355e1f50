"""What is known of a run over its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import Finding, verdict
from weightgauge.frames import InPolars, TypedRows, frame_of
from weightgauge.records import Table
from weightgauge.trajectory.forces import IntervalForces
from weightgauge.trajectory.measurements import NUMBERS
from weightgauge.trajectory.progress import StepProgress
from weightgauge.trajectory.series import KindSeries, SliceSeries
from weightgauge.trajectory.settings import RunSettings
from weightgauge.upper import InNotebook, done_above

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes

    from weightgauge.trajectory.kind_sizes import KindKey

SCHEMA_VERSION = 1

LONG_COLUMNS = (
    *("step", "model", "tensor", "part", "kind", "block", "tower", "expert", "head"),
    *("k", "k_se", "lambda", "ln_lambda_se", "r2", "rms"),
)
"""Columns of a trajectory in long form: one row a step and slice."""

_TEXTS = ("model", "tensor", "part", "kind", "tower")
_LONG_TYPES = {
    name: "str" if name in _TEXTS else "float" if name in LONG_COLUMNS[-6:] else "int"
    for name in LONG_COLUMNS
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trajectory(InPolars, InNotebook):
    """A run over its steps.

    Attributes
    ----------
    run : str
        What was asked for.
    zero_handling : {"exclude", "censor"}
        What zeros were to the fits: left out, or below all other magnitudes (left-censored).
    protocol, trim : str
        How the fits were made.
    steps : tuple of int
        The steps that were read, in their order.
    models : tuple of str
        What was read for each.
    kinds : Table of KindSeries
        Medians of each kind in each tower, in the order of tables.
    slices : Table of SliceSeries
        Every slice that occurs at any step, in the order of tables.
    settings : RunSettings
        How the run was trained, as far as it is known.
    progress : Table of StepProgress
        T/tau and the state of training at each step.
    needs : tuple of str
        What could not be computed, and which options it needs.
    law : str
        Why lambda is not asked to go with sqrt(eta/wd); "" where it is.
    forces : dict of (tower, kind) to tuple of IntervalForces
        What decay and updates did between steps, where the schedule is known.
    findings : Table of Finding
        What stands out, the most serious first.
    warnings : tuple of str
        What is odd about the models.
    """

    run: str
    zero_handling: str
    protocol: str
    trim: str
    steps: tuple[int, ...]
    models: tuple[str, ...]
    kinds: Table[KindSeries]
    slices: Table[SliceSeries]
    settings: RunSettings
    progress: Table[StepProgress]
    needs: tuple[str, ...]
    law: str
    forces: dict[KindKey, tuple[IntervalForces, ...]]
    findings: Table[Finding]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "run": self.run,
            "zero_handling": self.zero_handling,
            "protocol": self.protocol,
            "trim": self.trim,
            "verdict": verdict(self.findings),
            "steps": list(self.steps),
            "models": list(self.models),
            "kinds": self.kinds.to_dicts(),
            "slices": self.slices.to_dicts(),
            "settings": self.settings.to_dict(),
            "progress": self.progress.to_dicts(),
            "needs": list(self.needs),
            "square_root_law": {"asked": not self.law, "reason": self.law or None},
            "forces": [
                {"kind": kind, "tower": tower, "intervals": [each.to_dict() for each in forces]}
                for (tower, kind), forces in self.forces.items()
            ],
            "findings": self.findings.to_dicts(),
            "warnings": list(self.warnings),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values for each step and each slice that the step has.

        Returns
        -------
        list of dict
            With the keys `LONG_COLUMNS`, by step, then in the order of tables.
        """
        return list(self._rows())

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row for each step and slice.

        Returns
        -------
        pandas.DataFrame
            With the columns `LONG_COLUMNS`. `block`, `expert` and `head` are nullable integers;
            missing numbers are NaN.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        whole = dict.fromkeys(("block", "expert", "head"), "Int64")
        numbers = dict.fromkeys(LONG_COLUMNS[LONG_COLUMNS.index("k") :], "float64")
        return frame_of(
            self.to_dicts(), {"step": "int64", **whole, **numbers}, columns=LONG_COLUMNS
        )

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.to_dicts(), _LONG_TYPES

    def plot(self, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
        """Draw the median of each kind over the steps, with a ribbon of one standard error.

        Parameters
        ----------
        quantity : {"k", "ln_lambda"}
            What is drawn.
        ax : matplotlib.axes.Axes, optional
            As for `weightgauge.ModelFit.plot_depth`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError, NothingSelectedError, ValueError
            As for `weightgauge.ModelFit.plot_depth`.
        """
        axes: Axes = done_above("plot_trajectory", self, quantity=quantity, ax=ax)
        return axes

    def _rows(self) -> Iterator[dict[str, Any]]:
        for i, (step, model) in enumerate(zip(self.steps, self.models, strict=True)):
            for item in self.slices:
                numbers = [getattr(item, name)[i] for name in NUMBERS]
                if all(map(math.isnan, numbers)):
                    continue
                place = (item.tensor, item.part, item.kind, item.block, item.tower)
                values = [None if math.isnan(number) else number for number in numbers]
                row = (step, model, *place, item.expert, item.head, *values)
                yield dict(zip(LONG_COLUMNS, row, strict=True))

    def __repr__(self) -> str:
        """Show how many steps there are, and how k of the first kinds went."""
        courses = [
            f"{kind.kind} {known[0]:.3f}..{known[-1]:.3f}"
            for kind in self.kinds
            if (known := [k for k in kind.k if math.isfinite(k)])
        ]
        shown = ", ".join(courses[:3]) + (", ..." if len(courses) > 3 else "")
        ends = f" {self.steps[0]:,}..{self.steps[-1]:,}" if self.steps else ""
        return (
            f"<Trajectory '{printable(self.run, limit=40)}': {len(self.steps):,} steps{ends}; "
            f"k: {shown or 'none'}>"
        )
