"""The page of a report in a browser: what is drawn, pointed at, clicked, searched and pressed."""

from __future__ import annotations

import base64
import itertools
import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

import health_models as models
import weightgauge as wg
from browser.chromium import Tab
from report_pages import HOSTILE, LOUD, ZERO, sick_model
from weightgauge import errors


@pytest.fixture(scope="module")
def model(tmp_path_factory, write_checkpoint):
    folder = tmp_path_factory.mktemp("report")
    return sick_model(folder / HOSTILE[2].replace("/", ""), write_checkpoint, HOSTILE)


@pytest.fixture(scope="module")
def page(model):
    path = model / "report.html"
    wg.report(model, command=HOSTILE[0]).save(path)
    return path


@pytest.fixture(scope="module")
def fit(model):
    return wg.fit(model)


@contextmanager
def in_tab(browser, page):
    """Show a page, which takes a second to load; in the end it has asked for nothing else."""
    tab = Tab(browser, page)
    yield tab
    complaints, requests = tab.complaints(), tab.requests()
    tab.close()
    assert complaints == []
    pictures = [each for each in requests if each.startswith("data:image/png;base64,")]
    assert [each for each in requests if each not in pictures] == [tab.address]


@pytest.fixture(scope="module")
def shown(browser, page):
    with in_tab(browser, page) as tab:
        yield tab


@pytest.fixture
def tab(shown):
    """The page as it was when it was opened, on a system with light colours."""
    shown.prefer("light")
    shown.run(
        "detail.window.close(), table.search(''), delete document.documentElement.dataset.theme, "
        "document.querySelector('input[value=k]').click(), theme.changed(), scrollTo(0, 0)"
    )
    return shown


MAP = "document.querySelector('#maps .plot')"
ROWS = "[...document.querySelectorAll('#table tbody tr')]"
HEADS = "[...document.querySelectorAll('#table th')]"


def cell(tab, kind, block):
    """Where the middle of a cell of the first heatmap is."""
    tab.middle_of(MAP)
    return tab.run(
        f"(() => {{ const e = {MAP}; const {{xaxis, yaxis}} = e._fullLayout; "
        "const box = e.getBoundingClientRect(); "
        f"return [box.x + xaxis._offset + xaxis.d2p({block}), "
        f"box.y + yaxis._offset + yaxis.d2p('{kind}')]; }})()"
    )


def hover(tab):
    return tab.run("[...document.querySelectorAll('.hoverlayer text')].map(e => e.textContent)")


def names(tab):
    """Names in the table, in their order."""
    return tab.run(
        "[...document.querySelectorAll('#table tbody tr')].map(r => r.cells[0].innerText)"
    )


def column(tab, title):
    place = f"{HEADS}.findIndex(e => e.innerText.startsWith('{title}'))"
    return tab.run(f"{ROWS}.map(r => r.cells[{place}].innerText)")


def test_pictures_are_drawn_and_the_window_is_not_blank(tab):
    assert tab.run("document.documentElement.dataset.ready") == "pictures"
    tab.middle_of(MAP)
    assert tab.run(f"{MAP}.querySelectorAll('.hm image').length") >= 1
    colours = colours_of(tab)
    # Orange, blue, white or black alone would be a page on which nothing was drawn.
    assert len(colours) > 50


def colours_of(tab):
    """Colours of the window, as a script of another page sees its picture."""
    picture = base64.b64encode(tab.picture()).decode()
    return tab.run(
        "(async () => { const image = new Image(); "
        f"image.src = 'data:image/png;base64,{picture}'; await image.decode(); "
        "const canvas = document.createElement('canvas'); "
        "canvas.width = image.width; canvas.height = image.height; "
        "const context = canvas.getContext('2d'); context.drawImage(image, 0, 0); "
        "const data = context.getImageData(0, 0, image.width, image.height).data; "
        "const seen = {}; for (let i = 0; i < data.length; i += 16) { "
        "const c = `${data[i]},${data[i+1]},${data[i+2]}`; seen[c] = (seen[c] ?? 0) + 1; } "
        "return seen; })()"
    )


