"""Figures: what the axes hold are the numbers of the results, and foreign names are plain text."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import health_models as models
import oracle
import weightgauge as wg
from kept_models import run
from made_fits import NAN, made_fit, made_slice
from weightgauge import demo
from weightgauge.choices import TRIMS
from weightgauge.errors import (
    FileChangedError,
    MissingExtraError,
    NeedsWeightsError,
    NothingSelectedError,
    NothingToDrawError,
)
from weightgauge.findings import RULES, Finding, Place
from weightgauge.plotting.figure import SUFFIXES, figure_bytes, new_figure
from weightgauge.records import Table

pytest.importorskip("matplotlib")

GAUSSIAN_K = 1.205434319017451  # of the half-normal distribution, by the order protocol
HOSTILE = [
    *("$x^2$", r"$\frac{1}{0}$", "<script>alert(1)</script>", "a\nb\tc", "\x1b[31mred"),
    *("&amp;", '"', "{}%_^~#", "\u202eabc", "größe.層", "n" * 10_000, "$" * 300, ""),
]


def lines_of(axes):
    """Lines with a label, by it."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def texts_of(axes):
    return [text.get_text() for text in axes.figure.findobj(match=lambda a: hasattr(a, "get_text"))]


@pytest.fixture(scope="module")
def fitted():
    return wg.fit(demo.paths()["step-last"])


@pytest.fixture(scope="module")
def compared():
    return wg.compare(demo.paths()["step-0"], demo.paths()["step-last"])


@pytest.fixture(scope="module")
def tracked():
    paths = demo.paths()
    return wg.track({0: paths["step-0"], 500: paths["step-last"]})


# -- over depth


@pytest.mark.parametrize("quantity", ["k", "ln_lambda", "k_error"])
def test_lines_over_depth_are_the_fits(fitted, quantity):
    value = {
        "k": lambda item: (item.k, item.k_se_matrix),
        "ln_lambda": lambda item: (math.log(item.lam), item.ln_lambda_se_matrix),
        "k_error": lambda item: (item.k_se_matrix, 0.0),
    }[quantity]
    axes = fitted.plot_depth(quantity=quantity)
    lines = lines_of(axes)
    kinds = dict.fromkeys(item.kind for item in fitted.matrices if item.block is not None)
    assert [name for name in lines if not name.startswith("Gaussian")] == list(kinds)
    for kind, ribbon in zip(kinds, axes.collections, strict=True):
        items = fitted.select(kind=kind)
        assert list(lines[kind].get_xdata()) == [item.block for item in items]
        assert list(lines[kind].get_ydata()) == [value(item)[0] for item in items]
        ends = {round(float(y), 12) for y in ribbon.get_paths()[0].vertices[:, 1]}
        for item in items:
            middle, error = value(item)
            assert {round(middle - error, 12), round(middle + error, 12)} <= ends
    assert axes.get_xlabel() == "block" and "$" in axes.get_ylabel()


@pytest.mark.parametrize("trim", list(TRIMS))
def test_the_line_of_gaussian_weights_is_that_of_the_window(trim):
    axes = made_fit(made_slice("a", "q", 0), trim=trim).plot_depth()
    (line,) = (line for name, line in lines_of(axes).items() if name.startswith("Gaussian"))
    assert set(line.get_ydata()) == {TRIMS[trim].gaussian_k}
    assert f"{TRIMS[trim].gaussian_k:.4f}" in line.get_label()
    assert axes.get_ylim()[0] < TRIMS[trim].gaussian_k < axes.get_ylim()[1]


def test_only_k_has_a_line_of_gaussian_weights(fitted, tracked):
    assert not [n for n in lines_of(fitted.plot_depth(quantity="ln_lambda")) if "Gaussian" in n]
    (line,) = (line for n, line in lines_of(tracked.plot()).items() if "Gaussian" in n)
    assert set(line.get_ydata()) == {GAUSSIAN_K}


