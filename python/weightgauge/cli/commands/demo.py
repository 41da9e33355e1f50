"""`weightgauge demo`: what training does to k, on a model that comes along."""

from __future__ import annotations

import click

from weightgauge.cli.output import Output
from weightgauge.reporting.writers.formats import DEFAULT


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
    from weightgauge.reporting.views.demo import demo_document
    from weightgauge.scanning import fit

    paths = demo.paths()
    fits = {step: fit(path) for step, path in paths.items()}
    Output(DEFAULT, None, force=False, quiet=quiet).write(demo_document(fits, paths))
