"""Reports of two models and of runs: what changed, in words and in pictures."""

from __future__ import annotations

import json
import math
import re
import shutil

import numpy as np
import pytest

import weightgauge as wg
from kept_models import run, stored
from made_fits import NAN, made_slice
from made_runs import write_run
from report_pages import ZERO, Page, sick_model, unpacked
from weightgauge import demo, errors
from weightgauge.comparison.pair import Pair
from weightgauge.reporting.page import run_page
from weightgauge.reporting.page.changes import changes_in_words, lost_in_words
from weightgauge.trajectory import reading
from weightgauge.trajectory import run as find_run


@pytest.fixture(scope="module")
def models(tmp_path_factory, write_checkpoint):
    """A model, and the same with one matrix doubled, one of zeros, and a tensor of its own."""
    folder = tmp_path_factory.mktemp("two")
    one, other = (sick_model(folder / name, write_checkpoint) for name in ("one", "other"))
    tensors = _tensors(other / "model.safetensors")
    tensors["model.layers.0.mlp.gate_proj.weight"] *= 2
    tensors["model.layers.3.self_attn.q_proj.weight"][:] = 0
    tensors["model.extra.weight"] = tensors["lm_head.weight"]
    _write(write_checkpoint, other / "model.safetensors", tensors)
    return one, other


def _tensors(path):
    from safetensors import numpy as files

    return files.load_file(path)


def _write(write_checkpoint, path, tensors):
    path.unlink()
    write_checkpoint(
        path, {name: ("F32", each.shape, each.tobytes()) for name, each in tensors.items()}
    )


@pytest.fixture(scope="module")
def pair(models):
    return wg.report(*models)


@pytest.fixture(scope="module")
def page(pair):
    return Page(pair.html)


def row_of(data, name):
    return data["rows"]["name"].index(name)


def test_rows_are_pairs_with_what_changed(models, page):
    found = wg.compare(*models)
    rows = page.data["rows"]
    assert len(rows["name"]) == len(found.pairs)
    for pair in found.pairs:
        row = row_of(page.data, pair.tensor)
        for column, value in (
            *(("k", pair.k_b), ("k_a", pair.k_a), ("dk", pair.dk), ("dk_se", pair.dk_se)),
            *(("dln_lambda", pair.dln_lambda), ("changed", pair.changed)),
            ("difference", pair.difference_rms),
        ):
            shown = rows[column][row]
            if math.isnan(value):
                assert shown is None
            else:
                assert shown == pytest.approx(value, rel=1e-4)
    titles = [title for title, _, _ in page.data["columns"]]
    assert page.data["sort"] in titles


def test_both_models_and_their_difference_have_a_heatmap(models, page):
    fits = {"a": wg.fit(models[0]), "b": wg.fit(models[1])}
    assert [each["of"] for each in page.data["maps"]] == ["a", "b", "b less a"]
    a, b, change = page.data["maps"]
    for each in (a, b):
        (item,) = fits[each["of"]].select(kind="gate", block=0)
        assert each["k"][each["kinds"].index("gate")][0] == pytest.approx(item.k, rel=1e-5)
    q = change["kinds"].index("q")
    assert a["k"][q][3] is not None and b["k"][q][3] is change["k"][q][3] is None
    gate = change["kinds"].index("gate")
    assert change["ln_lambda"][gate] == [pytest.approx(math.log(2), abs=1e-4), 0, 0, 0]
    assert page.data["scales"]["dk"]["middle"] == page.data["scales"]["dln_lambda"]["middle"] == 0


def test_both_plots_are_there(page):
    rows = page.data["rows"]
    row = row_of(page.data, "model.layers.0.mlp.gate_proj.weight")
    after, before = (unpacked(rows[key][row]["x"]) for key in ("plots", "plots_before"))
    np.testing.assert_allclose(after, before + math.log(2), atol=1e-3)
    assert rows["plots"][row_of(page.data, ZERO)] is None