def test_kinds_are_told_apart_without_colour_and_towers_too():
    kinds = ("q", "k", "v", "o", "gate", "up", "down", "router")
    slices = [
        made_slice(f"{tower}.{block}.{kind}", kind, block, tower=tower)
        for tower in ("encoder", "decoder")
        for block in range(2)
        for kind in kinds
    ]
    lines = [line for n, line in lines_of(made_fit(*slices).plot_depth()).items() if " " in n]
    looks = {(line.get_marker(), line.get_linestyle()) for line in lines}
    colours = {line.get_color() for line in lines}
    assert len(looks) == len(lines) == 16 and len(colours) == 8
    alone = lines_of(made_fit(*slices[:8]).plot_depth())
    assert alone["q"].get_color() == lines[0].get_color()


def test_experts_are_a_median_with_a_ribbon_from_end_to_end():
    experts = [made_slice(f"e{i}", "up", 0, expert=i, k=k) for i, k in enumerate((1.0, 1.3, 1.1))]
    axes = made_fit(*experts).plot_depth()
    assert list(lines_of(axes)["up"].get_ydata()) == [1.1]
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 1.3)


# -- heatmap


def test_cells_of_a_heatmap_are_the_fits(fitted):
    axes = fitted.plot_heatmap()
    (mesh,) = axes.collections
    cells = mesh.get_array().reshape(axes.get_yticks().size, -1)
    for row, label in enumerate(axes.get_yticklabels()):
        assert list(cells[row]) == [item.k for item in fitted.select(kind=label.get_text())]
    assert {text.get_text() for text in axes.texts} == {
        f"{item.k:.3f}" for item in fitted.matrices if item.block is not None
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


def test_colours_begin_at_gaussian_weights(fitted):
    (mesh,) = fitted.plot_heatmap().collections
    assert mesh.norm.vcenter == GAUSSIAN_K
    assert mesh.norm.vmax - GAUSSIAN_K == pytest.approx(GAUSSIAN_K - mesh.norm.vmin)
    away = max(abs(i.k - GAUSSIAN_K) for i in fitted.matrices if i.block is not None)
    assert mesh.norm.vmax - GAUSSIAN_K == pytest.approx(away)
    below, above = mesh.cmap(0.1), mesh.cmap(0.9)
    assert below[0] > below[2] and above[2] > above[0]  # orange and blue
    noise = made_fit(made_slice("a", "q", 0, k=GAUSSIAN_K + 1e-6)).plot_heatmap().collections[0]
    assert noise.norm.vmax - noise.norm.vmin > 0.05  # it is to look like noise


def test_models_that_were_never_trained_do_not_look_trained():
    slices = [made_slice(f"a{i}", "q", i, k=1.19 + i / 100) for i in range(3)]
    (mesh,) = made_fit(*slices).plot_heatmap().collections
    assert mesh.norm.vmax - mesh.norm.vcenter == pytest.approx(0.1)
    (mesh,) = made_fit(*slices).plot_heatmap(quantity="ln_lambda").collections
    assert mesh.norm.vmax - mesh.norm.vmin == pytest.approx(0.2)


@pytest.mark.parametrize("blocks", [(2,), (0, 1, 2, 3)])
def test_k_that_is_withheld_is_marked_and_has_no_colour(blocks):
    found = wg.fit(models.on_a_grid(*blocks))
    axes = found.plot_heatmap()
    hidden = np.ma.getmaskarray(axes.collections[0].get_array()).ravel()
    assert np.flatnonzero(hidden).tolist() == list(blocks)
    (marks,) = axes.lines
    assert marks.get_xdata().tolist() == list(blocks)
    assert "~ on a grid or pruned" in axes.get_xlabel()
    # The scale is measured all the same.
    axes = found.plot_heatmap(quantity="ln_lambda")
    assert not np.ma.getmaskarray(axes.collections[0].get_array()).any()
    assert "~" not in axes.get_xlabel()


def test_faults_and_missing_fits_are_marked_in_a_heatmap():
    none = {"status": "degenerate", "reason": "all magnitudes are equal"}
    slices = [made_slice(f"a{i}", "q", i) for i in range(3)]
    fit = made_fit(*slices, made_slice("b", "q", 3, **none))
    fault = RULES["all-zero"].finding(Place(tensor="a1"), value=1, what="a1", count=1)
    axes = replace(fit, findings=Table(Finding, [fault])).plot_heatmap()
    marks = {line.get_marker(): line.get_xydata().tolist() for line in axes.lines}
    assert marks == {"x": [[1.0, 0.0]], "_": [[3.0, 0.0]]}
    assert axes.get_xlabel().splitlines()[1:] == ["× a fault was found", "– no fit"]
    assert len(axes.texts) == 2  # no number under a mark
    with pytest.raises(NothingSelectedError, match="no matrix that is fitted is in a block"):
        made_fit(made_slice("b", "q", 3, **none)).plot_heatmap()


def test_blocks_and_kinds_that_are_missing_are_blank():
    none = {"status": "degenerate", "reason": "all magnitudes are equal"}
    slices = [made_slice("a", "q", 0), made_slice("b", "q", 7, **none), made_slice("c", "k", 7)]
    axes = made_fit(*slices).plot_heatmap()
    cells = np.ma.filled(axes.collections[0].get_array(), NAN).reshape(2, 2)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "7"]
    np.testing.assert_array_equal(cells, [[1.2, NAN], [NAN, 1.2]])


