"""Where reports of a gauge go, without trainers: files, MLflow, and histograms for any of them."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gauged import Kept, model, run
from weightgauge.errors import MissingExtraError
from weightgauge.training import Gauge, JsonLines, MLflow
from weightgauge.training.gauge_maker import GaugeMaker
from weightgauge.training.sinks import magnitudes_by_kind
from weightgauge.trajectory.settings_sources import run_settings


def test_json_lines_are_complete_after_every_step(tmp_path):
    path = tmp_path / "deep" / "weights.jsonl"
    with Gauge(model(), every=1, sinks=[JsonLines(path)]) as gauge:
        for step in range(2):
            run(gauge, [step])
            lines = path.read_text().splitlines()
            assert [json.loads(line)["step"] for line in lines] == list(range(step + 1))
    document = json.loads(lines[-1])
    assert document["schema_version"] == 1
    assert [kind["kind"] for kind in document["kinds"]] == ["q", "k", "v", "o"]
    assert {"k", "k_se", "lambda", "rms", "dk", "onset"} <= document["kinds"][0].keys()


class StandInForMLflow:
    """Keeps what a client of MLflow is asked, and takes what its servers take."""

    def __init__(self):
        self.metrics, self.tags = [], {}

    def log_batch(self, run_id, metrics):
        assert len(metrics) <= 1000
        self.metrics += [(run_id, *metric) for metric in metrics]

    def set_tag(self, run_id, key, value):
        assert len(value) <= 5000
        self.tags[run_id, key] = value


def test_mlflow_gets_two_scalars_of_each_kind_and_findings_as_tags(monkeypatch):
    client = StandInForMLflow()
    package, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    package.MlflowClient = lambda: client
    entities.Metric = lambda key, value, timestamp, step: (key, value, step)
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    weights, kept = model(), Kept()
    named = SimpleNamespace(info=SimpleNamespace(run_id="abc"))
    with Gauge(weights, every=1, sinks=[MLflow(named), MLflow("d", prefix="w"), kept]) as gauge:
        run(gauge, [0], weights)
        weights["model.layers.1.self_attn.q_proj.weight"][3, 4] = np.nan
        run(gauge, [1])
    wanted = [
        (run_id, f"{prefix}/{name}/{kind.name}", value, report.step)
        for report in kept.reports
        for run_id, prefix in (("abc", "weights"), ("d", "w"))
        for kind in report.kinds
        for name, value in (("k", kind.k), ("ln_lambda", np.log(kind.lam)))
    ]
    assert sorted(client.metrics) == sorted(wanted)
    assert set(client.tags) == {("abc", "weights/findings/1"), ("d", "w/findings/1")}
    assert all(text.startswith("fault: ") for text in client.tags.values())


@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself_takes_what_it_gets(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    kept = Kept()
    with (
        mlflow.start_run() as active,
        Gauge(model(), every=1, sinks=[MLflow(active), kept]) as gauge,
    ):
        run(gauge, [0, 1])
    found = mlflow.MlflowClient().get_metric_history(active.info.run_id, "weights/k/q")
    assert [(each.step, each.value) for each in found] == [
        (report.step, report.kinds[0].k) for report in kept.reports
    ]


def test_mlflow_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="pip install mlflow"):
        MLflow("abc")


def test_magnitudes_of_a_kind_are_bucketed_without_losing_one():
    weights = model()
    sink = Kept()
    with Gauge(weights, every=1, sinks=[sink]) as gauge:
        run(gauge, [0])
    counts, edges, (first, second) = magnitudes_by_kind(sink.reports[0])["q"]
    values = np.concatenate(
        [np.abs(each).ravel() for name, each in weights.items() if "q_proj" in name]
    ).astype(np.float64)
    wanted, _ = np.histogram(values, edges)
    assert counts.tolist() == wanted.tolist() and counts.sum() == values.size
    assert first == pytest.approx(values.sum()) and second == pytest.approx((values**2).sum())


def test_arguments_of_a_trainer_are_kept_beside_the_record(tmp_path, caplog):
    arguments = {
        **{"optim": "adamw_torch", "learning_rate": 1e-3, "weight_decay": 0.1, "max_steps": -1},
        **{"lr_scheduler_type": "cosine", "warmup_steps": 10, "hub_token": "secret"},
    }
    maker = GaugeMaker({"record": tmp_path / "run"}, forces=False)
    maker.keep_arguments(arguments, 500)
    settings = run_settings([str(tmp_path / "run")])
    assert (settings.lr, settings.weight_decay, settings.steps) == (1e-3, 0.1, 500)
    assert (settings.schedule, settings.warmup) == ("cosine", 10)
    assert "secret" not in (tmp_path / "run" / "training_args.json").read_text()
    maker.keep_arguments({**arguments, "learning_rate": 2e-3}, 600)  # as when it is resumed
    assert run_settings([str(tmp_path / "run")]).lr == 2e-3
    GaugeMaker({}, forces=False).keep_arguments(arguments, 500)  # nothing is recorded
    assert not caplog.records
    (tmp_path / "file").touch()
    GaugeMaker({"record": tmp_path / "file"}, forces=False).keep_arguments(arguments, 500)
    assert len(caplog.records) == 1  # and training goes on
