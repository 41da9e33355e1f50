"""`weightgauge plot`: figures of a model, of two, or of a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from weightgauge.cli.choice import Choice
from weightgauge.cli.failures import run_told, unmeasured_told
from weightgauge.cli.options import (
    PATH,
    kind_option,
    reading_options,
    saving_options,
    selection_options,
    trim_option,
    zeros_option,
)
from weightgauge.cli.output import Output
from weightgauge.cli.run_options import settings_options
from weightgauge.errors import MissingExtraError, NothingSelectedError, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.findings import Finding


class Drawn(NamedTuple):
    """What was drawn, and what is to be told beside it.

    Attributes
    ----------
    axes : Axes
        The figure's.
    findings : sequence of Finding
        What is wrong or odd about what is drawn.
    warnings : sequence of str
        What is odd about the input.
    tensors : int
        How many tensors should have been measured.
    """

    axes: Axes
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    tensors: int = 0


class Figure(NamedTuple):
    """One kind of figure.

    Attributes
    ----------
    draw : callable
        Makes it of the models and the options.
    models : tuple of (int, int or None)
        Fewest and most models; None for any number.
    quantities : tuple of str
        What can be drawn, the usual one first; empty where there is no choice.
    """

    draw: Callable[..., Drawn]
    models: tuple[int, int | None]
    quantities: tuple[str, ...] = ()


def _fit(draw: str) -> Callable[..., Drawn]:
    """Return a function that fits one model and calls a method of the fit."""

    def drawn(
        models: tuple[str, ...], chosen: dict[str, Any], kinds: tuple[str, ...], quantity: str
    ) -> Drawn:
        from weightgauge.cli.kinds import fit_of_kinds
        from weightgauge.scanning import fit

        found = fit(models[0], **chosen)
        axes = getattr(fit_of_kinds(found, kinds), draw)(quantity=quantity)
        tensors = len({item.tensor for item in found.slices})
        return Drawn(axes, found.findings, found.warnings, tensors)

    return drawn


def _compared(
    models: tuple[str, ...], chosen: dict[str, Any], kinds: tuple[str, ...], quantity: str
) -> Drawn:
    from weightgauge.cli.kinds import comparison_of_kinds
    from weightgauge.comparison.model_comparison import compare

    del chosen["trim"]
    found = compare(*models, **chosen)
    axes = comparison_of_kinds(found, kinds).plot(quantity=quantity)
    return Drawn(axes, found.findings, found.warnings, len(found.pairs))


def _tracked(
    models: tuple[str, ...],
    chosen: dict[str, Any],
    kinds: tuple[str, ...],
    quantity: str,
    steps: str | None,
) -> Drawn:
    from weightgauge.cli.commands.track import step_numbers
    from weightgauge.cli.kinds import trajectory_of_kinds
    from weightgauge.trajectory.trajectory import track

    found = track(models, steps=None if steps is None else step_numbers(steps), **chosen)
    axes = trajectory_of_kinds(found, kinds).plot(quantity=quantity)
    return Drawn(axes, found.findings, found.warnings, len(found.slices))


def _scaled(models: tuple[str, ...], chosen: dict[str, Any], settings: dict[str, Any]) -> Drawn:
    from weightgauge.trajectory.laws import scaling

    del chosen["trim"], chosen["zeros"]
    found = scaling(models, **settings, **chosen)
    return Drawn(found.plot(), found.findings)


def _weibull(
    models: tuple[str, ...], chosen: dict[str, Any], tensor: str | None, part: str | None
) -> Drawn:
    """Count the tensor once: the fit is that of the counts that are drawn."""
    import glob

    from weightgauge.scanning import fit, scan

    if tensor is None:
        raise click.UsageError("weibull draws one tensor: name it by --tensor")
    of_fit = {name: chosen.pop(name) for name in ("trim", "zeros")}
    chosen["include"] = glob.escape(tensor)
    try:
        counts = scan(models[0], **chosen)
    except NothingSelectedError:
        raise NothingSelectedError(_no_such_tensor(models[0], tensor)) from None
    found = fit(counts, **of_fit)
    pieces = [item for item in found.slices if part is not None and item.part == part]
    if part is not None and not pieces:
        parts = ", ".join(sorted({item.part for item in found.slices if item.part})) or "none"
        raise click.UsageError(f"--part {printable(part)}: the parts of the tensor are: {parts}")
    axes = found.plot_weibull(pieces[0] if pieces else tensor, source=counts)
    return Drawn(axes, found.findings, found.warnings, 1)


def _no_such_tensor(model: str, tensor: str) -> str:
    from weightgauge.plotting.one_slice import no_such_tensor
    from weightgauge.scanning import ModelHistograms, open_any

    opened = open_any(model)
    if isinstance(opened, ModelHistograms):
        return no_such_tensor([row["tensor"] for row in opened.tensors], tensor)
    return no_such_tensor(opened.tensors.names, tensor)


_OF_FITS = ("k", "ln_lambda", "k_error")
FIGURES = {
    "depth": Figure(_fit("plot_depth"), (1, 1), _OF_FITS),
    "heatmap": Figure(_fit("plot_heatmap"), (1, 1), _OF_FITS),
    "weibull": Figure(_weibull, (1, 1)),
    "trajectory": Figure(_tracked, (1, None), _OF_FITS[:2]),
    "compare": Figure(_compared, (2, 2), ("dk", "dln_lambda", "difference_rms")),
    "scaling": Figure(_scaled, (1, None)),
}
"""All figures by what the command calls them."""

_QUANTITIES = tuple(dict.fromkeys(each for form in FIGURES.values() for each in form.quantities))


@click.command("plot", short_help="Draw depth, heatmap, weibull, trajectory, compare or scaling.")
@click.argument("figure", metavar="FIGURE", type=Choice(list(FIGURES)))
@click.argument("models", metavar="MODEL...", type=PATH, nargs=-1, required=True)
@saving_options("FILE", "Where to: .svg, .pdf or .png; an existing file is left alone.")
@click.option(
    "--quantity",
    type=Choice(_QUANTITIES),
    help="What is drawn; by default k, and of two models its change dk.",
)
@click.option("--tensor", metavar="NAME", help="weibull: the tensor that is drawn.")
@click.option("--part", metavar="PART", help="weibull: one matrix of a fused tensor, such as q.")
@click.option(
    "--steps", metavar="N,N,...", help="trajectory: steps of the models, where no name tells them."
)
@settings_options(for_each_run=True, where="scaling: ")
@trim_option
@kind_option
@zeros_option
@selection_options
@reading_options
def command(
    figure: str,
    models: tuple[str, ...],
    *,
    path: str,
    force: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Draw a FIGURE of a MODEL into a file; the ending of its name says in which form.

    depth: k (or ln lambda) of each kind from block to block. heatmap: the same by colour, from that
    of Gaussian weights. weibull: the probability plot of one tensor with the fitted line.
    trajectory: medians over the steps of a run; MODEL is a RUN as for 'weightgauge track'. compare:
    what moved between two models. scaling: lambda over sqrt(learning rate / weight decay) of
    several runs, with --optimizer, --lr and the other settings as for 'weightgauge scaling'. Text
    stays text in SVG and PDF. Needs matplotlib: the extra 'plot'.

    \b
    Examples:
      weightgauge plot depth org/name -o depth.pdf
      weightgauge plot heatmap ./checkpoint --kind q --kind k -o heatmap.svg
      weightgauge plot weibull ./checkpoint --tensor lm_head.weight -o head.png
      weightgauge plot trajectory ./run --quantity ln_lambda -o run.svg
      weightgauge plot compare org/base org/fine-tune -o moved.svg
      weightgauge plot scaling ./a ./b --optimizer adamw --lr 3e-4 --weight-decay 0.1,1 -o law.svg
    """  # noqa: D301
    form = FIGURES[figure]
    suffix = _checked(figure, models, path, options)
    from weightgauge.cli.progress import scan_progress
    from weightgauge.plotting.figure import figure_bytes
    from weightgauge.reporting.document import Document, Line, Section

    output = Output("human", path, force, quiet)
    with output.kept():
        with scan_progress(quiet=quiet) as progress:
            drawn = _bound(form, figure, options)(models, _reading(options, progress))
        data = figure_bytes(drawn.axes.figure, suffix)
        output.put(data)
    if not quiet:  # the result is the file
        line = Line(f"{figure} of {', '.join(map(printable, models))}, {len(data):,} bytes")
        told = Document(
            title=printable(path, limit=1000),
            sections=(Section("", (line,)),),
            # Steps that could not be read are told of as errors, below.
            aside=tuple(each for each in drawn.findings if each.id != "unreadable-step"),
            warnings=drawn.warnings,
        )
        Output("human", None, force=False, quiet=False).write(told)
    if figure in ("trajectory", "scaling"):
        return run_told(drawn.findings)
    return unmeasured_told(drawn.findings, drawn.tensors)