def test_ten_thousand_blocks_make_a_small_file():
    deep = made_fit(*(made_slice(f"b.{i}", "q", i) for i in range(10_000)))
    axes = deep.plot_heatmap()
    assert len(axes.get_xticks()) <= 20
    assert len(figure_bytes(axes.figure, ".svg")) < 300_000


@pytest.mark.parametrize("method", ["plot_depth", "plot_heatmap"])
def test_a_model_without_blocks_has_no_depth(method):
    with pytest.raises(NothingSelectedError, match="in a block"):
        getattr(made_fit(made_slice("w", "q")), method)()
    with pytest.raises(ValueError, match="quantity must be one of"):
        getattr(made_fit(made_slice("w", "q", 0)), method)(quantity="kk")


# -- probability plot


def test_points_and_line_of_a_probability_plot():
    weights = np.random.default_rng(0).normal(0.0, 0.02, (200, 300)).astype("f4")
    model = {"w": weights}
    fit = wg.fit(model)
    axes = fit.plot_weibull("w", source=model)
    lines = lines_of(axes)
    magnitudes = oracle.magnitudes(weights)
    p = (np.arange(magnitudes.size) + 0.5) / magnitudes.size
    x, y = np.log(magnitudes), np.log(-np.log1p(-p))
    inside = oracle.window(magnitudes.size, "mid_80")
    for name, wanted in (("fitted weights", True), ("tails, not fitted", False)):
        drawn = lines[name].get_xydata()
        ranks = np.searchsorted(y, drawn[:, 1] - 1e-9)
        np.testing.assert_allclose(drawn, np.column_stack((x[ranks], y[ranks])), atol=1e-9)
        assert {bool(inside.start <= rank < inside.stop) for rank in ranks} == {wanted}
    (line,) = (line for name, line in lines.items() if name.startswith("$k$"))
    (x0, x1), (y0, y1) = line.get_xdata(), line.get_ydata()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(fit.slices[0].k)
    assert x0 - y0 / fit.slices[0].k == pytest.approx(math.log(fit.slices[0].lam))
    assert f"{fit.slices[0].k:.4f}" in line.get_label()
    edges = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert edges == pytest.approx([math.log(-math.log(0.9)), math.log(-math.log(0.1))])


def test_shares_stand_where_they_belong(fitted):
    axes = fitted.plot_weibull("lm_head.weight")
    (right,) = axes.child_axes
    for place, label in zip(right.get_yticks(), right.get_yticklabels(), strict=True):
        share = float(label.get_text().removesuffix(" %")) / 100
        assert place == pytest.approx(math.log(-math.log1p(-share)))
    low, high = axes.get_ylim()
    gaps = [b - a for a, b in pairwise(sorted(right.get_yticks()))]
    assert len(gaps) > 2 and min(gaps) > (high - low) / 25  # no label on another


