"""Reports: what a page says, draws and allows, without a browser."""

from __future__ import annotations

import gzip
import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

import health_models as models
import oracle
import weightgauge as wg
from kept_models import run, stored
from made_fits import made_slice
from report_pages import HOSTILE, LOUD, ZERO, Page, sick_model, source_of, unpacked
from weightgauge import demo, errors
from weightgauge.findings import RULES, Place
from weightgauge.pictures import findings_by_row
from weightgauge.reporting.page.bundle import without_what_is_not_drawn
from weightgauge.reporting.page.plots import MOST_PLOTS
from weightgauge.reporting.page.provenance import model_digest
from weightgauge.reporting.page.scales import reach_of


@pytest.fixture(scope="module")
def sick(tmp_path_factory, write_checkpoint):
    folder = tmp_path_factory.mktemp("sick")
    return sick_model(folder / "model", write_checkpoint, HOSTILE)


@pytest.fixture(scope="module")
def report(sick):
    return wg.report(sick, command="weightgauge report </dd>")


@pytest.fixture(scope="module")
def page(report):
    return Page(report.html)


def row_of(data, name):
    (row,) = [row for row, each in enumerate(data["rows"]["name"]) if each == name]
    return row


def test_policy_allows_the_two_scripts_by_their_hashes_and_no_request(page):
    policy = page.policy
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == [source_of(page.script(None)), source_of(page.plotly)]
    assert policy["img-src"] == ["data:"]
    assert {"base-uri", "form-action"} <= policy.keys()
    assert policy.keys() <= {
        *("default-src", "script-src", "style-src", "img-src", "base-uri", "form-action")
    }
    assert "unsafe-eval" not in str(policy) and "http" not in str(policy)


def test_nothing_in_the_page_points_outside(page):
    linking = {"src", "href", "srcset", "action", "data", "poster", "background", "ping"}
    assert not [tag for tag, attributes in page.tags if linking & attributes.keys()]
    assert not re.search(r"@import|url\(", page.script(None))
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base"} == set()


