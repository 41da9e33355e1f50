"""`weightgauge demo`: what training does to k, on a model that comes along."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import click

from weightgauge.choices import TRIMS
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from weightgauge.fits.model_fit import ModelFit
    from weightgauge.reporting.page import Page


@click.command("demo", short_help="See k leave 1.2054 in a model that comes along.")
@click.option("-q", "--quiet", is_flag=True, help="Only the table.")
def command(quiet: bool) -> None:
    """Fit a small language model before its first and after its last step of training.

    The checkpoints come with the package; nothing is fetched.

    \b
    Examples:
      weightgauge demo
    """  # noqa: D301
    from weightgauge import demo
    from weightgauge.scanning import fit

    output = Output("human", None, force=False, quiet=quiet)
    paths = demo.paths()
    fits = {step: fit(path) for step, path in paths.items()}
    page = output.page()
    _table(page, fits)
    if not quiet:
        page.line("")
        page.prose(
            "At step 0 the weights are Gaussian: k is 1.2054 but for the chance of the draw, which "
            "the standard error of one matrix measures. Training gives rows and columns scales "
            "of their own: tails grow heavier and k falls, far in some kinds, hardly in others."
        )
        page.line("")
        page.line("The same with all blocks, then try a model of your own:")
        for path in paths.values():
            page.line(f"  weightgauge fit {path}")
    output.write(page.text())


def _table(page: Page, fits: dict[str, ModelFit]) -> None:
    from weightgauge.anatomy.components import MATRIX_KINDS
    from weightgauge.reporting.page import Column

    medians = [
        {kind.kind: kind for kind in result.kinds if kind.kind in MATRIX_KINDS}
        for result in fits.values()
    ]
    first, last = medians[0], medians[-1]
    trained = list(fits.values())[-1].slices
    errors = {
        kind: median(item.k_se for item in trained if item.kind == kind and item.fitted)
        for kind in last
    }
    page.heading(
        f"Median k of each kind of matrix (Gaussian weights: {TRIMS['mid_80'].gaussian_k:.4f})"
    )
    page.table(
        [
            Column("kind"),
            Column("slices", right=True),
            *(Column(f"k at {step.replace('-', ' ')}", right=True) for step in fits),
            Column("change", right=True),
            Column("s.e. of one", right=True),
        ],
        [
            [
                kind,
                str(summary.slices),
                *(f"{by_kind[kind].k_median:.4f}" for by_kind in medians),
                f"{last[kind].k_median - summary.k_median:+.4f}",
                f"{errors[kind]:.4f}",
            ]
            for kind, summary in first.items()
            if kind in last
        ],
    )