def test_findings_say_of_which_model_they_are_and_lead_to_their_pair(page):
    zeros = [each for each in page.data["findings"] if each["id"] == "all-zero"]
    assert {each["model"] for each in zeros} == {"a", "b"}
    rows = page.data["rows"]
    row = row_of(page.data, "model.layers.3.self_attn.q_proj.weight")
    told = [page.data["findings"][each] for each in rows["found"][row]]
    assert [each["model"] for each in told if each["id"] == "all-zero"] == ["b"]
    both = [page.data["findings"][each] for each in rows["found"][row_of(page.data, ZERO)]]
    assert sorted(each["model"] for each in both if each["id"] == "all-zero") == ["a", "b"]


def test_what_changed_stands_in_words_before_the_pictures(page):
    words = " ".join("".join(page.text).split())
    assert "gate, 1 of 4 matrices (block 0): shape k" in words
    assert "lambda grew by 100 %; 100 % of the weights changed, by 100 % of their size" in words
    assert (
        "Of what both have, not one element changed of embed, k, v, o, up, down and head." in words
    )
    assert "a lacks 1 of the 32 tensors of b: model.extra.weight." in words
    assert "Only in b: model.extra.weight" in words
    assert words.index("What changed from a to b") < words.index("Every matrix")


def made_pair(kind, block, **given):
    fields = dict.fromkeys(Pair.__dataclass_fields__, NAN)
    fields |= {"tensor": f"{block}.{kind}", "tensor_b": f"{block}.{kind}", "kind": kind}
    fields |= {"block": block, **dict.fromkeys(("part", "tower", "expert", "head", "withheld"))}
    return Pair(**{**fields, "note": "", **given})


def test_words_for_changes():
    moved = {"dk": -0.02, "z": -40.0, "dln_lambda": math.log(1.031), "changed": 1.0}
    pairs = [
        *(made_pair("q", i, **moved, difference_rms=0.022) for i in range(5)),
        made_pair("q", 5, **{**moved, "dk": 0.01, "z": 5000.0}, difference_rms=0.022),
        made_pair("k", 0, dk=0.001, z=0.5, dln_lambda=-0.5, changed=2e-6),
        made_pair("v", 0, changed=0.0),
        made_pair("o", 0, dk=0.0, z=0.0, dln_lambda=math.log(40)),  # without elements
        made_pair("up", 0),
    ]
    assert list(changes_in_words(pairs)) == [
        "q: shape k rose in 1 and fell in 5 (median -0.0200, more than 1,000 standard errors); "
        "lambda grew by 3.1 %; 100 % of the weights changed, by 2.2 % of their size.",
        "k: shape k moved by less than 3 standard errors (median +0.0010); lambda shrank by "
        "39.3 %; 0.0002 % of the weights changed.",
        "o: shape k moved by less than 3 standard errors (median +0.0000); lambda grew 40-fold.",
        "Not one element changed of v.",
        "Nothing can be said of up: no pair has two fits to compare.",
    ]


def test_saved_counts_are_compared_without_weights(models, tmp_path):
    for model, name in zip(models, ("a", "b"), strict=True):
        wg.scan(model).save(tmp_path / f"{name}.wghist")
    data = Page(wg.report(tmp_path / "a.wghist", tmp_path / "b.wghist").html).data
    row = row_of(data, "model.layers.0.mlp.gate_proj.weight")
    assert data["rows"]["dln_lambda"][row] == pytest.approx(math.log(2), abs=1e-4)
    assert data["rows"]["changed"][row] is None
    assert "elements of saved counts" in data["rows"]["note"][row]


@pytest.fixture(scope="module")
def steps(tmp_path_factory, write_checkpoint):
    kinds = [{"q": (1.2 - i / 20, 0.02), "o": (1.2, 0.02 + i / 100)} for i in range(3)]
    return write_run(
        tmp_path_factory.mktemp("run") / "run",
        write_checkpoint,
        {0: kinds[0], 500: kinds[1], 1000: kinds[2]},
    )


