"""What `compare` is given and gives: saved counts, options, documents and their words."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from compared import DOWN, UP, Q, normal, run


def test_saved_counts_take_the_place_of_models(made, tmp_path):
    a = made("a", {DOWN.format(i): normal((96, 96), i) for i in range(3)})
    b = made("b", {DOWN.format(i): normal((96, 96), 10 + i, 0.03) for i in range(3)})
    wg.scan(a).save(tmp_path / "a.wghist")
    kept, fresh = wg.compare(tmp_path / "a.wghist", b), wg.compare(a, b, elements=False)
    assert "saved counts" in kept.pairs[0].note and "not compared" in fresh.pairs[0].note
    for one, other in zip(kept.pairs, fresh.pairs, strict=True):
        assert {**one.to_dict(), "note": ""} == {**other.to_dict(), "note": ""}
    whole = {pair.tensor: pair for pair in wg.compare(a, b).pairs}
    assert {pair.tensor: (pair.dk, pair.ks) for pair in kept.pairs} == {
        tensor: (pair.dk, pair.ks) for tensor, pair in whole.items()
    }


@pytest.mark.parametrize("options", [{"zeros": "censor"}, {"errors": "independent"}])
def test_saved_counts_are_compared_as_asked_for(made, tmp_path, options):
    """Magnitudes of which the smallest third is zero, in rows of unequal scale."""
    models = []
    for name, seed in (("a", 0), ("b", 1)):
        weights = normal((96, 128), seed) * np.exp(0.3 * normal((96, 1), 3, 1.0))
        weights[np.abs(weights) < np.quantile(np.abs(weights), 1 / 3)] = 0
        models.append(made(name, {DOWN.format(0): weights}))
        wg.scan(models[-1]).save(tmp_path / f"{name}.wghist")
    counts = [tmp_path / f"{name}.wghist" for name in "ab"]
    kept = wg.compare(*counts, **options).pairs[0]
    fresh = wg.compare(*models, elements=False, **options).pairs[0]
    assert (kept.k_a, kept.k_b, kept.dk, kept.withheld) == pytest.approx(
        (fresh.k_a, fresh.k_b, fresh.dk, fresh.withheld), nan_ok=True
    )
    if options == {"errors": "independent"}:
        assert (kept.dk_se, kept.errors_from) == (fresh.dk_se, fresh.errors_from)


def test_threads_and_io_change_nothing(made):
    a = made("a", {DOWN.format(i): normal((400, 400), i) for i in range(2)})
    b = made("b", {DOWN.format(i): normal((400, 400), 5 + i) for i in range(2)})
    documents = [
        json.dumps(wg.compare(a, b, threads=threads, io=io).to_dict())
        for threads, io in ((1, "mmap"), (4, "mmap"), (2, "pread"))
    ]
    assert len(set(documents)) == 1


def test_patterns_and_heads(made):
    config = {"model_type": "llama", "num_attention_heads": 4, "hidden_size": 64}
    tensors = {Q.format(0): normal((64, 64)), DOWN.format(0): normal((64, 64))}
    a, b = made("a", tensors, config), made("b", tensors, config)
    found = wg.compare(a, b, include="*q_proj*", per="head")
    assert sorted(pair.head for pair in found.pairs) == [0, 1, 2, 3]
    assert {pair.changed for pair in found.pairs} == {0.0}


def test_the_document(made):
    a, b = made("a", {Q.format(0): normal((64, 64))}), made("b", {Q.format(0): normal((64, 64), 1)})
    document = wg.compare(a, b).to_dict()
    assert document["schema_version"] == 1
    assert (document["a"], document["b"]) == (str(a), str(b))
    wanted = {"tensor", "part", "kind", "block", "k_a", "k_b", "dk", "dk_se", "z", "dln_lambda"}
    assert wanted | {"changed", "ks"} <= document["pairs"][0].keys()
    assert document["only_a"] == document["only_b"] == []
    assert json.loads(run("compare", a, b, "--json").stdout) == document
    rows = run("compare", a, b, "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("tensor,tensor_b,part,kind,block") and len(rows) == 2


@pytest.mark.parametrize(
    ("blocks", "differing", "words"),
    [
        (1, 0, "1 pair of slices; the one that was compared by element is the same"),
        (1, 1, "1 pair of slices; the one that was compared by element differs"),
        (3, 0, "3 pairs of slices; all 3 that were compared by element are the same"),
        (3, 2, "3 pairs of slices; 1 of 3 that were compared by element are the same"),
        (3, 3, "3 pairs of slices; all 3 that were compared by element differ"),
    ],
)
def test_how_many_are_the_same(made, blocks, differing, words):
    tensors = {DOWN.format(i): normal((8, 8), i) for i in range(blocks)}
    other = tensors | {DOWN.format(i): normal((8, 8), 50 + i) for i in range(differing)}
    assert words in run("compare", made("a", tensors), made("b", other)).stdout.splitlines()


def test_the_page(made):
    tensors = {DOWN.format(i): normal((64, 64), i) for i in range(25)}
    other = {**tensors, DOWN.format(7): normal((64, 64), 99, 0.2), "only.here": normal((4, 4))}
    text = run("compare", made("a", tensors), made("b", other)).stdout
    lines = text.splitlines()
    assert "25 pairs of slices; 24 of 25 that were compared by element are the same" in lines
    assert lines[lines.index("What moved most") + 3].startswith(DOWN.format(7))
    assert "Only in b: only.here." in lines


def test_a_result_does_not_replace_weights(made, tmp_path):
    a = made("a", {Q.format(0): normal((8, 8))})
    result = run("compare", a, a, "-o", a / "model.safetensors", "--force")
    assert result.exit_code == 1 and "weights" in result.stderr


def test_the_title_names_both_models_and_the_verdict_follows(made):
    base = {Q.format(0): normal((64, 64))}
    a, b = made("a", base), made("b", {Q.format(0): normal((64, 64), 1)})
    lines = run("compare", a, b).stdout.splitlines()
    assert lines[:2] == [f"a: {a}, b: {b}", "No fault found"]


def test_a_share_that_is_not_zero_is_not_shown_as_zero(made):
    base = normal((64, 64)).astype(np.float32)
    tuned = base.copy()
    tuned[0, 0] += 1e-6
    page = run("compare", made("a", {Q.format(0): base}), made("b", {Q.format(0): tuned})).stdout
    (row,) = [line for line in page.splitlines() if line.startswith("q ")]
    assert row.split()[-2:] == ["<0.1%", "<0.01%"]


def test_medians_of_shapes_are_over_the_same_pairs(made):
    """A matrix that only one of the two has numbers of says nothing of the change."""
    heavy = stats.t(4).rvs((64, 64), random_state=1) * 0.02
    a = {Q.format(0): normal((64, 64)), Q.format(1): heavy}
    b = {Q.format(0): normal((64, 64), 2), Q.format(1): np.zeros((64, 64))}
    a, b = made("a", a), made("b", b)
    (pair,) = [pair for pair in wg.compare(a, b).pairs if math.isfinite(pair.k_b)]
    (row,) = [line for line in run("compare", a, b).stdout.splitlines() if line.startswith("q ")]
    assert row.split()[2:5] == [f"{pair.k_a:.4f}", f"{pair.k_b:.4f}", f"{pair.dk:+.4f}"]


def legend(*arguments):
    """The sentence on errors, in one line."""
    text = " ".join(run("compare", *arguments).stdout.split())
    (told,) = re.findall(r"z = change over its standard error ±: (.*?)\. KS:", text)
    return told


def test_pages_say_what_the_errors_of_changes_are(made):
    values = normal((96, 128))
    changed = values * np.exp(0.1 * np.random.default_rng(1).standard_normal((96, 1)))
    a, b = made("a", {UP: values}), made("b", {UP: changed})
    (plain,) = wg.compare(a, b).pairs
    (ranked,) = wg.compare(a, b, zeros="censor").pairs  # there are no zeros to be ranked
    assert ranked.to_dict() == plain.to_dict()
    assert legend(a, b).startswith("the error of the change itself")
    assert legend(a, b, "--zeros", "censor") == legend(a, b)
    assert legend(a, b, "--no-elements").startswith("that of two independent matrices")
    assert legend(a, b, "--errors", "independent").startswith("that of independent weights")


def test_pairs_whose_errors_differ_in_kind_are_counted(made):
    values, pruned = normal((96, 128)), normal((96, 128), 1)
    pruned[np.abs(pruned) < 0.001] = 0
    a = made("a", {UP: values, Q.format(0): pruned})
    b = made("b", {UP: 1.1 * values, Q.format(0): 1.1 * pruned})
    found = {pair.kind: pair.errors_from for pair in wg.compare(a, b, zeros="censor").pairs}
    assert found["ffn_in"].startswith("paired")
    assert found["q"].startswith("two independent")
    told = legend(a, b, "--zeros", "censor")
    assert re.search("in 1 pair the error of the change itself", told)
    assert re.search("in 1 pair that of two independent matrices", told)


def test_a_changed_pair_without_a_fit_says_why(made):
    few = np.zeros((64, 64))
    few[0, :9] = normal(9, 2)
    a = made("a", {UP: normal((64, 64)), Q.format(1): few})
    b = made("b", {UP: 1.1 * normal((64, 64)), Q.format(1): 2 * few})
    text = run("compare", a, b).stdout
    rows = [line for line in text.splitlines() if line.startswith(("q ", Q.format(1)))]
    assert len(rows) == 2
    assert all("no fit" in row for row in rows), text
    assert "1 pair: no fit of a: 9 finite non-zero elements; at least 10 are needed" in text


def test_flipped_signs_are_no_other_order(made):
    values, tall = normal((64, 80)), normal((96, 64), 1)
    some = np.where(np.arange(64)[:, None] < 20, -tall[:64].T[:64, :64], tall[:64].T[:64, :64])
    square = tall[:64].T[:64, :64]
    a = made("a", {UP: values, Q.format(0): square, DOWN.format(0): tall})
    b = made("b", {UP: -values, Q.format(0): some, DOWN.format(0): -tall.T.copy()})
    found = wg.compare(a, b).findings
    assert "reordered" not in {each.id for each in found}
    told = {each.kind: each.message for each in found if each.id == "signs-differ"}
    assert "all signs are flipped; the magnitudes and their order are the same" in told["ffn_in"]
    assert f"{int((some < 0).sum()):,} negative weights instead of" in told["q"]
    assert "as if all signs were flipped" in told["ffn_out"]
    for each in (UP, Q.format(0)):
        assert each in "".join(told.values())


def test_flipped_signs_show_in_saved_counts(made, tmp_path):
    values = normal((64, 80)) + 0.001
    kept = []
    for name, sign in (("a", 1), ("b", -1)):
        wg.scan(made(name, {UP: sign * values})).save(tmp_path / f"{name}.wghist")
        kept.append(tmp_path / f"{name}.wghist")
    (told,) = (each for each in wg.compare(*kept).findings if each.id == "signs-differ")
    assert "as if all signs were flipped" in told.message


def test_changes_too_small_to_see_are_written_with_their_errors_and_no_zero_has_a_minus():
    from weightgauge.reporting.views.compare import compare_document
    from weightgauge.reporting.writers.formats import FORMATS
    from weightgauge.reporting.writers.medium import Medium

    noise = np.random.default_rng(0).normal(size=(2, 300, 300)).astype("f4")
    found = wg.compare({"w": noise[0]}, {"w": noise[0] * (1 - 1e-6 * np.abs(noise[1]))})
    (pair,) = found.pairs
    assert 0 > pair.dln_lambda > -5e-5 and 0 < pair.dk_se < 5e-5
    text = FORMATS["human"].write(compare_document(found), Medium())
    assert "-0.0000 " not in text and "-0.00%" not in text and "±0.0000 " not in text
    assert re.search(r"±0\.0000+[1-9] ", text)
