"""Which models a run has, and their steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders import TWO_FLOATS, safetensors_bytes, write_files
from hub_server import running_hub
from weightgauge.errors import ModelNotFoundError, RunError
from weightgauge.trajectory.run import find_run
from weightgauge.trajectory.step_names import step_of_name

WEIGHTS = safetensors_bytes({"w": TWO_FLOATS})


def folder_of(path: Path, *names: str) -> Path:
    return write_files(path, {f"{name}/model.safetensors": WEIGHTS for name in names})


def steps_of(run):
    return [each.step for each in run.steps]


def ids(run):
    return [finding.id for finding in run.findings]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("step500", 500),
        ("step_000500", 500),
        ("Step-500", 500),
        ("global_step500", 500),
        ("iter_0000500", 500),
        ("epoch=2-step=500", 500),
        ("epoch=2-step=500.ckpt", 500),
        ("checkpoint-epoch3-step500", 500),
        ("ep0-ba500-rank0", 500),
        ("500", 500),
        ("weights-step500.wghist", 500),
        ("step1000-tokens4B", 1000),
        ("stage1-step1000-tokens5B", 1000),
        ("step0", 0),
        # an epoch is no step, and nobody knows what letters behind a number mean
        ("epoch-3", None),
        ("step_10k", None),
        ("step1.5", None),
        ("checkpoint-7b", None),
        ("footstep5", None),
        ("model-00001-of-00002.safetensors", None),
        ("final", None),
        ("step", None),
    ],
)
def test_step_of_a_name(name: str, step: int | None) -> None:
    assert step_of_name(name) == step


def test_a_folder_in_the_order_of_numbers(tmp_path: Path) -> None:
    folder_of(tmp_path, "checkpoint-1000", "checkpoint-90", "checkpoint-500", "runs", "logs/tb")
    run = find_run(tmp_path)
    assert steps_of(run) == [90, 500, 1000]
    assert {each.source for each in run.steps} == {"name"}
    assert run.folders == (str(tmp_path), str(tmp_path / "checkpoint-1000"))


def test_histogram_files_and_files_in_folders(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "step-20.wghist": b"x",
            "step-3.wghist": b"x",
            "step-100/weights.wghist": b"x",
            "step40.safetensors": WEIGHTS,
        },
    )
    run = find_run(str(tmp_path))
    assert steps_of(run) == [3, 20, 40, 100]
    assert run.steps[-1].shown.endswith("step-100/weights.wghist")
    assert run.findings == ()


def test_steps_from_the_trainers_state(tmp_path: Path) -> None:
    folder_of(tmp_path, "first", "second", "third")
    for name, state in (
        ("first", '{"global_step": 20, "log_history": [{"loss": NaN}, {"loss": -Infinity}]}'),
        ("second", '{"global_step": 7}'),
        ("third", '{"global_step": '),
    ):
        (tmp_path / name / "trainer_state.json").write_text(state)
    run = find_run(tmp_path)
    assert steps_of(run) == [7, 20]
    assert {each.source for each in run.steps} == {"trainer_state.json"}
    assert ids(run) == ["step-unknown"]
    assert "third" in run.findings[0].message


def test_the_model_beside_its_steps(tmp_path: Path) -> None:
    """A trainer leaves the last model in the run's folder too: a step only if it is a new one."""
    folder_of(tmp_path, "checkpoint-10", "checkpoint-20")
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    assert (steps_of(find_run(tmp_path)), ids(find_run(tmp_path))) == ([10, 20], ["step-unknown"])
    state = tmp_path / "trainer_state.json"
    state.write_text('{"global_step": 20}')
    assert (steps_of(find_run(tmp_path)), ids(find_run(tmp_path))) == ([10, 20], [])
    state.write_text('{"global_step": 25}')
    assert steps_of(find_run(tmp_path)) == [10, 20, 25]


def test_lists_and_globs(tmp_path: Path, monkeypatch) -> None:
    folder_of(tmp_path, "a/step10", "b/step2", "b/other")
    paths = [tmp_path / "a/step10", tmp_path / "b/step2"]
    assert steps_of(find_run(paths)) == [2, 10]
    assert steps_of(find_run(str(tmp_path / "*" / "step*"))) == [2, 10]
    monkeypatch.chdir(tmp_path)
    assert steps_of(find_run("a/step1?")) == [10]
    with pytest.raises(RunError, match=r"nothing\.\*: nothing matches"):
        find_run("./nothing.*")