def test_a_folder_of_steps_is_shown_over_its_steps(steps):
    data = Page(wg.report(steps).html).data
    found = wg.track(steps)
    assert data["courses"]["steps"] == [0, 500, 1000]
    for shown, kind in zip(data["courses"]["kinds"], found.kinds, strict=True):
        assert shown["kind"] == kind.kind
        assert shown["k"] == pytest.approx(kind.k, rel=1e-4)
        assert shown["ln_lambda"] == pytest.approx(np.log(kind.lam), rel=1e-4)
    (row,) = [i for i, item in enumerate(found.slices) if (item.kind, item.block) == ("q", 1)]
    assert data["rows"]["courses"][row]["k"] == pytest.approx(found.slices[row].k, rel=1e-4)
    assert data["rows"]["k"][row] == pytest.approx(found.slices[row].k[-1], rel=1e-5)
    last, change = data["maps"]
    q = last["kinds"].index("q")
    assert last["k"][q][1] == data["rows"]["k"][row]
    assert change["k"][q][1] == pytest.approx(found.slices[row].dk, rel=1e-4)
    assert change["scales"]["k"] == "dk"
    assert [each["label"] for each in data["published"]["mine"]] == ["step 0", "step 1,000"]


def test_plots_of_a_run_are_those_of_its_last_and_its_first_step(steps):
    data = Page(wg.report(steps).html).data
    rows = data["rows"]
    name = "model.layers.1.self_attn.o_proj.weight"
    row = row_of(data, name)
    for key, step in (("plots", 1000), ("plots_before", 0)):
        weights = _tensors(steps / f"checkpoint-{step}" / "model.safetensors")[name]
        magnitudes = np.sort(np.abs(weights.astype(float)).ravel())
        x, y = (unpacked(rows[key][row][axis]) for axis in "xy")
        ranks = np.rint(-np.expm1(-np.exp(y)) * magnitudes.size - 0.5).astype(int)
        np.testing.assert_allclose(x, np.log(magnitudes[ranks]), atol=0.01)
    assert data["labels"] == {"these": "step 1,000", "before": "step 0"}
    assert all(plot is not None for plot in rows["plots"])
    of_first = Page(wg.report(steps / "checkpoint-0").html).data
    assert rows["plots_before"][row] == of_first["rows"]["plots"][row_of(of_first, name)]


def test_steps_that_come_and_go_have_the_plots_that_can_be_had(steps, tmp_path, monkeypatch):
    """Of a step that cannot be read there are none; the next one takes its place."""
    monkeypatch.setattr(reading, "PAUSES_S", ())  # nobody is still writing it
    damaged = tmp_path / "run"
    shutil.copytree(steps, damaged)
    (damaged / "checkpoint-1000" / "model.safetensors").write_bytes(b"no model")
    data = Page(wg.report(damaged).html).data
    assert data["labels"] == {"these": "step 500", "before": "step 0"}
    whole = Page(wg.report(steps / "checkpoint-500").html).data["rows"]
    assert data["rows"]["plots"] == [
        whole["plots"][whole["name"].index(name)] for name in data["rows"]["name"]
    ]
    shutil.rmtree(damaged / "checkpoint-0")
    alone = Page(wg.report(damaged, run=True).html).data
    assert alone["rows"]["plots"] == data["rows"]["plots"]
    assert "plots_before" not in alone["rows"]
    both = data["maps_note"]
    assert "since the first step" in both and both.endswith("plots at the first and at the last.")
    assert [each["of"] for each in alone["maps"]] == ["step 500"]
    assert "first" not in alone["maps_note"] and alone["maps_note"].endswith("plot at the last.")


def test_a_trajectory_has_no_counts_and_no_plots(steps):
    data = Page(wg.report(wg.track(steps)).html).data
    assert "plots" not in data["rows"] and data["rows"]["courses"]
    assert data["maps_note"].endswith("click it for its course over the steps.")