def test_a_slice_is_found_by_name_or_given():
    weights = np.random.default_rng(1).normal(0.0, 0.02, (96, 64)).astype("f4")
    model = {"h.0.attn.c_attn.weight": weights, "h.0.attn.q_proj.weight": weights.copy()}
    fit = wg.fit(model)
    with pytest.raises(NothingSelectedError, match=r"did you mean 'h\.0\.attn\.q_proj"):
        fit.plot_weibull("h.0.attn.qproj.weight", source=model)
    for item in fit.slices:
        axes = fit.plot_weibull(item, source=model)
        assert any(f"{item.n:,}" in text for text in texts_of(axes))


def test_what_was_not_kept_is_one_error(tmp_path):
    weights = np.random.default_rng(2).normal(0.0, 0.02, (64, 64)).astype("f4")
    model = {"w": weights, "zero": np.zeros((8, 8), "f4")}
    fit = wg.fit(model)
    with pytest.raises(NeedsWeightsError, match="as source"):
        fit.plot_weibull("w")
    with pytest.raises(FileChangedError, match="other bytes"):
        fit.plot_weibull("w", source={"w": weights + 1})
    with pytest.raises(NothingToDrawError, match="no weights but zeros"):
        fit.plot_weibull("zero", source=model)
    numbers = {"ids": np.arange(8), **model}
    with pytest.raises(NothingToDrawError, match="'ids': I64 holds no floating-point weights"):
        wg.fit(numbers).plot_weibull("ids", source=numbers)
    counts = wg.scan(model)
    counts.save(tmp_path / "m.wghist")
    path = tmp_path / "m.wghist"
    of_counts = wg.fit(path).plot_weibull("w", source=path)
    usual = fit.plot_weibull("w", source=model)
    for name, line in lines_of(usual).items():
        np.testing.assert_array_equal(lines_of(of_counts)[name].get_xydata(), line.get_xydata())


def test_names_with_the_signs_of_patterns_are_names():
    weights = np.random.default_rng(3).normal(0.0, 0.02, (2, 64, 64)).astype("f4")
    model = {"w[0]": weights[0], "w0": weights[1], "*": weights[1]}
    axes = wg.fit(model).plot_weibull("w[0]", source=model)
    assert axes.get_title(loc="left") == "w[0]"


# -- runs, comparisons, laws


def test_lines_over_steps_are_the_medians(tracked):
    lines = lines_of(tracked.plot())
    for kind in tracked.kinds:
        if kind.kind == "norm":
            assert "norm" not in lines
            continue
        assert list(lines[kind.kind].get_xdata()) == [0, 500]
        assert tuple(lines[kind.kind].get_ydata()) == kind.k
    of_lambda = lines_of(tracked.plot(quantity="ln_lambda"))
    q = next(kind for kind in tracked.kinds if kind.kind == "q")
    assert list(of_lambda["q"].get_ydata()) == [math.log(lam) for lam in q.lam]


@pytest.mark.parametrize("quantity", ["dk", "dln_lambda", "difference_rms"])
def test_points_of_a_comparison_are_the_pairs(compared, quantity):
    axes = compared.plot(quantity=quantity)
    drawn = {
        (x, y) for container in axes.containers for x, y in container.lines[0].get_xydata().tolist()
    }
    places = {"embed": 3, "head": 4}  # behind the blocks 0 to 2
    wanted = {
        (places.get(pair.kind, pair.block), getattr(pair, quantity))
        for pair in compared.pairs
        if pair.kind not in ("norm", "bias", "other")
    }
    assert drawn == wanted
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", *places]
    if quantity != "difference_rms":
        pair = next(pair for pair in compared.pairs if pair.kind == "head")
        (bars,) = next(
            each.lines[2]
            for each in axes.containers
            if list(each.lines[0].get_ydata()) == [getattr(pair, quantity)]
        )
        (ends,) = bars.get_segments()
        assert ends[1][1] - ends[0][1] == pytest.approx(2 * getattr(pair, f"{quantity}_se"))