def test_names_are_text_and_nothing_else(page):
    assert [attributes for attributes, _ in page.scripts] == [
        {"type": "application/json", "id": "data"},
        {"type": "application/octet-stream", "id": "plotly"},
        {},
    ]
    assert "img" not in {tag for tag, _ in page.tags}
    handlers = [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert handlers == []
    data = page.script("data")
    assert not set(data) & set("<>&") and data.isascii()
    names = page.data["rows"]["name"]
    for hostile in HOSTILE:
        shown = errors.printable(hostile)
        assert shown in names and len(shown) <= 200 and shown.isprintable()
    assert "weightgauge report </dd>" in "".join(page.text)


def test_verdict_and_faults_come_first(report, page):
    words = " ".join("".join(page.text).split())
    assert report.verdict in words[: words.index("by block and kind")]
    assert re.match(r"[0-9]+ faults", report.verdict)
    zero = next(each.message for each in report.findings if each.id == "all-zero")
    places = [words.index(each) for each in (report.verdict, zero, "by block", "What k means")]
    assert places == sorted(places)
    (title,) = re.findall("<title>(.*)</title>", report.html)
    assert title.startswith(report.verdict)  # in the browser's tab as well
    assert [each.to_dict() for each in report.findings] == [
        each.to_dict() for each in wg.diagnose(report.model).findings
    ]
    rows = page.data["rows"]
    about = {attributes.get("data-row") for tag, attributes in page.tags if tag == "button"}
    assert {str(row_of(page.data, name)) for name in (ZERO, LOUD)} <= about
    told = [page.data["findings"][each]["id"] for each in rows["found"][row_of(page.data, ZERO)]]
    assert "all-zero" in told


def test_rows_are_all_slices_with_their_numbers(sick, page):
    fit = wg.fit(sick)
    rows = page.data["rows"]
    assert {len(column) for column in rows.values()} == {len(fit)}
    for row, item in enumerate(fit):
        assert (rows["kind"][row], rows["block"][row]) == (item.kind, item.block)
        if item.fitted:
            assert rows["k"][row] == pytest.approx(item.k, rel=1e-5)
            assert rows["k_se"][row] == pytest.approx(item.k_se_matrix, rel=1e-5)
            assert rows["lambda"][row] == pytest.approx(item.lam, rel=1e-5)
        else:
            assert rows["k"][row] is None and rows["why"][row]


def test_k_that_is_withheld_has_no_colour_in_a_map():
    """Values on a grid in one block of four; their scale is shown all the same."""
    tensors = models.on_a_grid(1)
    (grid,) = Page(wg.report(tensors).html).data["maps"]
    assert grid["withheld"] == [[0, 1]]
    assert [k is None for k in grid["k"][0]] == [False, True, False, False]
    assert None not in grid["ln_lambda"][0]
    before = {name: value.copy() for name, value in tensors.items()}
    before["model.layers.1.self_attn.q_proj.weight"] = before.popitem()[1]
    tensors.popitem()  # the last block took the place of the other in what was before
    maps = Page(wg.report(before, tensors).html).data["maps"]
    assert {each["of"]: each["withheld"] for each in maps} == {
        **{"a": [], "b": [[0, 1]], "b less a": []},
    }


def test_maps_have_every_matrix_in_its_cell(sick, page):
    (grid,) = page.data["maps"]
    assert grid["blocks"] == [0, 1, 2, 3]
    assert grid["kinds"] == ["q", "k", "v", "o", "gate", "up", "down"]
    fit = wg.fit(sick)
    rows = page.data["rows"]
    for kind, line, cells in zip(grid["kinds"], grid["k"], grid["rows"], strict=True):
        for block, k, cell in zip(grid["blocks"], line, cells, strict=True):
            (item,) = fit.select(kind=kind, block=block)
            assert [rows["name"][row] for row in cell] == [item.tensor]
            assert k == (pytest.approx(item.k, rel=1e-5) if item.fitted else None)
    scale = page.data["scales"]["k"]
    assert scale["middle"] == pytest.approx(1.20543, abs=1e-5)
    assert scale["reach"] > 0


def test_plots_are_points_of_the_weights(sick, page):
    from safetensors import numpy as files

    name = "model.layers.0.mlp.up_proj.weight"
    plot = page.data["rows"]["plots"][row_of(page.data, name)]
    magnitudes = oracle.magnitudes(files.load_file(sick / "model.safetensors")[name])
    x, y = unpacked(plot["x"]), unpacked(plot["y"])
    n = magnitudes.size
    ranks = np.rint(-np.expm1(-np.exp(y)) * n - 0.5).astype(int)
    step = (plot["x"][1] - plot["x"][0]) / 65534
    # Half a step of the codes, in x and in the y that the rank is read from.
    steps = np.array([ranks - 1, ranks, ranks + 1]).clip(0, n - 1)
    assert (np.abs(np.log(magnitudes[steps]) - x).min(axis=0) <= step).all()
    inside = oracle.window(n, "mid_80")
    first, last = plot["window"]
    assert (ranks[first], ranks[last - 1] + 1) == (inside.start, inside.stop)
    counts = 10 ** unpacked(plot["counts"])
    assert np.nansum(counts) == pytest.approx(n, rel=1e-3)
    assert plot["ends"][1] == pytest.approx(magnitudes[-1], rel=1e-5)


def test_gaussian_curve_is_that_of_gaussian_weights(page):
    from scipy import stats

    curve = page.data["curve"]
    p = -np.expm1(-np.exp(np.array(curve["y"])))
    wanted = stats.halfnorm.ppf(p) / stats.halfnorm.ppf(0.5)
    below = p < 1 - 1e-9  # the double nearest to a share above that is too far from it
    np.testing.assert_allclose(np.exp(curve["x"])[below], wanted[below], rtol=1e-4)


def test_no_weight_is_in_the_page(sick, report, page):
    """Not one of the 4,096 numbers of a matrix can be read from it."""
    from safetensors import numpy as files

    weights = np.abs(files.load_file(sick / "model.safetensors")[LOUD]).ravel()
    plot = page.data["rows"]["plots"][row_of(page.data, LOUD)]
    told = np.exp(unpacked(plot["x"])).astype(np.float32)
    assert len(told) <= 150
    # The largest and smallest are numbers of the fit's own record: `max` and `lowest`.
    assert np.isin(told, weights).sum() <= 4
    small = [row for row, n in enumerate(page.data["rows"]["n"]) if n < 1024]
    assert small and all(page.data["rows"]["plots"][row] is None for row in small)


def test_saved_counts_give_the_same_page(sick, page, tmp_path):
    wg.scan(sick).save(tmp_path / "kept.wghist")
    other = Page(wg.report(tmp_path / "kept.wghist").html)
    assert other.data == page.data
    assert str(tmp_path / "kept.wghist") in other.text


def test_provenance_identifies_weights_and_program(report, page, monkeypatch):
    text = "".join(page.text)
    assert f"weightgauge {wg.__version__}" in text
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    again, once = wg.report(report.model), wg.report(report.model)
    assert again.html == once.html and "1970-01-02 00:00 UTC" in again.html


def test_digest_of_a_model_is_that_of_its_tensors():
    one = model_digest([("a", "1"), ("b", "2")])
    assert one == model_digest([("b", "2"), ("a", "1")]) != model_digest([("a", "2"), ("b", "1")])
    assert len(one) == 32
    assert model_digest([("a", "1"), ("b", None)]) == model_digest([]) == ""


def test_heads_stand_beside_each_other(sick):
    data = Page(wg.report(sick, per="head", include="*layers.0*").html).data
    (grid,) = data["maps"]
    cell = grid["rows"][grid["kinds"].index("q")][0]
    assert [data["rows"]["head"][row] for row in cell] == [0, 1, 2, 3]
    assert data["among"][str(cell[0])] == cell


def test_models_without_blocks_and_without_findings_have_a_page(tmp_path, write_checkpoint):
    path = write_checkpoint(tmp_path / "m.safetensors", {"w": stored((64, 64), "F32")})
    found = wg.report(path)
    page = Page(found.html)
    assert page.data["maps"] == [] and page.data["profiles"] == []
    assert "no map" in page.data["maps_note"]
    assert page.data["published"] is None
    assert page.data["rows"]["plots"][0] is not None
    assert found.verdict.startswith("No fault found")


def test_one_broken_matrix_does_not_take_the_colour_from_the_others():
    ordinary = [1.2 + i / 1000 for i in range(-10, 11)]
    assert reach_of([*ordinary, 0.3], 1.2) == pytest.approx(3 * 0.010)  # 20 of 22
    assert reach_of(ordinary, 1.2) == pytest.approx(0.01)
    assert reach_of([], 1.2) is None


def test_weights_that_were_never_trained_have_faint_colours():
    scales = Page(wg.report(demo.paths()["step-0"]).html).data["scales"]
    assert scales["k"]["reach"] == 0.1  # its own k are 1.19 to 1.22
    assert scales["ln_lambda"]["high"] - scales["ln_lambda"]["low"] == pytest.approx(0.2)


def test_findings_of_a_tensor_are_told_of_its_pieces_where_it_is_not_given_whole():
    slices = [made_slice("w", "q", 0, part="q"), made_slice("w", "k", 0, part="k")]
    whole = RULES["all-zero"].finding(Place(tensor="w"), value=1, what="w", count=1)
    piece = RULES["all-zero"].finding(Place(tensor="w", part="k"), value=1, what="w", count=1)
    model = RULES["all-zero"].finding(Place(), value=1, what="w", count=1)
    assert findings_by_row(slices, [whole, piece, model]) == {0: [0], 1: [0, 1]}


def test_plots_are_limited_to_what_a_page_can_hold(monkeypatch, sick):
    monkeypatch.setattr("weightgauge.reporting.page.plots.MOST_PLOTS", 1)
    data = Page(wg.report(sick).html).data
    (row,) = [row for row, plot in enumerate(data["rows"]["plots"]) if plot]
    levels = [data["findings"][each]["level"] for each in data["rows"]["found"][row]]
    assert {"fault", "warning"} & set(levels)  # what is wrong comes first
    per_plot = len(json.dumps(next(plot for plot in data["rows"]["plots"] if plot)))
    assert per_plot < 2500 and MOST_PLOTS >= 1000


def test_a_model_of_a_thousand_matrices_takes_less_than_6_mb(tmp_path, write_checkpoint):
    tensors = {
        f"model.layers.{block}.self_attn.{kind}_proj.weight": stored((32, 32), "F16", block)
        for block in range(250)
        for kind in "qkvo"
    }
    found = wg.report(write_checkpoint(tmp_path / "m.safetensors", tensors))
    data = Page(found.html).data
    assert sum(plot is not None for plot in data["rows"]["plots"]) >= 990  # zeros are no weights
    assert len(found.html.encode()) < 6_000_000


@pytest.mark.parametrize("package", ["jinja2", "plotly"])
def test_missing_packages_are_named_with_the_line_that_installs_them(package, monkeypatch):
    from weightgauge.reporting.page import bundle, rendering

    for cached in (bundle.plotly_bundle, rendering._template):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    wanted = rf"{package} is not installed: pip install 'weightgauge\[report\]'"
    with pytest.raises(errors.MissingExtraError, match=wanted):
        wg.report("no such model")  # before anything is read
    found = run("report", "no-such-model")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "pip install 'weightgauge[report]'" in found.stderr
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["report"]
    assert any(each.startswith(package) for each in extra)


def test_command_writes_a_file_and_says_what_was_found(sick, report, tmp_path):
    path = tmp_path / "page.html"
    found = run("report", sick, "-o", path)
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        report.verdict,
        f"{path}: {path.stat().st_size / 1e6:.1f} MB",
    ]
    assert Page(path.read_text()).data == Page(report.html).data
    again = run("report", sick, "-o", path)
    assert again.exit_code == 1 and "exists" in again.stderr
    assert run("report", sick, "-o", path, "--force", "-q").stdout == ""
    packed = tmp_path / "page.html.gz"
    assert run("report", sick, "-o", packed, "-q").exit_code == 0
    assert gzip.decompress(packed.read_bytes()).startswith(b"<!DOCTYPE html>")
    printed = run("report", sick, "-q")
    assert printed.exit_code == 0 and printed.stdout.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-o", "page.pdf"], 2, "must end in .html"),
        (["-o", "page"], 2, "must end in .html"),
        (["-o", "no/such/folder/page.html"], 1, "no such directory"),
        (["--force"], 2, "--force is for --output"),
        (["--include", "nothing*"], 1, "nothing*"),
    ],
)
def test_wrong_requests_end_with_one_clear_line(sick, arguments, code, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run("report", sick, *arguments)
    assert (found.exit_code, found.stdout) == (code, "")
    assert told in found.stderr and "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_measured_is_told_and_exits_3(tmp_path, write_checkpoint):
    tensors = {"w": stored((64, 64), "F32"), "v": ("F6_E2M3", (8, 16), bytes(96))}
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    found = run("report", path, "-o", tmp_path / "page.html")
    assert found.exit_code == 3 and "1 of 2 tensors could not be measured" in found.stderr
    rows = Page((tmp_path / "page.html").read_text()).data["rows"]
    assert rows["why"][rows["name"].index("v")] == "unsupported"


def test_a_model_in_memory_has_a_page():
    weights = {"w": np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)}
    (plot,) = Page(wg.report(weights).html).data["rows"]["plots"]
    assert len(unpacked(plot["x"])) <= 150