def test_plots_of_a_run_are_limited_to_what_a_page_can_hold(steps, monkeypatch):
    monkeypatch.setattr(run_page, "MOST_PLOTS", 4)
    rows = Page(wg.report(steps).html).data["rows"]
    for key in ("plots", "plots_before"):
        assert sum(each is not None for each in rows[key]) == 2


def test_a_run_is_looked_for_once_and_each_step_is_read_once(steps, monkeypatch):
    """Listing revisions on the Hub, and reading weights, are what takes time."""
    asked, read = [], []
    listed, scanned = find_run.candidates_of, wg.scanning.scan

    def counted(*given, **more):
        asked.append(given)
        return listed(*given, **more)

    def noted(model, **more):
        read.append(str(model))
        return scanned(model, **more)

    monkeypatch.setattr(find_run, "candidates_of", counted)
    monkeypatch.setattr(wg.scanning, "scan", noted)
    wg.report(steps)
    assert len(asked) == 1
    assert [name.rpartition("-")[2] for name in read] == ["0", "500", "1000"]


def test_what_is_a_run_and_what_is_a_model(steps, tmp_path):
    assert "courses" in Page(wg.report(f"{steps}/checkpoint-*").html).data
    assert "courses" in Page(wg.report(wg.track(steps)).html).data
    assert "courses" not in Page(wg.report(steps / "checkpoint-500").html).data
    files = tmp_path / "files"  # steps that are files of a folder, and no shards of one model
    files.mkdir()
    for step in (0, 500):
        source = steps / f"checkpoint-{step}" / "model.safetensors"
        shutil.copy(source, files / f"step-{step}.safetensors")
    assert Page(wg.report(files).html).data["courses"]["steps"] == [0, 500]
    trainer = tmp_path / "trainer"  # as a trainer leaves it: steps, and the model beside them
    shutil.copytree(steps, trainer)
    for path in (steps / "checkpoint-1000").iterdir():
        shutil.copy(path, trainer)
    assert "courses" not in Page(wg.report(trainer).html).data
    assert "courses" in Page(wg.report(trainer, run=True).html).data
    with pytest.raises(errors.RunError, match="by itself"):
        wg.report(steps, steps / "checkpoint-500")
    with pytest.raises(errors.RunError, match="by itself"):
        wg.report(steps / "checkpoint-500", trainer, run=True)


def test_command_shows_two_models_and_runs(models, steps, tmp_path):
    found = run("report", *models, "-o", tmp_path / "two.html")
    assert found.exit_code == 0 and "two.html: 2." in found.stdout
    assert run("report", steps, "-o", tmp_path / "run.html").exit_code == 0
    three = run("report", *models, models[0])
    assert three.exit_code == 2 and "glob in quotes" in three.stderr
    with_model = run("report", steps, models[0])
    assert with_model.exit_code == 1 and "a run is shown by itself" in with_model.stderr
    assert run("report", *models, "--run").exit_code == 2


def test_a_page_is_not_written_over_a_terminal(monkeypatch):
    monkeypatch.setattr("weightgauge.cli.output._is_terminal", lambda stream: True)
    found = run("report", "no-model")
    assert found.exit_code == 1 and found.stdout == ""
    assert "html is not for a terminal: name a file by -o" in found.stderr


def test_a_step_that_cannot_be_read_is_told_and_the_others_are_shown(steps, tmp_path):
    damaged = tmp_path / "run"
    shutil.copytree(steps, damaged)
    (damaged / "checkpoint-500" / "model.safetensors").write_bytes(b"no model")
    found = run("report", damaged, "-o", tmp_path / "run.html", "-q")
    assert found.exit_code == 3 and "step 500" in found.stderr
    assert Page((tmp_path / "run.html").read_text()).data["courses"]["steps"] == [0, 1000]


def test_what_of_a_run_is_not_shown_is_told_above_the_pictures(steps, tmp_path):
    shutil.copytree(steps, tmp_path / "run")
    shutil.copytree(steps / "checkpoint-500", tmp_path / "run" / "last")
    told = " ".join("".join(Page(wg.report(tmp_path / "run").html).text).split())
    place = told.index("Not shown left out, since no step can be told: last")
    assert place < told.index("Every matrix, by block")
    assert "Not shown" not in "".join(Page(wg.report(steps).html).text)