def test_nothing_in_common_is_one_error():
    a, b = made_fit(made_slice("a", "q", 0)), made_fit(made_slice("b", "up", 3))
    with pytest.raises(NothingToDrawError, match="no matrix of a known kind in common"):
        wg.compare(a, b).plot()
    with pytest.raises(NothingToDrawError, match="difference_rms is not known of the pair"):
        wg.compare(a, a).plot(quantity="difference_rms")


def test_points_of_a_law_are_those_it_was_fitted_to():
    pythia = [each for each in wg.reference.models().values() if each.family == "Pythia"]
    found = wg.scaling(pythia)
    axes = found.plot()
    for law, points, line in zip(found.laws, axes.lines[::2], axes.lines[1::2], strict=True):
        x, y = points.get_xdata(), points.get_ydata()
        # Least squares through the origin, which is what the law says of itself.
        assert float(np.dot(x, y) / np.dot(x, x)) == pytest.approx(law.slope_origin)
        assert line.get_ydata()[1] / line.get_xdata()[1] == pytest.approx(law.slope_origin)
        assert points.get_label().startswith(f"{law.kind}: ")
    (q, *_), ratio = found.laws, found.runs[0].ratio
    assert found.points(q)[0] == (ratio, found.runs[0].sizes[None, q.kind].lam)
    with pytest.raises(NothingToDrawError, match="share no kind"):
        wg.Scaling((), ()).plot()


# -- whoever draws


def test_names_of_kinds_are_no_latex(fitted, compared):
    import matplotlib

    with matplotlib.rc_context({"text.usetex": True}):
        made = made_fit(*(made_slice(f"{b}", "ffn_in", b) for b in range(2)))
        for axes in (made.plot_depth(), made.plot_heatmap(), compared.plot()):
            for text in axes.figure.findobj(match=matplotlib.text.Text):
                assert "_" not in text.get_text() or not text.get_usetex(), text


def test_axes_that_are_given_are_drawn_in(fitted, compared, tracked):
    for draw in (fitted.plot_depth, fitted.plot_heatmap, compared.plot, tracked.plot):
        figure = new_figure((8, 4))
        given = figure.subplots(1, 2)[1]
        assert draw(ax=given) is given


def test_pyplot_is_left_alone_and_used_where_the_caller_uses_it():
    program = (
        "import sys, weightgauge as wg\n"
        "from weightgauge import demo\n"
        "fit = wg.fit(demo.paths()['step-0'])\n"
        "assert 'matplotlib' not in sys.modules\n"
        "fit.plot_depth()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib; matplotlib.use('agg')\n"
        "import matplotlib.pyplot as plt\n"
        "assert fit.plot_heatmap().figure is plt.gcf()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_the_extra_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'weightgauge\[plot\]'"):
        fitted.plot_depth()


# -- files


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_figure_makes_the_same_file(fitted, suffix):
    one, two = (figure_bytes(fitted.plot_heatmap().figure, suffix) for _ in range(2))
    assert one == two
    assert not re.search(rb"CreationDate|<dc:date>|20\d\d-\d\d-\d\dT", one)


def svg_texts(content):
    root = ET.fromstring(content)
    assert not root.findall(".//{*}script")
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_drawn_as_plain_text(name):
    fit = made_fit(*(made_slice(name, "q", block) for block in range(2)), model=name)
    axes = fit.plot_depth()
    title = axes.get_title(loc="left")
    assert title.isprintable() and len(title) <= 80
    if len(name) < 20 and name.isprintable():
        assert title == name.replace("\\", r"\\")
    texts = svg_texts(figure_bytes(axes.figure, ".svg"))
    assert title in texts or title == ""
    if "$" in name:
        assert figure_bytes(axes.figure, ".pdf")


@pytest.mark.parametrize("name", ["$x^2$", "a\nb", "\x1b[31m", "<script>", "n" * 10_000])
def test_the_name_of_a_tensor_is_drawn_as_plain_text(name):
    model = {name: np.random.default_rng(4).normal(0.0, 0.02, (64, 64)).astype("f4")}
    axes = wg.fit(model).plot_weibull(name, source=model)
    title = axes.get_title(loc="left")
    known = {"a\nb": r"a\x0ab", "\x1b[31m": r"\x1b[31m", "$x^2$": "$x^2$", "<script>": "<script>"}
    assert title == known[name] if name in known else "…" in title and len(title) < 100
    assert title in svg_texts(figure_bytes(axes.figure, ".svg"))


