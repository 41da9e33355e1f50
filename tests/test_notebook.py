"""What the cell of a notebook shows: results as inert pieces of HTML, and progress."""

from __future__ import annotations

import math
import sys
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import weightgauge as wg
from made_fits import made_fit, made_slice
from weightgauge import demo
from weightgauge.reporting.heatmap import Heatmap

HOSTILE = [
    *("<script>alert(1)</script>", "</div></td><!--", "\"'><img src=x onerror=alert(1)>"),
    *("\x1b[31mred", "\u202eabc", "a\nb", "&lt;", "n" * 10_000),
]
ALLOWED = {
    *("div", "style", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "span", "br"),
    *("ul", "li", "code", "pre", "svg", "path", "text"),
}
ATTRIBUTES = {
    *("class", "style", "title", "scope", "colspan", "tabindex", "role", "aria-label"),
    *("width", "height", "viewbox", "xmlns", "d", "fill", "stroke", "x", "y", "font-size"),
    "text-anchor",
}


class Page(HTMLParser):
    """The tags, attributes and texts of a piece; fails where a tag is not closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.titles, self.texts, self.open = set(), [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        self.titles += [value for name, value in attrs if name == "title"]
        if tag not in ("br", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == "path" or self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def results():
    first, last = demo.paths().values()
    scanned = wg.scan(last)
    pythia = [each for each in wg.reference.models().values() if each.family == "Pythia"]
    return {
        "fit": wg.fit(last),
        "histograms": scanned,
        "histogram": scanned.slices[3].histogram(),
        "diagnosis": wg.diagnose(last),
        "comparison": wg.compare(first, last),
        "trajectory": wg.track({0: first, 5000: last}),
        "scaling": wg.scaling(pythia),
        "check": wg.check(last),
    }


NAMES = (
    *("fit", "histograms", "histogram", "diagnosis", "comparison", "trajectory", "scaling"),
    "check",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_result_is_a_small_inert_piece(results, name):
    html = results[name]._repr_html_()
    page = Page(html)
    assert page.text.isprintable() and len(html) < 20_000
    assert "url(" not in html and "http" not in html.replace("http://www.w3.org/2000/svg", "")
    if name not in ("histogram", "scaling"):
        assert "No fault found" in page.text
    assert "--json" not in page.text and "--top" not in page.text


def test_a_map_of_a_fit_tells_every_k(results):
    wanted = sorted(
        f"{item.kind}, block {item.block}: {item.k:.4f}"
        for item in results["fit"].matrices
        if item.block is not None
    )
    for name in ("fit", "histograms", "diagnosis"):
        assert sorted(Page(results[name]._repr_html_()).titles) == wanted


def test_a_map_of_a_comparison_tells_every_change(results):
    told = Page(results["comparison"]._repr_html_()).titles
    wanted = {
        f"{pair.kind}, block {pair.block}: {pair.dk:+.4f}"
        for pair in results["comparison"].pairs
        if pair.block is not None and math.isfinite(pair.dk)
    }
    assert set(told) == wanted


def test_a_map_of_a_run_tells_every_median(results):
    told = set(Page(results["trajectory"]._repr_html_()).titles)
    wanted = {
        f"{kind.kind}, step {step}: {k:.4f}"
        for kind in results["trajectory"].kinds
        if kind.kind != "norm"
        for step, k in zip((0, 5000), kind.k, strict=True)
    }
    assert told == wanted


def test_a_histogram_has_its_numbers_and_a_bar_for_each_size():
    weights = np.random.default_rng(0).normal(0.0, 0.02, 50_000).astype("f4")
    html = wg.magnitude_histogram(weights)._repr_html_()
    assert f"k = {wg.fit_weibull(weights).k:.4f}" in Page(html).text and "50,000 weights" in html
    assert html.split('fill="#56b4e9"')[0].count("M") >= 60
    for nothing in (np.zeros(5, "f4"), np.full(9, np.nan, "f4"), np.ones(50, "f4")):
        assert "no fit" in Page(wg.magnitude_histogram(nothing)._repr_html_()).text


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_text(name):
    weights = np.random.default_rng(0).normal(0.0, 0.02, (64, 64)).astype("f4")
    model = {name: weights, "bad": np.full((8, 8), np.nan, "f4")}
    fit = made_fit(made_slice(name, "q", 0), model=name)
    for result in (fit, wg.compare(model, model), wg.check(model), wg.diagnose(model)):
        page = Page(result._repr_html_())
        assert page.text.isprintable()
    assert "<script>" not in Page(fit._repr_html_()).tags


def test_faults_are_told_first():
    weights = np.random.default_rng(0).normal(0.0, 0.02, (64, 64)).astype("f4")
    weights[0, 0] = np.nan
    text = Page(wg.fit({"model.layers.0.mlp.up_proj.weight": weights})._repr_html_()).text
    assert text.index("1 fault") < text.index("non-finite") < text.index("By kind")


# -- maps of very many columns


def test_joined_columns_keep_what_stands_out():
    values = [[0.0, 0.01, -0.5, None, "x", 0.2, None, None, "x"]]
    made = Heatmap(
        rows=["q"],
        columns=[str(i) for i in range(9)],
        values=values,
        centre=0.0,
        limits=(0.1, 0.2, 0.3, 0.4),
        ends=("low", "high"),
        across="block",
    )
    joined = made.joined(3)
    assert joined.columns == ["0-2", "3-5", "6-8"]
    assert joined.values == [[-0.5, 0.2, "x"]]
    assert made.joined(9) is made and "furthest" in joined.across


def test_ten_thousand_blocks_are_a_small_piece():
    slices = [made_slice(f"b.{i}", "q", i, k=0.7 if i == 7777 else 1.2) for i in range(10_000)]
    html = made_fit(*slices)._repr_html_()
    assert len(html) < 40_000
    (title,) = (title for title in Page(html).titles if title.endswith("0.7000"))
    assert "7700-7799" in title


# -- progress


def notebook(kernel):
    """IPython as the kernel of a notebook has it, as far as progress asks for it."""
    shown = []
    handle = SimpleNamespace(update=lambda html: shown.append(html))

    def display(html, display_id):
        shown.append(html)
        return handle

    ipython, of_display = ModuleType("IPython"), ModuleType("IPython.display")
    of_display.HTML, of_display.display = str, display
    ipython.get_ipython = lambda: SimpleNamespace(kernel=kernel)
    ipython.display = of_display
    return {"IPython": ipython, "IPython.display": of_display}, shown


def test_progress_is_shown_in_the_cell_and_goes_away(monkeypatch):
    modules, shown = notebook(kernel=object())
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    with wg.progress_bar() as progress:
        for done in range(0, 10_001):
            progress(done, 10_000)
    assert shown[0].startswith('<progress value="0" max="10000">')
    assert len(shown) == 102 and shown[-1] == ""  # 0 to 100 percent, and nothing in the end
    with wg.progress_bar() as progress:
        wg.fit(demo.paths()["step-0"], progress=progress)
    assert 'value="1115904" max="1115904"' in shown[-2]


def test_nobody_who_sees_it_means_no_bar(monkeypatch):
    modules, shown = notebook(kernel=None)  # IPython in a terminal
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: False))
    with wg.progress_bar() as progress:
        assert progress is None
    assert shown == []
