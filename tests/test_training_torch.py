"""A gauge in loops of PyTorch, transformers and Lightning, and what it hands to other tools."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import weightgauge as wg  # noqa: E402
from weightgauge.training import ExperimentRun, Gauge, JsonLines, TensorBoard  # noqa: E402
from weightgauge.training.norm_forces import NormForces  # noqa: E402
from weightgauge.training.sinks import magnitudes_by_kind  # noqa: E402


class Kept:
    def __init__(self):
        self.reports = []

    def write(self, report):
        self.reports.append(report)

    def close(self):
        pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(64, 32)
        self.mlp = nn.ModuleDict({"up_proj": nn.Linear(32, 64), "down_proj": nn.Linear(64, 32)})
        self.lm_head = nn.Linear(32, 64, bias=False)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        return self.lm_head(x + self.mlp["down_proj"](self.mlp["up_proj"](x).relu()))


def steps_of(model, optimizer, count):
    draw = torch.Generator().manual_seed(0)
    for _ in range(count):
        tokens = torch.randint(64, (4, 9), generator=draw)
        logits = model(tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


def test_a_plain_loop():
    torch.manual_seed(0)
    model = Net()
    sink = Kept()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    with Gauge(model, every=2, sinks=[sink]) as gauge:
        gauge.step(0)
        for step, _ in enumerate(steps_of(model, optimizer, 4), 1):
            gauge.wait()
            gauge.step(step)
    assert [report.step for report in sink.reports] == [0, 2, 4]
    assert sink.reports[0].fit.to_dicts() == wg.fit(before).to_dicts()
    assert sink.reports[-1].fit.to_dicts() == wg.fit(model).to_dicts()
    assert sink.reports[0].histograms.model == "Net"


@pytest.mark.parametrize("groups", [False, True])
def test_forces_are_those_of_the_optimisers_step(groups):
    torch.manual_seed(0)
    model = Net()
    up, down = model.mlp["up_proj"].weight, model.mlp["down_proj"].weight
    others = [each for each in model.parameters() if each is not up and each is not down]
    optimizer = torch.optim.AdamW(
        [
            {"params": [up], "lr": 1e-2, "weight_decay": 0.3},
            {"params": [down], "weight_decay": 0.1},
            {"params": others},
        ]
        if groups
        else model.parameters(),
        lr=3e-3,
        weight_decay=0.2,
    )
    sink = Kept()
    gauge = Gauge(model, every=3, sinks=[sink], optimizer=optimizer)
    gauge.step(0)
    for step, _ in enumerate(steps_of(model, optimizer, 3), 1):
        gauge.wait()
        if step == 2:  # what the next step is made of, by AdamW's own formula
            first = {
                each: (each.detach().double().clone(), dict(optimizer.state[each]))
                for each in (up, down)
            }
        gauge.step(step)
    gauge.close()
    assert not sink.reports[0].forces
    forces = sink.reports[1].forces
    for parameter, kind in ((up, "ffn_in"), (down, "ffn_out")):
        weights, _ = first[parameter]
        group = next(
            each
            for each in optimizer.param_groups
            if any(member is parameter for member in each["params"])
        )
        state = optimizer.state[parameter]
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"].double() / (1 - beta1**3)
        square = state["exp_avg_sq"].double() / (1 - beta2**3)
        update = mean / (square.sqrt() + group["eps"])
        lr, decay = group["lr"], group["weight_decay"]
        found = forces[None, kind]
        assert found.decay == pytest.approx(-2 * lr * decay * float(weights.pow(2).sum()))
        assert found.injection == pytest.approx(lr**2 * float(update.pow(2).sum()), rel=1e-4)
        alignment = -2 * lr * float((weights * update).sum())
        assert found.alignment == pytest.approx(alignment, rel=1e-3, abs=1e-6)
        after = float(parameter.detach().double().pow(2).sum())
        assert found.change == pytest.approx(after - float(weights.pow(2).sum()), rel=1e-9)
        assert abs(found.closure_error) < 1e-9 * float(weights.pow(2).sum())
        norms = found.decay + found.injection + found.alignment + found.crossed
        assert norms == pytest.approx(found.change, rel=1e-9)


def test_forces_of_other_optimisers_are_not_split_and_that_is_said(caplog):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), weight_decay=0.1)
    forces = NormForces(model, optimizer, lambda: True)
    with caplog.at_level(logging.WARNING, "weightgauge.training"):
        for _ in steps_of(model, optimizer, 2):
            assert forces.take() == {}
    assert len(caplog.records) == 1 and "Adam" in caplog.text
    forces.close()
    decoupled = torch.optim.Adam(model.parameters(), weight_decay=0.1, decoupled_weight_decay=True)
    forces = NormForces(model, decoupled, lambda: True)
    for _ in steps_of(model, decoupled, 1):
        assert forces.take()
    forces.close()


def test_copies_from_a_gpu_are_made_beside_what_it_computes(monkeypatch):
    """No GPU here: its streams are stood in for, and note in which order they are called."""
    from weightgauge.training import snapshots

    order = []

    class Event:
        def __init__(self, name):
            self.name = name

        def synchronize(self):
            order.append(f"thread waits for {self.name}")

    class Stream:
        def __init__(self, name="side", device=None):
            self.name = name

        def wait_stream(self, other):
            order.append(f"{self.name} waits for {other.name}")

        def record_event(self):
            order.append(f"{self.name} marks")
            return Event(self.name)

        def wait_event(self, event):
            order.append(f"{self.name} waits for mark of {event.name}")

    @contextlib.contextmanager
    def stream(which):
        order.append(f"on {which.name}")
        yield
        order.append(f"off {which.name}")

    cuda = types.SimpleNamespace(
        current_stream=lambda device: Stream("computing"), Stream=Stream, stream=stream
    )
    monkeypatch.setattr(torch, "cuda", cuda)
    tensor = torch.randn(3, 4).t()
    buffer = torch.empty(4, 3)
    real = buffer.copy_

    class Noting:
        def copy_(self, source, non_blocking):
            order.append(f"copy {non_blocking}")
            real(source)

    wait = snapshots._copied_beside("cuda:0", [(tensor, Noting())])
    assert order == [
        "side waits for computing",
        "on side",
        "copy True",
        "off side",
        "side marks",
        "computing waits for mark of side",
    ]
    wait()
    assert order[-1] == "thread waits for side" and torch.equal(buffer, tensor)


def measured(sink):
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    kept = Kept()
    with Gauge(model, every=1, sinks=[sink, kept], alerts=None) as gauge:
        gauge.step(0)
        for step, _ in enumerate(steps_of(model, optimizer, 2), 1):
            gauge.wait()
            if step == 2:
                with torch.no_grad():
                    model.lm_head.weight[0, 0] = math.nan
            gauge.step(step)
    return kept.reports


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_gets_two_scalars_and_a_histogram_of_each_kind(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reports = measured(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path), {"scalars": 0, "histograms": 0, "tensors": 0})
    events.Reload()
    for kind in reports[0].kinds:
        values = [now for report in reports for now in report.kinds if now.name == kind.name]
        found = events.Scalars(f"weights/k/{kind.name}")
        assert [each.value for each in found] == pytest.approx([now.k for now in values], rel=1e-6)
        assert [each.step for each in found] == [0, 1, 2][: len(values)]
        scales = [each.value for each in events.Scalars(f"weights/ln_lambda/{kind.name}")]
        assert scales == pytest.approx([math.log(now.lam) for now in values], rel=1e-5)
        first = events.Histograms(f"weights/magnitudes/{kind.name}")[0].histogram_value
        counts, _, _ = magnitudes_by_kind(reports[0])[kind.name]
        assert sum(first.bucket) == counts.sum() == first.num
    assert "weights/findings/text_summary" in events.Tags()["tensors"]


@pytest.mark.filterwarnings("ignore")
def test_wandb_gets_the_same_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(mode="offline", dir=tmp_path, project="test")
    alerts = []
    monkeypatch.setattr(run, "alert", lambda **given: alerts.append(given), raising=False)
    reports = measured(ExperimentRun(run))
    summary = dict(run.summary)
    run.finish()
    last = reports[-1]
    assert summary["weights/step"] == 2
    for kind in last.kinds:
        assert summary[f"weights/k/{kind.name}"] == pytest.approx(kind.k)
        assert f"weights/log10_magnitudes/{kind.name}" in summary
    assert [(each["title"], each["level"].value) for each in alerts] == [("non-finite", "ERROR")]


@pytest.mark.filterwarnings("ignore")
def test_trackio_gets_the_same():
    trackio = pytest.importorskip("trackio")

    class Run(trackio.Run):  # without its server
        def __init__(self):
            self.logged, self.alerts = [], []

        def log(self, metrics, step=None):
            self.logged.append(metrics)

        def alert(self, title, text=None, level=None, webhook_url=None):
            self.alerts.append((title, level))

    Run.__module__ = "trackio.run"
    run = Run()
    reports = measured(ExperimentRun(run))
    assert [each["weights/step"] for each in run.logged] == [0, 1, 2]
    kind = reports[0].kinds[0]
    assert run.logged[0][f"weights/k/{kind.name}"] == kind.k
    histogram = run.logged[0][f"weights/log10_magnitudes/{kind.name}"]
    assert isinstance(histogram, trackio.Histogram)
    assert run.alerts == [("non-finite", trackio.AlertLevel.ERROR)]


def rows(count=64):
    draw = np.random.default_rng(0)
    return [{"input_ids": ids, "labels": ids} for ids in draw.integers(0, 64, (count, 8)).tolist()]


@pytest.mark.filterwarnings("ignore")
def test_the_trainer_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from weightgauge.training import TrainerCallback

    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2, n_positions=8)
    model = transformers.GPT2LMHeadModel(config)
    start = wg.fit(model).to_dicts()

    def train(steps, resume, sink):
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=steps,
            save_steps=4,
            learning_rate=1e-3,
            weight_decay=0.1,
            per_device_train_batch_size=2,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        callback = TrainerCallback(
            every=2, sinks=[sink], record=tmp_path / "weights", forces=True, alerts=None
        )
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=rows(), callbacks=[callback]
        )
        trainer.train(resume_from_checkpoint=resume)

    sink = Kept()
    train(5, None, sink)
    steps = [report.step for report in sink.reports]
    assert steps[0] == 0 and steps[-1] == 5 and set(steps) <= {0, 2, 4, 5}
    assert sink.reports[0].fit.to_dicts() == start
    assert sink.reports[-1].fit.to_dicts() == wg.fit(model).to_dicts()
    found = wg.track(tmp_path / "weights")
    assert found.steps == tuple(steps)
    assert (found.needs, found.law) == ((), "")
    assert found.progress[-1].steps_per_tau == pytest.approx(5 * 1e-3 * 0.1)
    assert (found.settings.schedule, found.settings.steps) == ("linear", 5)
    again = Kept()
    train(8, str(tmp_path / "out" / "checkpoint-4"), again)
    first, later = sink.reports[0], again.reports[-1]
    assert later.step == 8
    assert wg.track(tmp_path / "weights").settings.steps == 8
    for kind, now in zip(first.kinds, later.kinds, strict=True):
        assert now.dk == pytest.approx(now.k - kind.k, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_the_trainer_of_lightning(tmp_path):
    lightning = pytest.importorskip("lightning")
    from weightgauge.training import LightningCallback

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Net()

        def training_step(self, batch, _):
            logits = self.model(batch[:, :-1])
            return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-2)

    torch.manual_seed(0)
    data = torch.utils.data.DataLoader(torch.randint(64, (24, 9)), batch_size=2)
    sink = Kept()
    callback = LightningCallback(
        every=2,
        sinks=[sink, JsonLines(tmp_path / "weights.jsonl")],
        model=lambda module: module.model,
        forces=True,
    )
    module = Module()
    trainer = lightning.Trainer(
        max_steps=5,
        accelerator="cpu",
        callbacks=[callback],
        accumulate_grad_batches=2,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, data)
    steps = [report.step for report in sink.reports]
    assert steps[0] == 0 and steps[-1] == 5 and set(steps) <= {0, 2, 4, 5}
    assert sink.reports[-1].fit.to_dicts() == wg.fit(module.model).to_dicts()
    lines = (tmp_path / "weights.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == steps
    state = callback.state_dict()
    assert state["gauge"]["last_step"] == 5
    fresh = LightningCallback(every=2)
    fresh.load_state_dict(json.loads(json.dumps(state)))
    assert fresh.state_dict()["gauge"] == state["gauge"]


@pytest.mark.parametrize(
    ("module", "name", "package"),
    [
        ("transformers", "TrainerCallback", "transformers"),
        ("lightning", "LightningCallback", "lightning"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(module, name, package, monkeypatch):
    import importlib
    import sys

    import weightgauge.training as training

    for each in [each for each in sys.modules if each.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, each)
    monkeypatch.setitem(sys.modules, module, None)
    submodule = training._MODULES[name]
    monkeypatch.delitem(sys.modules, f"weightgauge.training.{submodule}", raising=False)
    with pytest.raises(wg.errors.MissingExtraError, match=rf"{package} .*weightgauge\[train\]"):
        importlib.import_module(f"weightgauge.training.{submodule}")


def test_tensorboard_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(wg.errors.MissingExtraError, match=r"weightgauge\[train\]"):
        TensorBoard(tmp_path)


def test_wrong_options_of_callbacks_are_told_before_training(tmp_path):
    pytest.importorskip("transformers")
    from weightgauge.training import TrainerCallback

    with pytest.raises(ValueError, match="every"):
        TrainerCallback(every=0)
