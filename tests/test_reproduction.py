"""The paper's claims; NumPy and SciPy recompute every figure."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import weightgauge as wg
from weightgauge import demo
from weightgauge.cli import main
from weightgauge.reference.beside import entry_for
from weightgauge.reference.claims import qwen_regime

CLAIMS = {claim.id: claim for claim in wg.reproduce()}
ENTRIES = wg.reference.models()
FFN = ("ffn_in", "ffn_out", "gate", "up", "down")


def run(*arguments):
    return CliRunner().invoke(main, ["reproduce", *arguments], prog_name="weightgauge")


def pythia():
    return [entry for name, entry in ENTRIES.items() if name.startswith("pythia")]


def ffn_medians():
    return np.array(
        [
            np.median([entry.kinds[kind].k for kind in FFN if kind in entry.kinds])
            for entry in ENTRIES.values()
        ]
    )


def scaling():
    x = np.sqrt([entry.training.peak_lr / entry.training.weight_decay for entry in pythia()])
    kinds = ("o", "ffn_in", "ffn_out")
    lam = np.array([np.mean([entry.kinds[kind].lam for kind in kinds]) for entry in pythia()])
    return x, lam


def test_every_claim_is_there_once():
    assert list(CLAIMS) == [
        *("ffn-band", "ffn-cv", "wo-cv", "separate-qk-range", "gqa-qk-range"),
        *("merged-qkv-range", "lambda-scaling-r", "lambda-scaling-slope"),
        *("kqkv-monotone", "qwen-regimes"),
    ]


# What was recomputed from the published medians with all their digits.
@pytest.mark.parametrize(
    ("name", "figure", "verdict"),
    [
        ("ffn-band", (1.1872, 1.2039), "holds"),
        ("ffn-cv", 0.4816, "holds"),
        ("wo-cv", 3.72, "fails"),
        ("separate-qk-range", (0.760, 0.990), "holds"),
        ("gqa-qk-range", (1.103, 1.164), "holds"),
        ("merged-qkv-range", (1.049, 1.176), "holds"),
        ("lambda-scaling-r", 0.9409, "holds"),
        ("lambda-scaling-slope", 0.0854, "fails"),
        ("kqkv-monotone", -0.82, "fails"),
        ("qwen-regimes", 11, "holds"),
    ],
)
def test_recomputed_figures(name, figure, verdict):
    claim = CLAIMS[name]
    digits = max(len(str(number).partition(".")[2]) for number in np.atleast_1d(figure))
    assert np.round(claim.value, digits) == pytest.approx(figure)
    assert claim.verdict == verdict


def test_figures_agree_with_scipy():
    x, lam = scaling()
    o = np.array([entry.kinds["o"].k for entry in ENTRIES.values()])
    progress = [entry.training.steps_per_tau for entry in pythia()]
    qkv = [entry.kinds["qkv"].k for entry in pythia()]
    expected = {
        "ffn-cv": 100 * stats.variation(ffn_medians(), ddof=1),
        "wo-cv": 100 * stats.variation(o, ddof=1),
        "lambda-scaling-r": np.corrcoef(x, lam)[0, 1],
        "lambda-scaling-slope": np.linalg.lstsq(x[:, None], lam, rcond=None)[0][0],
        "kqkv-monotone": np.corrcoef(stats.rankdata(progress), stats.rankdata(qkv))[0, 1],
    }
    for name, value in expected.items():
        assert CLAIMS[name].value == pytest.approx(value, rel=1e-12)
    assert CLAIMS["ffn-band"].value == (ffn_medians().min(), ffn_medians().max())


def test_failures_say_why():
    assert "olmo-1-7b 1.041" in CLAIMS["wo-cv"].note
    assert "R2 = -2.4" in CLAIMS["lambda-scaling-slope"].note
    assert "p = 0.017" in CLAIMS["lambda-scaling-r"].note


@pytest.mark.parametrize(
    ("least", "regime"),
    [(1.0, "A"), (1.2, "A"), (0.999, None), (0.701, None), (0.7, "B"), (0.3, "B")],
)
def test_qwen_regimes_at_their_edges(least, regime):
    assert qwen_regime(least) == regime


def test_qwen_labels():
    for entry in wg.reference.qwen_cohort().values():
        assert qwen_regime(entry.shallow_min_k) == entry.regime


def test_json():
    result = run("--json")
    document = json.loads(result.stdout)
    assert document["weightgauge"] == wg.__version__
    assert (result.exit_code, document["schema_version"]) == (0, 1)
    assert [claim["id"] for claim in document["claims"]] == list(CLAIMS)
    for claim in document["claims"]:
        ranged = "range" in claim["id"] or claim["id"] == "ffn-band"
        assert {"id", "claim", "formula", "value", "published", "verdict"} <= claim.keys()
        assert isinstance(claim["value"], list) == isinstance(claim["published"], list) == ranged
        assert claim["verdict"] in ("holds", "fails", "undecided")


def test_the_page_shows_every_claim_and_formula():
    result = run()
    assert result.exit_code == 0
    for claim in CLAIMS.values():
        assert f"{claim.id}: " in result.stdout
        assert f"  {claim.verdict}" in result.stdout
    assert "fails" in run("-q").stdout
    assert "formula" in run("--format", "csv").stdout.splitlines()[0]


def test_a_model_beside_its_published_medians():
    path = str(demo.paths()["step-last"])
    document = json.loads(run("--model", path, "--entry", "llama-3-8b", "--json").stdout)
    live = document["live"]
    fitted = {kind.kind: kind for kind in wg.fit(path, protocol="paper").kinds}
    assert live["entry"] == "llama-3-8b"
    assert [kind["kind"] for kind in live["kinds"]] == list(ENTRIES["llama-3-8b"].kinds)
    for kind in live["kinds"]:
        published = ENTRIES["llama-3-8b"].kinds[kind["kind"]]
        assert kind["k"] == fitted[kind["kind"]].k_median
        assert kind["lambda"] == fitted[kind["kind"]].lambda_median
        assert (kind["k_published"], kind["lambda_published"]) == (published.k, published.lam)
    page = run("--model", path, "--entry", "pythia-70m").stdout
    assert "beside the published pythia-70m" in page
    assert any(line.startswith("qkv  ") for line in page.splitlines())


def test_which_entry_a_model_is_compared_with():
    assert entry_for("EleutherAI/pythia-70m@step1000", {}) == "pythia-70m"
    assert entry_for("Qwen/Qwen2.5-7B", {}) == "qwen2.5-7b"
    assert entry_for("./models/Qwen3-8B/", {}) == "qwen3-8b"
    shapes = {kind: medians.k for kind, medians in ENTRIES["mistral-7b"].kinds.items()}
    assert entry_for("my/finetune", shapes) == "mistral-7b"
    assert entry_for("my/finetune", {"head": 1.2}) is None


def test_wrong_entries_are_usage_errors():
    assert run("--entry", "llama-3-8b").exit_code == 2
    result = run("--entry", "gpt-5", "--model", "x")
    assert result.exit_code == 2
    assert "pythia-70m" in result.stderr


def test_a_model_without_published_kinds(tmp_path):
    from safetensors.numpy import save_file

    weights = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    save_file({"something.weight": weights}, tmp_path / "model.safetensors")
    result = run("--model", str(tmp_path))
    assert result.exit_code == 0
    assert "has no kind of matrix that is published" in result.stdout