def test_models_that_share_nothing_have_a_page_that_says_so(tmp_path, write_checkpoint):
    one = write_checkpoint(tmp_path / "a.safetensors", {"w": stored((64, 64), "F32")})
    other = write_checkpoint(tmp_path / "b.safetensors", {"v": stored((32, 32), "F32")})
    page = Page(wg.report(one, other).html)
    assert page.data["rows"]["name"] == [] and page.data["maps"] == []
    assert "Only in a: w." in "".join(page.text)
    assert verdict_class(page) == "verdict warning"
    told = "".join(page.text)
    assert "No fault found; nothing of a has a counterpart in b" in told
    assert "no slice of a has a counterpart in b, by name" in told
    assert page.data["maps_note"] == "There is nothing to draw."


def verdict_class(page):
    (found,) = [
        attributes["class"]
        for tag, attributes in page.tags
        if tag == "p" and "verdict" in attributes.get("class", "")
    ]
    return found


def test_a_block_that_is_lost_is_told_first_and_is_no_good_news(tmp_path, write_checkpoint):
    paths = {"a": demo.paths()["step-0"], "b": tmp_path / "b"}
    shutil.copytree(paths["a"], paths["b"])
    file = paths["b"] / "model.safetensors"
    header, data = opened(file)
    for name in [name for name in header if ".layers.1." in name]:
        del header[name]
    file.unlink()
    write_checkpoint(
        file,
        {
            name: (each["dtype"], each["shape"], data[slice(*each["data_offsets"])])
            for name, each in header.items()
        },
    )
    found = wg.report(paths["a"], paths["b"])
    page = Page(found.html)
    told = " ".join("".join(page.text).split())
    assert "b lacks 9 of the 30 tensors of a: all of block 1." in told
    assert told.index("b lacks 9") < told.index("Of what both have, not one element changed")
    assert re.fullmatch(r"1 fault.*; 9 tensors only in a", found.verdict)
    assert verdict_class(page) == "verdict fault"
    assert verdict_class(Page(wg.report(paths["a"], paths["a"]).html)) == "verdict note"


def opened(file):
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header.pop("__metadata__", None)
    return header, content[end:]


def test_words_for_tensors_that_only_one_model_has():
    slices = [made_slice(f"h.{block}.q", "q", block) for block in range(20)]
    names = [item.tensor for item in slices]
    assert list(lost_in_words([], slices, "a", "b")) == []
    assert list(lost_in_words(names, slices, "a", "b")) == ["b has none of the 20 tensors of a."]
    (many,) = lost_in_words(names[2:], slices, "a", "b")
    assert (
        many == "b lacks 18 of the 20 tensors of a: all of blocks 2, 3, 4, 5, 6, 7, 8, 9, 10, "
        "11, 12, 13 and 6 more."
    )
    some = [made_slice(f"n{i}", "norm", None) for i in range(4)]
    assert list(lost_in_words([item.tensor for item in some], slices + some, "b", "a")) == [
        "a lacks 4 of the 24 tensors of b: n0, n1, n2 and 1 more."
    ]


def test_ten_thousand_blocks(tmp_path, write_checkpoint):
    tensors = {
        f"model.layers.{block}.mlp.up_proj.weight": ("BF16", (2, 8), b"\x10\x3c\x21\x3c" * 8)
        for block in range(10_000)
    }
    found = wg.report(write_checkpoint(tmp_path / "m.safetensors", tensors))
    (grid,) = Page(found.html).data["maps"]
    assert len(grid["blocks"]) == len(grid["k"][0]) == 10_000


def test_the_demo_before_and_after_training():
    paths = demo.paths()
    found = wg.report(paths["step-0"], paths["step-last"])
    assert found.verdict == wg.compare(paths["step-0"], paths["step-last"]).to_dict()["verdict"]
    assert found.tensors == 60