def test_a_fit_has_no_counts_to_draw(sick):
    with pytest.raises(errors.NeedsWeightsError, match="scan the model"):
        wg.report(wg.fit(sick))


def test_demo_page_is_whole_and_short():
    found = wg.report(demo.paths()["step-0"])
    assert repr(found).startswith("<Report '") and len(repr(found)) < 140
    assert found.tensors == len(wg.scan(demo.paths()["step-0"]).tensors)


def test_plotly_sets_up_what_pages_draw_and_nothing_else(page):
    """Its last act is a list of all kinds of charts; lines and points belong to what is before."""
    given, kept = get_plotlyjs(), page.plotly
    assert len(given) - len(kept) > 100
    (calls,) = re.findall(r"\.register\(\[((?:[\w$]+\(\),?)+)\]\)", kept)[-1:]
    (name,) = re.fullmatch(r"([\w$]+)\(\)", calls).groups()
    (inner,) = re.findall(rf"var {re.escape(name)}=.{{0,80}}?exports=([\w$]+)\(\)", kept)
    definition = kept[kept.index(f"var {inner}=") :]
    assert re.search(r'name:"(\w+)"', definition)[1] == "heatmap"
    start = next(i for i, (a, b) in enumerate(zip(given, kept, strict=False)) if a != b)
    assert given[start:].partition("])")[2] == kept[start:].partition("])")[2]


@pytest.mark.parametrize(
    "script",
    [
        "",
        'no script with a name:"heatmap" in it',
        '});var a=W((e,t)=>{t.exports={name:"heatmap"}});n.register([r(20273),r(15849)])',
        '});var a=W((e,t)=>{t.exports={name:"heatmap"}});var b=W((e,t)=>{t.exports=a()});'
        "n.register([c(),d()])",
        '});var a=W((e,t)=>{t.exports={name:"bars"}});var b=W((e,t)=>{t.exports=a()});'
        "n.register([b()])",
    ],
)
def test_a_script_that_is_written_otherwise_is_left_as_it_is(script):
    assert without_what_is_not_drawn(script) == script


def test_a_chart_is_found_by_its_name():
    made = (
        'var x=1});var a=W((e,t)=>{t.exports={name:"heatmap"}});var b=W((e,t)=>{t.exports=a()});'
        'var c=W((e,t)=>{t.exports={name:"bar"}});n.register([d(),b(),e()]);more()'
    )
    assert without_what_is_not_drawn(made) == made.replace("d(),b(),e()", "b()")