def test_text_of_vector_files_is_text(fitted):
    axes = fitted.plot_depth()
    texts = svg_texts(figure_bytes(axes.figure, ".svg"))
    assert {"block", "q", "down"} <= set(texts)
    assert b"/Type3" not in figure_bytes(axes.figure, ".pdf")


# -- the command


MODEL = str(demo.paths()["step-last"])
FIRST = str(demo.paths()["step-0"])
RUNS = [str(Path(__file__).parent / "runs" / name) for name in ("wd-0.1", "wd-2")]


@pytest.mark.parametrize(
    "arguments",
    [
        *(["depth", MODEL], ["heatmap", MODEL, "--quantity", "ln_lambda", "--kind", "q"]),
        ["weibull", MODEL, "--tensor", "lm_head.weight"],
        *(["compare", FIRST, MODEL], ["trajectory", FIRST, MODEL, "--steps", "0,5"]),
        [
            *("scaling", *RUNS, "--optimizer", "adamw", "--lr", "1e-3,2e-3"),
            *("--weight-decay", "0.1"),
        ],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_figure_is_written(arguments, tmp_path):
    path = tmp_path / "figure.svg"
    result = run("plot", *arguments, "-o", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == str(path)
    assert svg_texts(path.read_bytes())
    again = run("plot", *arguments, "-o", path)
    assert again.exit_code == 1 and "exists already" in again.stderr
    kept = path.read_bytes()
    assert run("plot", *arguments, "-o", path, "--force", "-q").stdout == ""
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["depth", MODEL, "-o", "a.jpg"], 2, ".svg, .pdf, .png"),
        (["depth", MODEL, "-o", "svg"], 2, ".svg, .pdf, .png"),
        (["depth", MODEL, MODEL, "-o", "a.svg"], 2, "one model"),
        (["compare", MODEL, "-o", "a.svg"], 2, "two models"),
        (["compare", FIRST, MODEL, "--quantity", "k", "-o", "a.svg"], 2, "dk, dln_lambda"),
        (["weibull", MODEL, "-o", "a.svg"], 2, "--tensor"),
        (["depth", MODEL, "--tensor", "x", "-o", "a.svg"], 2, "for weibull"),
        (["weibull", MODEL, "--tensor", "lm_head.weight", "--part", "q", "-o", "a.svg"], 2, "none"),
        (["weibull", MODEL, "--tensor", "no", "-o", "a.svg"], 1, "none of the"),
        (["weibull", MODEL, "--tensor", "lm_head", "-o", "a.svg"], 1, "mean 'lm_head.weight'?"),
        (["depth", MODEL, "-o", "/nowhere/a.svg"], 1, "no such directory"),
        (["depths", MODEL, "-o", "a.svg"], 2, "'depth'"),
        (["depth", MODEL, "--kind", "norm", "-o", "a.svg"], 1, "in a block"),
        (
            ["depth", MODEL, "--weight-decay", "1", "-o", "a.svg"],
            2,
            "--weight-decay is for scaling",
        ),
        (["scaling", FIRST, "-o", "a.svg"], 1, "no run can be asked; "),
        (["scaling", FIRST, "-o", "a.svg"], 1, "needs the optimiser (--optimizer)"),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else None,
)
def test_what_cannot_be_drawn_is_told_in_a_line(arguments, code, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("plot", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr and "bug" not in result.stderr
    assert "keep patterns" not in result.stderr or "--tensor" in arguments
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_of_a_missing_matplotlib_before_it_reads(monkeypatch, tmp_path):
    from weightgauge.cli.commands import plot

    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    result = run("plot", "depth", "nowhere", "-o", tmp_path / "a.svg")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: matplotlib is not installed: pip install 'weightgauge[plot]'\n"
    )


def test_the_examples_of_the_page_run():
    page = Path(__file__).parent.parent / "docs" / "figures.md"
    examples = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, str(page), "exec"), {})
