"""`report`: a model, two models or a run in pictures, on a page that opens offline."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.errors import RunError
from weightgauge.findings import Finding
from weightgauge.magnitudes.options import FitOptions
from weightgauge.records import Table

if TYPE_CHECKING:
    from weightgauge.reporting.page.content import PageContent
    from weightgauge.scanning import Model
    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.run import Run


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """A page that shows a model in pictures.

    Attributes
    ----------
    html : str
        The whole page. It carries all that it shows, and can load nothing.
    model : str
        What it shows.
    verdict : str
        How much was found, in one line.
    findings : Table of Finding
        What is wrong or odd, the most serious first.
    tensors : int
        How many tensors there are.
    """

    html: str
    model: str
    verdict: str
    findings: Table[Finding]
    tensors: int

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path : str or path-like
            Path of the file. An existing file is replaced only with `force`. A file is never left
            half-written.

        Raises
        ------
        OutputExistsError
            The file exists and `force` was not given.
        OutputError
            It cannot be written.
        """
        from weightgauge.files import write_atomically

        write_atomically(path, self.html.encode("utf-8", "backslashreplace"), force=force)

    def __repr__(self) -> str:
        """Show what it is about, and how large it is."""
        from weightgauge.errors import printable

        size = len(self.html.encode("utf-8", "backslashreplace")) / 1e6
        return f"<Report '{printable(self.model, limit=60)}': {self.verdict}, {size:.1f} MB>"


def report(
    model: Model | Trajectory,
    other: Model | None = None,
    *,
    run: bool = False,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
    command: str = "",
) -> Report:
    """Show a model, two models or a run in pictures, on a page that opens offline.

    First what is wrong, then a heatmap by block and kind, profiles over depth, published models
    beside this one, and a table of all matrices. Each matrix has its probability plot. The page is
    one file; its policy forbids every request. It holds no weights, but about 150 points of each
    distribution.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping, ModelHistograms or Trajectory
        As for `weightgauge.scan`. Saved histograms need no weights. A folder that holds no model
        but steps, a glob, and what `weightgauge.track` returned are runs: their course over steps
        is shown. What `weightgauge.track` returned has no counts, from which plots are made.
    other : optional
        Another version of the model, such as a fine-tune. Both are shown side by side, with what
        changed from `model` to `other`.
    run : bool
        Whether `model` is a run even though its folder also holds a model, as trainers leave it.
    include, exclude, per, threads, io, progress
        As for `weightgauge.fit`.
    command : str
        What the page says it was made by, for whoever wants to make it again.

    Returns
    -------
    Report
        To `save`.

    Raises
    ------
    MissingExtraError
        If jinja2 or plotly is not installed: ``pip install 'weightgauge[report]'``.
    CheckpointError, ModelNotFoundError, HubError, FileChangedError, HistogramFileError
        If the model cannot be read. What tensors hold never raises.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    NeedsWeightsError
        If saved histograms are asked for other slices than they have, or the model is a fit, which
        has no counts.
    RunError
        If a run has no steps, or is given together with another model.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> wg.report(demo.paths()["step-0"]).verdict
    'No fault found; 1 note'
    """
    from weightgauge.reporting.page.rendering import check_extra
    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.run import find_run, run_named_by

    check_extra()
    choice: dict[str, Any] = {"include": include, "exclude": exclude, "per": per}
    choice |= {"threads": threads, "io": io}
    found: Trajectory | Run
    if isinstance(model, Trajectory):
        found = model
    else:
        named = find_run(model) if run else run_named_by(model)
        if named is None:
            return _of_models(model, other, choice, progress, command)
        found = named
    if other is not None:
        raise RunError("a run is shown by itself, not beside another model")
    return _of_run(found, choice, progress, command)


def _of_run(
    found: Trajectory | Run,
    choice: dict[str, Any],
    progress: Callable[[int, int], None] | None,
    command: str,
) -> Report:
    """Show a run; the counts of its first and last step make plots."""
    from weightgauge.reporting.page.kept_steps import KeptSteps
    from weightgauge.reporting.page.run_page import run_page
    from weightgauge.trajectory.run import Run
    from weightgauge.trajectory.settings_sources import run_settings
    from weightgauge.trajectory.trajectory import follow

    options = FitOptions(threads=choice["threads"], io=choice["io"])
    counts = {}
    if isinstance(found, Run):
        steps = KeptSteps(found, options, {**choice, "progress": progress})
        found = follow(found, run_settings(found.folders), options, steps.read)
        counts = steps.counts
    content = run_page(found, counts, options, per=choice["per"], command=command)
    return _made(content, found.run, len(found.slices))


def _of_models(
    model: Model,
    other: Model | None,
    choice: dict[str, Any],
    progress: Callable[[int, int], None] | None,
    command: str,
) -> Report:
    """Show one model, or two."""
    from weightgauge.reporting.page.model_page import model_page
    from weightgauge.reporting.page.pair_page import pair_page
    from weightgauge.scanning import open_slices, scan

    options = FitOptions(threads=choice["threads"], io=choice["io"])
    kept = scan(model, **choice, progress=progress)
    if other is None:
        return _made(model_page(kept, options, command=command), kept.model, len(kept.tensors))
    second = scan(other, **choice, progress=progress)
    chosen = {name: choice[name] for name in ("include", "exclude", "per")}
    content = pair_page(
        (open_slices(model, **chosen), open_slices(other, **chosen)),
        (kept, second),
        options,
        command=command,
    )
    return _made(content, f"{kept.model}, {second.model}", len(kept.tensors) + len(second.tensors))


def _made(content: PageContent, model: str, tensors: int) -> Report:
    from weightgauge.reporting.page.rendering import render

    document = content.document
    findings = Table(Finding, document.findings or ())
    return Report(render(content), model, document.verdict, findings, tensors)