def test_steps_that_are_given(tmp_path: Path) -> None:
    folder_of(tmp_path, "a", "b", "c")
    assert steps_of(find_run(tmp_path, steps=[30, 10, 20])) == [10, 20, 30]
    assert find_run(tmp_path, steps=[30, 10, 20]).steps[0].shown.endswith("b")
    assert steps_of(find_run({5: tmp_path / "a", 3: tmp_path / "b"})) == [3, 5]
    with pytest.raises(RunError, match="2 steps are given for 3 models"):
        find_run(tmp_path, steps=[1, 2])
    for wrong in (-1, 1.5, True, 10**16):
        with pytest.raises(RunError, match="a step is a whole number"):
            find_run({wrong: tmp_path / "a"})


def test_no_steps(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no step can be told"):
        find_run(folder_of(tmp_path / "one", "a"))
    with pytest.raises(RunError, match="no steps"):
        find_run([])
    with pytest.raises(RunError, match=r"no step can be told for .*a; .*--steps|--steps"):
        find_run([tmp_path / "one" / "a"])
    with pytest.raises(ModelNotFoundError, match="no file or directory"):
        find_run(str(tmp_path / "none"))


def test_a_folder_without_steps_says_what_it_holds(tmp_path: Path) -> None:
    def told(folder: Path) -> str:
        with pytest.raises(RunError) as error:
            find_run(str(folder))
        return str(error.value)

    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"{empty}: no steps" in told(empty)
    assert "holds no model and no checkpoint" in told(empty)
    for name in ("one", "two"):
        weights = tmp_path / "runs" / name / "weights"
        weights.mkdir(parents=True)
        for step in (0, 10):
            (weights / f"step-{step}.wghist").touch()
    for above in (tmp_path / "runs", tmp_path / "runs" / "one"):
        assert f"It holds runs, such as {tmp_path / 'runs' / 'one' / 'weights'}" in told(above)
    models = tmp_path / "models"
    for name in ("first", "final"):
        (models / name).mkdir(parents=True)
        (models / name / "model.safetensors").touch()
    assert "no step can be told for final, first" in told(models)
    assert "--steps" in told(models)


def test_one_step_is_a_run(tmp_path: Path) -> None:
    folder_of(tmp_path, "checkpoint-500")
    # what DeepSpeed leaves in it has the same number, and is no run of its own
    (tmp_path / "checkpoint-500" / "global_step500").mkdir()
    for asked in (tmp_path, tmp_path / "checkpoint-500"):
        assert steps_of(find_run(asked)) == [500]
        assert find_run(asked).folders[0] == str(tmp_path)


def test_a_step_that_occurs_twice_is_told(tmp_path: Path) -> None:
    folder_of(tmp_path, "checkpoint-500", "step500", "step600")
    run = find_run(tmp_path)
    assert steps_of(run) == [500, 600]
    assert run.steps[0].shown.endswith("checkpoint-500")
    (finding,) = run.findings
    assert (finding.id, finding.level, finding.step) == ("duplicate-step", "warning", 500)
    assert "step500" in finding.message


def test_unfinished_and_empty_steps(tmp_path: Path) -> None:
    folder_of(tmp_path, "checkpoint-10", "tmp-checkpoint-20")
    (tmp_path / "checkpoint-30").mkdir()  # its files are still to come
    assert steps_of(find_run(tmp_path)) == [10, 30]


# ---------------------------------------------------------------- the Hub

CHILD = """
import json, sys
from weightgauge.scanning import fit
from weightgauge.errors import WeightgaugeError
from weightgauge.trajectory.run import find_run
from weightgauge.trajectory.settings_sources import run_settings

try:
    run = find_run(json.loads(sys.argv[1]))
    settings = run_settings(run.folders)
    for each in run.steps:
        fit(each.model)
except WeightgaugeError as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
else:
    print(json.dumps({
        "steps": [[each.step, each.model] for each in run.steps],
        "findings": [each.message for each in run.findings],
        "settings": settings.to_dict(),
    }))
"""


def on_hub(hub, home: Path, asked, **settings):
    """Find a run in a fresh process, since the client reads its settings when it is imported."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("HF_")}
    kept = {key: text for key, text in kept.items() if not key.lower().endswith("_proxy")}
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(asked)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,  # against a hang
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_revisions_on_the_hub(tmp_path: Path) -> None:
    with running_hub() as hub:
        for name in ("main", "step1000", "step20", "step3-tokens1B", "step-final"):
            hub.add("org/tiny", {"model.safetensors": WEIGHTS}, revision=name)
        found = on_hub(hub, tmp_path, "org/tiny@step*")
        assert found["steps"] == [
            [3, "hf://org/tiny@step3-tokens1B"],
            [20, "hf://org/tiny@step20"],
            [1000, "hf://org/tiny@step1000"],
        ]
        assert len(found["findings"]) == 1
        assert "step-final" in found["findings"][0]
        listed = on_hub(hub, tmp_path, ["org/tiny@step20", "hf://org/tiny@step1000"])
        assert [step for step, _ in listed["steps"]] == [20, 1000]
        none = on_hub(hub, tmp_path, "org/tiny@iter*")
        assert (none["error"], "iter*" in none["message"]) == ("RunError", True)
        assert on_hub(hub, tmp_path, "org/tiny")["error"] == "RunError"
        assert on_hub(hub, tmp_path, "org/none@step*")["error"] == "ModelNotFoundError"
        hub.status = 503  # what was fetched can be listed without the Hub
        cached = on_hub(hub, tmp_path, "org/tiny@step*")
        assert [step for step, _ in cached["steps"]] == [3, 20, 1000]
        fresh = on_hub(hub, tmp_path, "org/tiny@step*", HF_HOME=str(tmp_path / "fresh"))
        assert fresh["error"] == "HubUnreachableError"


def test_settings_of_revisions_on_the_hub(tmp_path: Path) -> None:
    def files(step):
        state = {"global_step": step, "max_steps": 500, "log_history": []}
        arguments = {"optim": "adamw_torch", "learning_rate": 1e-3, "weight_decay": 0.1}
        return {
            "model.safetensors": WEIGHTS,
            "trainer_state.json": json.dumps(state).encode(),
            "training_args.json": json.dumps(arguments).encode(),
            "training_args.bin": b"\x80\x02pickle",
            "README.md": b"# tiny",
        }

    with running_hub() as hub:
        for step in (100, 200):
            hub.add("org/tiny", files(step), revision=f"step{step}")
        hub.add("org/tiny", files(300), revision="main")
        found = on_hub(hub, tmp_path, "org/tiny@step*")
        assert [step for step, _ in found["steps"]] == [100, 200]
        wanted = {"optimizer": "adamw_torch", "lr": 1e-3, "weight_decay": 0.1, "steps": 500}
        assert {name: found["settings"][name] for name in wanted} == wanted
        assert found["settings"]["sources"]["lr"] == "training_args.json"
        # those of the last step alone, and no pickle; equal weights are fetched once
        assert hub.asked_for() == ["model.safetensors", "trainer_state.json", "training_args.json"]
        # where no name tells the step, the trainer does
        everything = on_hub(hub, tmp_path, "org/tiny@*")
        assert [step for step, _ in everything["steps"]] == [100, 200, 300]
        assert everything["findings"] == []
        one = on_hub(hub, tmp_path, "org/tiny")
        assert one["steps"] == [[300, "org/tiny"]]
        hub.status = 503  # from the cache
        cached = on_hub(hub, tmp_path, ["org/tiny@step100", "org/tiny@step200"])
        assert cached["settings"]["lr"] == 1e-3


def test_a_person_may_write_settings_into_a_revision(tmp_path: Path) -> None:
    toml = b"[training]\nlr = 2e-3\n"
    with running_hub() as hub:
        for name in ("s", "step5"):
            files = {"model.safetensors": WEIGHTS, "weightgauge.toml": toml}
            hub.add("org/tiny", files, revision=name)
        found = on_hub(hub, tmp_path, "org/tiny@step5")
        assert found["settings"]["lr"] == 2e-3
        # a model that there is not is told, rather than that its step is not known
        assert on_hub(hub, tmp_path, "org/none")["error"] == "ModelNotFoundError"
        assert on_hub(hub, tmp_path, "org/tiny@s")["error"] == "RunError"
