"""Settings of a run: their sources, learning rates, and how optimisers apply weight decay."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from weightgauge.diagnosis import training_progress
from weightgauge.errors import RunError
from weightgauge.trajectory.optimizers import KNOWN, optimizer_of
from weightgauge.trajectory.settings import RunSettings
from weightgauge.trajectory.settings_sources import run_settings


def in_folder(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        ending = ".toml" if isinstance(content, str) else ".json"
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}{ending}").write_text(text)
    return str(folder)


# ---------------------------------------------------------------- learning rates


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup", [0, 100, 1000])
def test_sums_of_rates_are_those_of_the_steps(schedule, warmup):
    settings = RunSettings(
        lr=2e-3, weight_decay=0.1, schedule=schedule, final=0.3, warmup=warmup, steps=1000
    )
    rates = [settings.learning_rate(step) for step in range(1301)]
    middles = np.cumsum([(low + high) / 2 for low, high in pairwise(rates)])
    for step in (1, 50, 100, 101, 550, 999, 1000, 1300):
        # the trapezium rule on a smooth curve, with a corner of at most one step at the joints
        assert settings.rate_sum(step) == pytest.approx(middles[step - 1], rel=2e-4, abs=2e-3 / 2)
    assert settings.rate_sum(0) == 0


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_whole_runs_are_as_long_as_diagnose_says(schedule):
    settings = RunSettings(lr=1e-3, weight_decay=0.01, schedule=schedule, warmup=1430, steps=143000)
    expected = training_progress(1e-3, 0.01, 143000, schedule=schedule, warmup=1430)
    assert 0.01 * settings.rate_sum(143000) == pytest.approx(
        expected.scheduled_steps_per_tau, rel=1e-12
    )


def test_shape_of_schedules():
    cosine = RunSettings(lr=1.0, schedule="cosine", warmup=10, steps=110)
    assert [cosine.learning_rate(step) for step in (0, 5, 10)] == [0, 0.5, 1]
    assert cosine.learning_rate(60) == pytest.approx(0.55)  # half way between 1 and a tenth
    assert cosine.learning_rate(110) == cosine.learning_rate(10**6) == pytest.approx(0.1)
    line = RunSettings(lr=1.0, schedule="linear", steps=100)
    assert [line.learning_rate(step) for step in (0, 25, 100, 200)] == [1, 0.75, 0, 0]
    flat = RunSettings(lr=1.0, schedule="constant")
    assert (flat.learning_rate(10**9), flat.rate_sum(500)) == (1, 500)
    unknown = RunSettings(lr=1.0, schedule="cosine")  # it cannot be told how long it is
    assert math.isnan(unknown.learning_rate(5)) and math.isnan(unknown.rate_sum(5))


def test_rates_that_were_logged():
    settings = RunSettings(lr=4.0, logged=((10, 1.0), (20, 3.0), (40, 3.0)))
    assert [settings.learning_rate(step) for step in (0, 10, 15, 30, 99)] == [1, 1, 2, 3, 3]
    assert settings.rate_sum(10) == 10
    assert settings.rate_sum(15) == 10 + 7.5
    assert settings.rate_sum(50) == 10 + 20 + 60 + 30


# ---------------------------------------------------------------- where settings come from

ARGS = {
    "optim": "adamw_torch_fused",
    "learning_rate": 3e-4,
    "weight_decay": 0.1,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.03,
    "warmup_steps": 0,
    "max_steps": 1000,
    "seed": 42,
}


def test_arguments_of_the_trainer(tmp_path):
    found = run_settings([in_folder(tmp_path, training_args=ARGS)])
    assert found == RunSettings(
        optimizer="adamw_torch_fused",
        lr=3e-4,
        weight_decay=0.1,
        schedule="cosine",
        final=0.0,  # where the trainer's cosine ends
        warmup=30,
        steps=1000,
    )
    assert found.known_optimizer.name == "adamw"
    assert set(found.sources.values()) == {"training_args.json"}


@pytest.mark.parametrize(
    ("changes", "schedule", "final", "warmup"),
    [
        ({"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 7}, "constant", 1.0, 7),
        ({"lr_scheduler_type": "linear", "warmup_steps": 0.1}, "linear", 0.0, 100),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 3e-5}},
            "cosine",
            pytest.approx(0.1),
            30,
        ),
        ({"lr_scheduler_type": "inverse_sqrt"}, None, None, 30),
    ],
)
def test_schedules_of_the_trainer(tmp_path, changes, schedule, final, warmup):
    found = run_settings([in_folder(tmp_path, training_args=ARGS | changes)])
    assert (found.schedule, found.final, found.warmup) == (schedule, final, warmup)


def test_state_of_the_trainer(tmp_path):
    history = [{"step": 10, "learning_rate": 1e-4, "loss": 3}, {"step": 20, "learning_rate": 2e-4}]
    first = in_folder(tmp_path / "run", trainer_state={"max_steps": 50, "log_history": history[:1]})
    last = in_folder(tmp_path / "last", trainer_state={"max_steps": 50, "log_history": history})
    found = run_settings([first, last])
    assert (found.lr, found.steps) == (2e-4, 50)
    assert found.logged == ((10, 1e-4), (20, 2e-4))


def test_damaged_files_of_trainers_are_passed_over(tmp_path):
    for text in ("", "[]", '{"max_steps": ', '{"log_history": 5, "max_steps": "many"}'):
        (tmp_path / "trainer_state.json").write_text(text)
        (tmp_path / "training_args.json").write_text(text)
        assert run_settings([str(tmp_path)]) == RunSettings()
    odd = {"optim": 5, "learning_rate": -1, "weight_decay": "x", "max_steps": -1, "warmup_ratio": 2}
    assert run_settings([in_folder(tmp_path, training_args=odd)]) == RunSettings()


def test_later_sources_override_and_are_named(tmp_path):
    state = {"max_steps": 900, "log_history": [{"step": 1, "learning_rate": 9e-4}]}
    toml = "[training]\nlr = 1e-3\nschedule = 'linear'\nbatch_tokens = 4096\n"
    folder = in_folder(tmp_path, trainer_state=state, training_args=ARGS, weightgauge=toml)
    found = run_settings([folder], {"weight_decay": 0.2, "lr": None})
    assert (found.lr, found.schedule, found.weight_decay) == (1e-3, "linear", 0.2)
    assert (found.steps, found.batch_tokens) == (1000, 4096)
    assert found.sources["lr"] == str(tmp_path / "weightgauge.toml")
    assert found.sources["weight_decay"] == "options"
    assert found.sources["steps"] == "training_args.json"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[training]\nlearning_rate = 1", "unknown setting learning_rate. The settings are optim"),
        ("[train]\nlr = 1", "unknown: train"),
        ("lr = 1", "unknown: lr"),
        ("training = 5", "must be a table"),
        ("[training]\nlr = 0", "lr must be a positive number, not 0"),
        ("[training]\nlr = true", "lr must be a positive number, not True"),
        ("[training]\nlr = nan", "lr must be a positive number"),
        ("[training]\nweight_decay = -0.1", "weight_decay must be"),
        ("[training]\nschedule = 'poly'", "schedule must be one of constant, cosine, linear"),
        ("[training]\noptimizer = 'adawm'", "optimizer must be one of"),
        ("[training]\nwarmup = 1.5", "warmup must be a whole number"),
        ("[training]\nsteps = 0", "steps must be a whole number from 1 on"),
        ("[training]\nfinal = 2", "final must be a share"),
        ("[training]\nsteps = 10\nwarmup = 11", "longer than the run"),
        ("[training", "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
)
def test_toml_is_strict(tmp_path, toml, message):
    (tmp_path / "weightgauge.toml").write_bytes(toml.encode(errors="surrogateescape"))
    with pytest.raises(RunError) as caught:
        run_settings([str(tmp_path)])
    assert "weightgauge.toml" in str(caught.value)
    assert message in str(caught.value)


def test_options_are_strict():
    with pytest.raises(RunError, match="options: unknown setting rate"):
        run_settings([], {"rate": 1})
    with pytest.raises(RunError, match="options: optimizer must be one of"):
        run_settings([], {"optimizer": "adawm"})


# ---------------------------------------------------------------- optimisers


@pytest.mark.parametrize(
    ("name", "law", "decoupled", "held"),
    [
        ("adamw", True, True, False),
        ("paged_adamw_8bit", True, True, False),
        ("torch.optim.AdamW", True, True, False),
        ("lion_32bit", True, True, False),
        ("adam", False, False, False),  # L2
        ("sgd", False, True, False),  # fourth root
        ("adafactor", False, True, False),
        ("lamb", False, True, False),
        ("galore_adamw_8bit", None, True, False),
        ("schedule_free_adamw", None, True, False),
        ("muon", None, True, False),
        ("MuonH", False, False, True),
        ("hyperball", False, False, True),
        ("other", None, True, False),
    ],
)
def test_what_an_optimiser_makes_of_decay(name, law, decoupled, held):
    found = optimizer_of(name)
    assert (found.square_root_law, found.decoupled, found.norm_held) == (law, decoupled, held)
    assert found.reason


def test_unknown_optimisers():
    assert optimizer_of("adawm") is None
    assert all(optimizer_of(name).name == name for name in KNOWN)