def _checked(figure: str, models: tuple[str, ...], path: str, options: dict[str, Any]) -> str:
    """Refuse what cannot be drawn before anything is read; return the ending of the file's name."""
    from weightgauge.plotting.figure import EXTRA, PACKAGE, SUFFIXES, suffix_of

    form = FIGURES[figure]
    fewest, most = form.models
    if len(models) < fewest or (most is not None and len(models) > most):
        raise click.UsageError(f"{figure} takes {'two models' if most == 2 else 'one model'}")
    suffix = suffix_of(path)
    if suffix is None:
        endings = ", ".join(SUFFIXES)
        raise click.UsageError(f"--output {printable(path)}: the name must end in {endings}")
    for name, where in (("tensor", "weibull"), ("part", "weibull"), ("steps", "trajectory")):
        if options[name] is not None and figure != where:
            raise click.UsageError(f"--{name} is for {where}, not for {figure}")
    stated = [name for name, value in options["settings"].items() if value is not None]
    if stated and figure != "scaling":
        raise click.UsageError(f"--{stated[0].replace('_', '-')} is for scaling, not for {figure}")
    if options["kinds"] and not form.quantities:
        raise click.UsageError(f"--kind is not for {figure}")
    asked = options["quantity"]
    if asked is not None and asked not in form.quantities:
        choices = ", ".join(form.quantities) or "nothing to choose"
        raise click.UsageError(f"--quantity {asked}: of {figure} there is {choices}")
    if find_spec(PACKAGE) is None:
        raise MissingExtraError(PACKAGE, EXTRA)
    return suffix


def _bound(form: Figure, figure: str, options: dict[str, Any]) -> Callable[..., Drawn]:
    """Give the function of a figure the options that are its own."""
    own: dict[str, Any] = {}
    if form.quantities:
        own = {"kinds": options["kinds"], "quantity": options["quantity"] or form.quantities[0]}
    if figure == "trajectory":
        own["steps"] = options["steps"]
    if figure == "scaling":
        own["settings"] = options["settings"]
    if figure == "weibull":
        own |= {"tensor": options["tensor"], "part": options["part"]}
    return partial(form.draw, **own)


def _reading(options: dict[str, Any], progress: Any) -> dict[str, Any]:
    names = ("trim", "zeros", "include", "exclude", "threads", "io")
    return {**{name: options[name] for name in names}, "progress": progress}
