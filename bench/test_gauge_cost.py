"""What a gauge costs a training loop, beside no gauge and beside what others log of weights."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import weightgauge as wg
from interleaving import Beside
from weightgauge.training import Gauge

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

import train_bytes  # noqa: E402

EVERY = 100
GROUP = f"{EVERY} steps of training a million weights, weights looked at once"


class Loop:
    """A model in training on one thread, and what looks at its weights."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = train_bytes.ByteModel()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.step = 0
        context = train_bytes.CONTEXT
        self.rows = torch.randint(256, (train_bytes.BATCH, context + 1))

    def run(self, after=None):
        for _ in range(EVERY):
            logits = self.model(self.rows[:, :-1])
            targets = self.rows[:, 1:].flatten()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            if after is not None:
                after(self.step)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore")
def test_a_gauge_beside_others(measure, one_thread, tmp_path, monkeypatch):
    plain, gauged = Loop(), Loop()
    beside = {"no gauge": Beside(plain.run)}
    closing = []
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        pass
    else:
        written = Loop()
        writer = SummaryWriter(tmp_path / "tensorboard")
        closing.append(writer.close)

        def add_histograms(step):
            if step % EVERY == 0:
                for name, value in written.model.named_parameters():
                    writer.add_histogram(name, value, step)
                    writer.add_histogram(f"{name}.grad", value.grad, step)

        beside["TensorBoard add_histogram"] = Beside(lambda: written.run(add_histograms))
    try:
        import wandb
    except ImportError:
        pass
    else:
        monkeypatch.setenv("WANDB_SILENT", "true")
        watched = Loop()
        run = wandb.init(mode="offline", dir=tmp_path, project="bench")
        run.watch(watched.model, log="all", log_freq=EVERY)
        closing.append(run.finish)
        beside["wandb.watch"] = Beside(lambda: watched.run(lambda step: run.log({"step": step})))
    gauge = Gauge(gauged.model, every=EVERY)
    weights = sum(value.numel() for value in gauged.model.parameters())
    try:
        measure(
            lambda: gauged.run(gauge.step),
            beside,
            group=GROUP,
            what="every 100 steps",
            threads=1,
            nbytes=4 * weights,
            elements=weights,
        )
        gauge.close()
    finally:
        for close in closing:
            close()
    assert gauge.skipped == 0 and gauge.last.step == gauged.step
    assert gauge.last.fit.to_dicts() == wg.fit(gauged.model).to_dicts()


def test_a_thousand_tensors_of_a_megabyte(measure, monkeypatch):
    """The loop waits for copies alone: counting is left out here, and would be another thread's."""
    block = np.random.default_rng(0).normal(size=(1 << 18) + 1000).astype(np.float32)
    tensors = {
        f"layers.{i}.mlp.up_proj.weight": block[i : i + (1 << 18)].reshape(512, 512)
        for i in range(1000)
    }
    buffers = [np.empty((512, 512), np.float32) for _ in tensors]
    threads = set()

    def count(*_rest, **_more):
        threads.add(threading.get_ident())
        raise RuntimeError("not counted")

    monkeypatch.setattr("weightgauge.training.gauge.kept_histograms", count)
    gauge = Gauge(tensors, every=1)
    step = iter(range(1 << 20))

    def due():
        begun = gauge.step(next(step))
        gauge.wait()
        return begun

    def copies():
        for buffer, value in zip(buffers, tensors.values(), strict=True):
            np.copyto(buffer, value)

    due()  # makes the buffers, and surveys the model
    assert measure(
        due,
        {"copies alone": Beside(copies)},
        group="a step at which 1,000 tensors of 1 MB are measured",
        what="time in the loop",
        threads=1,
        nbytes=4 * len(tensors) << 18,
        elements=len(tensors) << 18,
    )
    gauge.close()
    assert threads and threading.get_ident() not in threads