def test_pointing_at_a_cell_tells_its_numbers_and_what_was_found(tab, fit):
    (item,) = fit.select(kind="up", block=2)
    tab.move(*cell(tab, "up", 2))
    tab.wait("document.querySelector('.hoverlayer text')")
    (told,) = hover(tab)
    assert "up, block 2" in told and f"k {item.k:.3f}" in told and "lambda" in told
    assert f"R2 {item.r2:.4f}" in told and "n 8,192" in told
    assert "scale-lost" not in told and "fault: " in told
    tab.move(*cell(tab, "v", 1))
    tab.wait("document.querySelector('.hoverlayer text')?.textContent.includes('no fit')")
    assert "all 4,096 elements are zero" in hover(tab)[0]


def test_a_click_on_a_cell_opens_its_plots(tab, fit):
    tab.click(*cell(tab, "gate", 3))
    tab.wait("document.querySelector('#detail').open")
    title = "document.querySelector('#detail-title').textContent"
    assert tab.run(title) == "model.layers.3.mlp.gate_proj.weight"
    tab.wait("document.querySelectorAll('#detail .plot .trace').length >= 6")
    traces = tab.run(
        "[...document.querySelectorAll('#detail .plot')].map(p => p.data.map(t => t.name))"
    )
    assert traces == [
        ["Gaussian", "Weibull fit", "lower tail", "fitted", "upper tail"],
        ["these weights", "Gaussian", "Weibull fit"],
    ]
    (item,) = fit.select(kind="gate", block=3)
    facts = tab.run("document.querySelector('#detail .facts').innerText")
    assert f"k {item.k:.3f}" in facts and "weights 8,192" in facts
    spread = item.spread
    parts = [spread.rows, spread.columns, spread.core]
    told = tab.run("document.querySelector('#detail .spread').innerText")
    for name, part in zip(("rows", "columns", "neither"), parts, strict=True):
        assert f"{name} {100 * part / sum(parts):.1f} %" in told
    widths = tab.run(
        "[...document.querySelectorAll('.bar-of-parts .part')].map("
        "e => e.getBoundingClientRect().width)"
    )
    shares = [width / sum(widths) for width in widths]
    assert shares == pytest.approx([part / sum(parts) for part in parts], abs=0.01)
    tab.press("Escape")
    assert not tab.run("document.querySelector('#detail').open")


def test_the_table_opens_the_same_from_the_keyboard(tab):
    tab.run("[...document.querySelectorAll('#table button.link')].at(4).focus()")
    name = tab.run("document.activeElement.innerText")
    tab.press("Enter", "\r")
    tab.wait("document.querySelector('#detail').open")
    assert tab.run("document.querySelector('#detail-title').textContent") == name
    assert tab.run("document.activeElement.id") == "close"
    tab.run("document.querySelector('#after').click()")
    assert tab.run("document.querySelector('#detail-title').textContent") == names(tab)[5]
    # Whoever hears the page stays at the button, and is told which matrix it came to.
    assert tab.run("document.querySelector('#detail-title').ariaLive") == "polite"
    tab.press("Escape")
    assert tab.run("document.activeElement.innerText") == name  # where one was before


def test_a_finding_leads_to_its_matrix_and_to_all_of_its_rule(tab):
    tab.run(f"document.querySelector('button[aria-label=\"look at it: {ZERO}\"]').click()")
    assert tab.run("document.querySelector('#detail-title').textContent") == ZERO
    assert "all-zero" in tab.run("document.querySelector('#detail .findings').innerText")
    assert tab.run("document.querySelectorAll('#detail .plot').length") == 0  # there are no weights


