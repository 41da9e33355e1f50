"""`report`: a model in pictures, on a page that opens offline."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightgauge.findings import Finding
from weightgauge.magnitudes.options import FitOptions
from weightgauge.records import Table

if TYPE_CHECKING:
    from weightgauge.scanning import Model


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
    model: Model,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
    command: str = "",
) -> Report:
    """Show a model in pictures, on a page that opens offline.

    First what is wrong, then a heatmap by block and kind, profiles over depth, published models
    beside this one, and a table of all matrices. Each matrix has its probability plot. The page is
    one file; its policy forbids every request. It holds no weights, but about 150 points of each
    distribution.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping or ModelHistograms
        As for `weightgauge.scan`. Saved histograms need no weights.
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

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> wg.report(demo.paths()["step-0"]).verdict
    'No fault found; 1 note'
    """
    from weightgauge.reporting.page.model_page import model_page
    from weightgauge.reporting.page.rendering import check_extra, render
    from weightgauge.scanning.scan_model import scan

    check_extra()
    options = FitOptions(threads=threads, io=io)
    kept = scan(
        model,
        include=include,
        exclude=exclude,
        per=per,
        threads=threads,
        io=io,
        progress=progress,
    )
    content = model_page(kept, options, command=command)
    return Report(
        render(content),
        kept.model,
        content.document.verdict,
        Table(Finding, content.document.findings or ()),
        len(kept.tensors),
    )
