"""`scaling`: laws that several runs follow together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from weightgauge.errors import RunError, printable
from weightgauge.findings import Finding
from weightgauge.fits.model_fit import ModelFit
from weightgauge.frames import InPolars, TypedRows, frame_of
from weightgauge.records import as_row, columns
from weightgauge.reference.claims import FFN_KINDS
from weightgauge.reference.entries import ReferenceModel
from weightgauge.trajectory.asked import why_not_asked
from weightgauge.trajectory.kind_sizes import KindKey, KindSize, weibull_mean_square
from weightgauge.trajectory.law_fits import POOLED, Law, LawPoint, fit_law
from weightgauge.trajectory.run import find_run
from weightgauge.trajectory.run_ends import RunEnds, run_ends
from weightgauge.trajectory.saturation import SaturationFit, saturation_point
from weightgauge.trajectory.settings import RunSettings
from weightgauge.trajectory.settings_sources import run_settings
from weightgauge.upper import InNotebook, done_above
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes

SCHEMA_VERSION = 1
POOLED_KINDS = ("o", *FFN_KINDS)
"""Kinds whose mean lambda is the published figure: attention output and feed-forward."""

LAW_TYPES = {
    **{name: written for name, written in columns(Law).items() if name != "saturation"},
    **{f"saturation_{name}": written for name, written in columns(SaturationFit).items()},
}
LAW_COLUMNS = tuple(LAW_TYPES)
"""Columns of laws as a table, and their types."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ScalingRun:
    """One run as the laws see it.

    Attributes
    ----------
    run : str
        What was asked for.
    step : int
        The last one that could be read.
    settings : RunSettings
        As far as they are known.
    steps_per_tau : float
        T/tau at the peak learning rate; NaN where a setting is missing.
    asked : bool
        Whether the law is asked of it.
    reason : str
        Why not, and which option is missing; "" where it is.
    sizes, starts : mapping of (tower, kind) to KindSize
        Medians at that step, and at step 0 where the run has it.
    findings : tuple of Finding
        Of steps that were asked for and could not be read: later ones, and step 0.
    """

    run: str
    step: int
    settings: RunSettings
    steps_per_tau: float
    asked: bool
    reason: str
    sizes: Mapping[KindKey, KindSize]
    starts: Mapping[KindKey, KindSize]
    findings: tuple[Finding, ...] = ()

    @property
    def ratio(self) -> float:
        """sqrt(eta/wd) with the peak learning rate; NaN where that cannot be told."""
        lr, decay = self.settings.lr, self.settings.weight_decay
        return math.sqrt(lr / decay) if lr is not None and decay else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        known = {name: getattr(self, name) for name in ("run", "step", "asked", "reason")}
        numbers = {"ratio": self.ratio, "steps_per_tau": self.steps_per_tau}
        return {
            **known,
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "settings": self.settings.to_dict(),
            "kinds": [
                {"kind": kind, "tower": tower, "lambda": size.lam, "rms": size.mean_square**0.5}
                for (tower, kind), size in self.sizes.items()
            ],
        }

    def __repr__(self) -> str:
        """Show the run, its last step and its sqrt(eta/wd)."""
        shown = printable(self.run, limit=60)
        return f"<ScalingRun '{shown}': step {self.step:,}, sqrt(eta/wd) {self.ratio:.4g}>"