def test_search_finds_names_kinds_blocks_and_rules(tab, fit):
    tab.run("document.querySelector('#search').focus()")
    tab.type("Block 2 MLP")
    assert names(tab) == [item.tensor for item in fit if "layers.2.mlp" in item.tensor]
    assert "3 of " in tab.run("document.querySelector('#shown').innerText")
    tab.run("table.search('all-zero')")
    assert names(tab) == [ZERO]
    tab.run("table.search('no such thing')")
    assert names(tab) == [] and "0 of " in tab.run("document.querySelector('#shown').innerText")
    tab.run("table.search('')")
    kinds = "document.querySelector('#kind')"
    tab.run(f"{kinds}.value = 'q', {kinds}.dispatchEvent(new Event('change'))")
    assert set(column(tab, "kind")) == {"q"} and len(names(tab)) == 4


def test_columns_sort_both_ways_and_blanks_come_last(tab, fit):
    header = f"{HEADS}.find(e => e.innerText.includes('s.e.'))"
    tab.run(f"{header}.querySelector('button').click()")
    k = {errors.printable(item.tensor): item.k for item in fit if item.fitted}
    assert [k[name] for name in names(tab)[: len(k)]] == sorted(k.values())
    assert names(tab)[len(k) :] == [ZERO]
    assert tab.run(f"{header}.ariaSort") == "ascending"
    tab.run(f"{header}.querySelector('button').click()")
    assert [k[name] for name in names(tab)[: len(k)]] == sorted(k.values(), reverse=True)
    assert names(tab)[len(k) :] == [ZERO]
    tab.run(f"{HEADS}.find(e => e.innerText === 'kind').querySelector('button').click()")
    assert column(tab, "kind") == sorted(column(tab, "kind"))


def test_cells_of_a_thousand_blocks_are_not_lost_between_their_gaps(tab):
    """A cell is then less than a pixel wide."""
    deep = "{...page.maps[0], blocks: [...Array(1000).keys()]}"
    assert tab.run(f"[page.maps[0], {deep}].map(map => cells(map, [], {{}}).xgap)") == [1, 0]