@dataclass(frozen=True, slots=True, repr=False)
class Scaling(InPolars, InNotebook):
    """Laws over runs.

    Attributes
    ----------
    runs : tuple of ScalingRun
        In the order in which they were named.
    laws : tuple of Law
        One for each kind that all runs have that were asked, then those over the means of kinds.
    """

    runs: tuple[ScalingRun, ...]
    laws: tuple[Law, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Steps of all runs that could not be read."""
        return tuple(each for run in self.runs for each in run.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "runs": [run.to_dict() for run in self.runs],
            "laws": [law.to_dict() for law in self.laws],
            "findings": [each.to_dict() for each in self.findings],
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one flat dict of plain values per law, in the order of `laws`."""
        rows = []
        for law in self.laws:
            row = as_row(law)
            saturation = row.pop("saturation").to_dict()
            flat = {**row, **{f"saturation_{name}": v for name, v in saturation.items()}}
            rows.append({name: flat[name] for name in LAW_COLUMNS})
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per law, as `to_dicts`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return frame_of(self.to_dicts(), {}, columns=LAW_COLUMNS)

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.to_dicts(), LAW_TYPES

    def points(self, law: Law) -> tuple[tuple[float, float], ...]:
        """Return what a law was fitted to: sqrt(eta/wd) and lambda of each run that was asked.

        Parameters
        ----------
        law : Law
            One of `laws`.
        """
        asked = [run for run in self.runs if run.asked]
        keys = _keys_of(law, asked)
        return tuple((run.ratio, _mean_lambda(run, keys)) for run in asked)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw lambda over sqrt(eta/wd), and the proportional law of each kind with its slope.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            As for `weightgauge.ModelFit.plot_depth`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError, NothingSelectedError
            As for `weightgauge.ModelFit.plot_depth`.
        """
        axes: Axes = done_above("plot_scaling", self, ax=ax)
        return axes

    def __repr__(self) -> str:
        """Show how many runs were asked, and r of each kind."""
        asked = sum(run.asked for run in self.runs)
        known = (law for law in self.laws if not math.isnan(law.pearson_r))
        found = ", ".join(f"{law.kind} r={law.pearson_r:.2f}" for law in known)
        none = "no r" if self.laws else "no laws"
        return f"<Scaling: {asked} of {len(self.runs)} runs; {found or none}>"


def scaling(
    runs: Sequence[Any],
    *,
    optimizer: str | Sequence[str | None] | None = None,
    lr: float | Sequence[float | None] | None = None,
    weight_decay: float | Sequence[float | None] | None = None,
    schedule: str | Sequence[str | None] | None = None,
    final: float | Sequence[float | None] | None = None,
    warmup: int | Sequence[int | None] | None = None,
    total_steps: int | Sequence[int | None] | None = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> Scaling:
    """Set lambda against sqrt(learning rate / weight decay) over runs.

    Of each run its last step is read, and step 0 if it has that. The law is asked only of runs
    whose optimiser makes it true, and whose learning rate and weight decay are known.

    Parameters
    ----------
    runs : sequence
        Runs as for `weightgauge.track`, each of one step or more, or published models
        (`weightgauge.reference.models`), which were trained with AdamW.
    optimizer, lr, weight_decay, schedule, final, warmup, total_steps
        Settings, each a value that all runs share or a sequence with one for each run; see
        `weightgauge.trajectory.settings.RunSettings`. They override what is found beside a run;
        None leaves that.
    include, exclude, threads, io, progress
        As for `weightgauge.fit`.

    Returns
    -------
    Scaling

    Raises
    ------
    RunError
        If there is no run, one is named twice or has no steps, or a setting is wrong.
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If no step of a run can be read.

    Examples
    --------
    >>> import weightgauge as wg
    >>> pythia = [each for each in wg.reference.models().values() if each.family == "Pythia"]
    >>> pooled = wg.scaling(pythia).laws[-1]
    >>> f"r = {pooled.pearson_r:.4f}, slope {pooled.slope_origin:.4f}, R2 {pooled.r2_origin:.1f}"
    'r = 0.9409, slope 0.0854, R2 -2.4'
    """
    from weightgauge.scanning import fit

    if isinstance(runs, str | os.PathLike) or not runs:
        raise RunError("scaling takes a sequence of runs, at least one")
    _check_different(runs)
    settings = _settings_of_runs(
        len(runs),
        {
            **{"optimizer": optimizer, "lr": lr, "weight_decay": weight_decay},
            **{"schedule": schedule, "final": final, "warmup": warmup, "steps": total_steps},
        },
    )
    read = partial(fit, include=include, exclude=exclude, threads=threads, io=io, progress=progress)
    found = [
        _published(each, given)
        if isinstance(each, ReferenceModel)
        else _measured(each, given, read)
        for each, given in zip(runs, settings, strict=True)
    ]
    return Scaling(tuple(found), tuple(_laws([run for run in found if run.asked])))


def _check_different(runs: Sequence[Any]) -> None:
    """Refuse a run that is named twice: a law would count it as two."""
    named = [os.fsdecode(each) for each in runs if isinstance(each, str | os.PathLike)]
    seen: set[str] = set()
    for name in named:
        place = os.path.realpath(name) if os.path.lexists(name) else name
        if place in seen:
            raise RunError(f"{printable(name, limit=1000)} is named twice, and is one run")
        seen.add(place)


def _settings_of_runs(count: int, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give each run its settings, of values for all and of sequences with one for each."""
    settings: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, value in given.items():
        plain = value.tolist() if hasattr(value, "tolist") else value  # of NumPy
        each = list(plain) if isinstance(plain, list | tuple) else [plain] * count
        if len(each) != count:
            raise RunError(
                f"{name}: {counted(len(each), 'value')} {agreeing(len(each))} given for "
                f"{counted(count, 'run')}"
            )
        for of_run, own in zip(settings, each, strict=True):
            of_run[name] = own
    return settings


def _published(model: ReferenceModel, given: Mapping[str, Any]) -> ScalingRun:
    training = model.training
    own = {
        **{"optimizer": "adamw", "lr": training.peak_lr, "weight_decay": training.weight_decay},
        "steps": training.steps,
    }
    settings = run_settings((), {**own, **{k: v for k, v in given.items() if v is not None}})
    sizes: dict[KindKey, KindSize] = {
        (None, kind): KindSize(medians.lam, weibull_mean_square(medians.lam, medians.k))
        for kind, medians in model.kinds.items()
    }
    return _run(model.id, RunEnds(training.steps, sizes, {}, ()), settings)


def _measured(asked: Any, given: Mapping[str, Any], read: Callable[[Any], ModelFit]) -> ScalingRun:
    run = find_run(asked)
    settings = run_settings(run.folders, given)
    return _run(run.name, run_ends(run, read), settings)


def _run(name: str, ends: RunEnds, settings: RunSettings) -> ScalingRun:
    reason = why_not_asked(settings)
    lr, decay = settings.lr, settings.weight_decay
    return ScalingRun(
        run=name,
        settings=settings,
        steps_per_tau=math.nan if lr is None or decay is None else ends.step * lr * decay,
        asked=not reason,
        reason=reason,
        **ends._asdict(),
    )


def _laws(runs: Sequence[ScalingRun]) -> list[Law]:
    if not runs:
        return []
    shared = _shared(runs)
    laws = [
        fit_law([_point(run, [key]) for run in runs], kind=kind, tower=tower)
        for key in shared
        for tower, kind in [key]
    ]
    for tower in dict.fromkeys(tower for tower, _ in shared):
        keys = _pooled(shared, tower)
        if len(keys) > 1:
            points = [_point(run, keys) for run in runs]
            laws.append(fit_law(points, kind=POOLED, tower=tower))
    return laws


def _shared(runs: Sequence[ScalingRun]) -> list[KindKey]:
    """Return the kinds that all runs have."""
    return [key for key in runs[0].sizes if all(key in run.sizes for run in runs)]


def _pooled(shared: Sequence[KindKey], tower: str | None) -> list[KindKey]:
    """Return those of a tower over which the pooled law takes its means."""
    return [key for key in shared if key[0] == tower and key[1] in POOLED_KINDS]


def _keys_of(law: Law, runs: Sequence[ScalingRun]) -> list[KindKey]:
    pooled = law.kind == POOLED
    return _pooled(_shared(runs), law.tower) if pooled else [(law.tower, law.kind)]


def _mean_lambda(run: ScalingRun, keys: Sequence[KindKey]) -> float:
    return math.fsum(run.sizes[key].lam for key in keys) / len(keys)


def _point(run: ScalingRun, keys: Sequence[KindKey]) -> LawPoint:
    """Mean over kinds; mean squares are those of the mean root mean square."""
    starts = _mean_square(run.starts, keys) if all(key in run.starts for key in keys) else math.nan
    return LawPoint(
        run.ratio,
        _mean_lambda(run, keys),
        saturation_point(run.settings, run.step, _mean_square(run.sizes, keys), starts),
    )


def _mean_square(sizes: Mapping[KindKey, KindSize], keys: Sequence[KindKey]) -> float:
    return (math.fsum(math.sqrt(sizes[key].mean_square) for key in keys) / len(keys)) ** 2