def test_marks_of_a_thousand_blocks_can_be_told_apart(tab):
    """Thousands of them in a pixel each would be a white bar, and take longer than all else."""
    kinds = "kinds: ['q', 'k']"
    row = "[...Array(1000).keys()].map(j => j % 100 < 50 ? [each] : null)"
    lines = f"[0, 1].map(() => {row})"
    told = "rows.found.findIndex(found => page.findings[found[0]]?.level === 'fault')"
    deep = f"(each => ({{...page.maps[0], {kinds}, rows: {lines}, hidden: new Set()}}))({told})"
    drawn = f"{{...{deep}, blocks: [...Array(1000).keys()]}}"
    (faults,) = tab.run(f"marksOf({drawn}, 1000).map(e => [e.x, e.y, e.marker.size])")
    for kind in ("q", "k"):
        places = [x for x, y in zip(*faults[:2], strict=True) if y == kind]
        gaps = [b - a for a, b in itertools.pairwise(places)]
        assert min(gaps) == faults[2] == 7  # a pixel each
        assert {place // 100 for place in places} == set(range(10))  # none of them is lost
    # A cell that has room for its own mark has it.
    assert tab.run(f"marksOf({drawn}, 5000).map(e => e.x.length)") == [1000]


def test_k_that_is_withheld_is_marked_in_the_map_of_k_alone(browser, tmp_path):
    tensors = models.on_a_grid(1)
    wg.report(tensors).save(tmp_path / "grid.html")
    with in_tab(browser, tmp_path / "grid.html") as tab:
        tab.middle_of(MAP)
        signs = f"{MAP}.data.filter(e => e.mode === 'markers').map(e => [e.name, ...e.x])"
        assert tab.run(signs) == [["k withheld", 1]]
        tab.move(*cell(tab, "q", 1))
        tab.wait("document.querySelector('.hoverlayer text')?.textContent.includes('says nothing')")
        tab.run("document.querySelector('input[value=ln_lambda]').click()")
        tab.wait(f"{signs}.length === 0")


def test_lines_over_a_thousand_blocks_have_no_marks(tab):
    """They would hide each other, and take longer to draw than all else."""
    one = "page.profiles.find(each => each.quantity === 'k')"
    numbers = "[...Array(1000).keys()]"
    long = f"{{...{one}, tower: 'deep', blocks: {numbers}}}"
    modes = "profileDrawing('deep').traces.map(trace => trace.mode)"
    assert tab.run(f"page.profiles.push({long}), {modes}") == ["lines", "lines"]
    tab.run("page.profiles.pop()")
    drawn = "document.querySelector('#profiles .plot').data.map(trace => trace.mode)"
    assert "lines+markers" in tab.run(drawn)


def test_another_quantity_changes_map_and_profile(tab):
    before = tab.run(f"{MAP}.data[0].z[0]")
    tab.click(*tab.middle_of("document.querySelector('input[value=ln_lambda]')"))
    tab.wait(f"{MAP}.data[0].colorbar.title.text === 'ln lambda'")
    assert tab.run(f"{MAP}.data[0].z[0]") != before
    profile = "document.querySelector('#profiles .plot')"
    assert tab.run(f"{profile}.layout.yaxis.title.text") == "ln lambda"


def brightness(tab):
    seen = {tuple(map(int, c.split(","))): n for c, n in colours_of(tab).items()}
    return sum(sum(colour) * n for colour, n in seen.items()) / (765 * sum(seen.values()))


def test_dark_and_light_follow_the_system_until_the_button_is_pressed(tab):
    tab.prefer("dark")
    tab.wait(f"{MAP}.layout.font.color === '#e4e6ea'")
    tab.middle_of(MAP)
    assert brightness(tab) < 0.35
    tab.prefer("light")
    tab.wait(f"{MAP}.layout.font.color === '#1b1e24'")
    assert brightness(tab) > 0.65
    tab.run("document.querySelector('#theme').click()")
    assert tab.run(f"{MAP}.layout.font.color") == "#e4e6ea"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
    assert tab.run("document.querySelector('#theme').innerText") == "Light colours"
    tab.prefer("dark")
    tab.prefer("light")
    assert tab.run(f"{MAP}.layout.font.color") == "#e4e6ea"  # pressed is pressed


def test_a_window_of_another_size_has_room_for_every_picture(tab):
    form = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    for width in (900, 1280):
        tab.call("Emulation.setDeviceMetricsOverride", width=width, **form)
        tab.wait(f"Math.abs({MAP}._fullLayout.width - {MAP}.clientWidth) < 2")
        beyond = tab.run(
            "[...document.querySelectorAll('.plot')].filter((plot) => "
            "plot.querySelector('svg')?.getBoundingClientRect().height > plot.clientHeight + 1"
            ").length"
        )
        assert beyond == 0


def test_numbers_stand_in_cells_that_have_room_for_them(tab):
    form = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    written = f"{MAP}.layout.annotations.length"
    assert tab.run(written) > 20
    for width, wanted in ((280, "=== 0"), (1280, "> 20")):
        tab.call("Emulation.setDeviceMetricsOverride", width=width, **form)
        tab.wait(f"{written} {wanted}")
        tab.wait(f"{MAP}._fullLayout.width <= {width}")
    gaps = "placeAxis([0, 2, 7], 900)"
    assert tab.run(f"[{gaps}.ticktext, {gaps}.tickvals, {gaps}.range]") == [
        *(["0", "2", "7"], [0, 1, 2], [-0.5, 2.5])
    ]
    assert len(tab.run("placeAxis([...Array(1000).keys()], 600).tickvals")) <= 20


def test_what_does_not_move_is_drawn_as_a_line(tab):
    flat = "[{ low: [-1e-9, 0], high: [1e-9, 0] }]"
    assert tab.run(f"stillRange({flat}).range") == [-0.005, 0.005]
    assert tab.run("stillRange([{ low: [1, null], high: [1.1, null] }])") == {}
    assert tab.run("[stepAxis([0]).tickvals, stepAxis([0, 1, 2000]).tickvals ?? null]") == [
        [0],
        None,
    ]


def test_the_table_fits_a_window_of_1300_pixels(tab):
    form = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    tab.call("Emulation.setDeviceMetricsOverride", width=1300, **form)
    told = "rows.found[rows.name.findIndex(name => name.startsWith('model.layers'))]"
    before = tab.run(told)
    tab.run(f"{told} = [...page.findings.keys()], table.search('model.layers')")
    wide = "document.querySelector('#matrices .wide')"
    assert tab.run(f"{wide}.scrollWidth <= {wide}.clientWidth")
    assert "fitted weights" in tab.run(f"{HEADS}.map(e => e.innerText)")
    tab.run(f"{told} = {before}, table.renew()")


def test_a_name_has_the_width_of_a_narrow_window(tab):
    form = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    tab.run(f"detail.open(rows.name.indexOf({json.dumps(LOUD)}))")
    box = "document.querySelector(e).getBoundingClientRect().toJSON()"
    for width, below in ((400, True), (1280, False)):
        tab.call("Emulation.setDeviceMetricsOverride", width=width, **form)
        title, buttons = tab.run(f"['#detail-title', '.buttons'].map(e => {box})")
        assert (buttons["top"] >= title["bottom"]) is below
        assert title["width"] > 280


def test_prints_are_light_and_fit_the_paper(tab):
    tab.prefer("dark")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run(f"{MAP}.layout.font.color") == "#1b1e24"
    assert tab.run(f"{MAP}.layout.width") == 680
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert tab.run(f"{MAP}.layout.font.color") == "#e4e6ea"
    printed = tab.call("Page.printToPDF", printBackground=True)["data"]
    assert printed.startswith("JVBERi")  # %PDF


def test_prints_leave_nothing_folded_or_cut_without_a_word(tab):
    folded = "[...document.querySelectorAll('details')].map(e => e.open)"
    assert tab.run(f"table.limit = 5, table.fill(), {folded}") == [False]
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run(folded) == [True]
    tab.call("Emulation.setEmulatedMedia", media="print")
    seen = "document.querySelector('#shown').checkVisibility()"
    told = tab.run("document.querySelector('#shown').textContent")
    boxes = "[...document.querySelectorAll('input, select')].some(e => e.checkVisibility())"
    assert tab.run(f"[{seen}, {boxes}]") == [True, False] and told.endswith(", 5 shown")
    tab.call("Emulation.setEmulatedMedia", media="")
    tab.run("dispatchEvent(new Event('afterprint')), table.limit = 50, table.fill()")
    assert tab.run(folded) == [False]


BODY = "document.querySelector('#detail-body')"
TRY = "document.querySelector('#try')"


def test_hostile_names_are_shown_and_do_nothing(tab):
    title = tab.run("document.title")
    for name in HOSTILE:
        shown = errors.printable(name)
        row = tab.run(f"rows.name.indexOf({json.dumps(shown)})")
        tab.run(f"detail.open({row})")
        assert tab.run("document.querySelector('#detail-title').textContent") == shown
        tab.run(f"void draw(plotIn({BODY}, 'x'), () => amongDrawing([{row}]))")
        tab.run("detail.window.close()")
    assert tab.run("document.title") == title != "obeyed"
    # Plotly's labels are markup of a kind of their own: nothing of a name may become a link there.
    label = f"broken({json.dumps(errors.printable(HOSTILE[2]))}, 1000)"
    trace = f"{{type: 'scatter', x: [1], y: [1], mode: 'text', text: [{label}]}}"
    tab.run("document.body.append(made('div', {id: 'try'}))")
    tab.run(f"void draw({TRY}, () => ({{traces: [{trace}], layout: {{}}}}))")
    text = f"{TRY}.querySelector('.textpoint text')"
    assert tab.run(f"{text}.textContent") == errors.printable(HOSTILE[2])
    assert tab.run("document.querySelectorAll('a, img, iframe').length") == 0


AXE = os.environ.get("WEIGHTGAUGE_AXE")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(tab, scheme):
    if not AXE:
        pytest.skip("WEIGHTGAUGE_AXE does not name axe-core's axe.min.js (npm pack axe-core@4)")
    tab.prefer(scheme)
    tab.run(f"{Path(AXE).read_text(encoding='utf-8')}\n0")
    assert serious(tab) == []
    tab.run(f"detail.open(rows.name.indexOf({json.dumps(LOUD)}))")
    tab.wait("document.querySelectorAll('#detail .plot .trace').length >= 6")
    assert serious(tab) == []


def serious(tab):
    found = tab.run("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def numbers_of(tab):
    """The numbers of a matrix by what they are of, and by their names."""
    return tab.run(
        "Object.fromEntries([...document.querySelectorAll('#detail .facts')]"
        ".filter(e => e.querySelector('b')).map(e => [e.querySelector('b').textContent, "
        "Object.fromEntries([...e.querySelectorAll('div')].map(d => "
        "[d.firstChild.textContent.trim(), d.lastChild.textContent]))]))"
    )


def test_two_models_stand_side_by_side_and_what_moved_most_comes_first(browser, model, tmp_path):
    from weightgauge import demo

    paths = demo.paths()
    wg.report(paths["step-0"], paths["step-last"]).save(tmp_path / "two.html")
    with in_tab(browser, tmp_path / "two.html") as tab:
        plots = "[...document.querySelectorAll('#maps .plot')]"
        a, b, change = tab.run(f"{plots}.map(e => e.getBoundingClientRect().toJSON())")
        assert a["top"] == b["top"] and a["right"] <= b["left"] and change["top"] > a["bottom"]
        moved = [float(each.rstrip(" %")) for each in column(tab, "|b-a|/|a|") if each]
        assert moved == sorted(moved, reverse=True) and moved[0] > 1000
        tab.run("document.querySelector('#table button.link').click()")
        traces = "[...document.querySelectorAll('#detail .plot')].map(p => p.data.map(t => t.name))"
        points, sizes = tab.run(traces)
        assert points[0] == sizes[-1] == "a"
        numbers = numbers_of(tab)
        assert list(numbers) == ["a", "b", "from a to b"]
        name = tab.run("document.querySelector('#detail-title').textContent")
        for each, path in (("a", paths["step-0"]), ("b", paths["step-last"])):
            (item,) = (item for item in wg.fit(path) if item.tensor == name)
            assert float(numbers[each]["lambda"]) == pytest.approx(item.lam, rel=1e-3)
            assert float(numbers[each]["k"].split(" ")[0]) == pytest.approx(item.k, rel=1e-3)
        assert "standard errors" in numbers["from a to b"]["change of k"]
        told = tab.run("document.querySelector('#detail .spread').innerText")
        assert told.startswith("spread of ln |w| of b between")


def test_a_run_is_shown_over_its_steps(browser, tmp_path):
    wg.report(Path(__file__).parent.parent / "runs" / "wd-2").save(tmp_path / "run.html")
    with in_tab(browser, tmp_path / "run.html") as tab:
        assert tab.run("document.querySelector('#courses .plot').data.length") == 14  # 7 ribbons
        tab.click(*cell(tab, "up", 1))
        tab.wait("document.querySelectorAll('#detail .plot .trace').length >= 14")
        traces = "[...document.querySelectorAll('#detail .plot')].map(p => p.data.map(t => t.name))"
        k, ln_lambda, points, sizes = tab.run(traces)
        assert len(k) == len(ln_lambda) == 2
        parts = ["lower tail", "fitted", "upper tail"]
        assert points == ["step 0", "Gaussian", "Weibull fit", *parts]
        assert sizes == ["step 1,500", "Gaussian", "Weibull fit", "step 0"]
        titles = tab.run("[...document.querySelectorAll('#detail h3')].map(e => e.innerText)")
        assert titles[0] == "Weibull probability plot, step 1,500"
        numbers = numbers_of(tab)
        assert list(numbers) == ["step 1,500", "from step 0 to step 1,500"]
        assert {"k", "lambda", "R2"} <= numbers["step 1,500"].keys()
        assert "onset" in numbers["from step 0 to step 1,500"]
