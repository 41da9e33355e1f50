"""What the system does not read is an error that says so, and no model without that file."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import TWO_FLOATS, index_bytes, safetensors_bytes, write_files
from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import UnreadableFileError
from weightgauge.trajectory import track

FAULTS = (errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ESTALE, errno.EACCES)
INDEX = "model.safetensors.index.json"
FILES = {
    "model-00001-of-00001.safetensors": safetensors_bytes({"w": TWO_FLOATS}),
    INDEX: index_bytes({"w": "model-00001-of-00001.safetensors"}),
    "config.json": b'{"model_type": "tiny"}',
    "adapter_config.json": b"{}",
    "trainer_state.json": b'{"global_step": 3}',
    "training_args.json": b"{}",
}

CASES = [
    *((name, "lstat") for name in ("config.json", "adapter_config.json")),
    *(
        (name, call)
        for name in ("config.json", "adapter_config.json", INDEX, next(iter(FILES)))
        for call in ("stat", "open", "fstat", "pread")
    ),
]

Fail = Callable[[str, str, int], None]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Make one call of the system fail for files of one name."""

    def install(call: str, name: str, code: int) -> None:
        real, real_open = getattr(os, call), os.open
        concerned: set[int] = set()

        def noted(path: Any, *rest: Any, **more: Any) -> int:
            descriptor = real_open(path, *rest, **more)
            concerned.discard(descriptor)
            if os.path.basename(path) == name:
                concerned.add(descriptor)
            return descriptor

        def failing(what: Any, *rest: Any, **more: Any) -> Any:
            by_path = isinstance(what, str) and os.path.basename(what) == name
            if by_path or (isinstance(what, int) and what in concerned):
                raise OSError(code, os.strerror(code), what if by_path else None)
            return real(what, *rest, **more)

        if call in ("pread", "fstat"):
            monkeypatch.setattr(os, "open", noted)
        monkeypatch.setattr(os, call, failing)

    return install


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize(("name", "call"), CASES)
def test_fault_while_a_model_is_opened(
    tmp_path: Path, fail: Fail, name: str, call: str, code: int
) -> None:
    write_files(tmp_path, FILES)
    fail(call, name, code)
    with pytest.raises(UnreadableFileError, match=os.strerror(code)) as caught:
        open_checkpoint(tmp_path)
    assert name in str(caught.value)


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["stat", "open", "pread"])
@pytest.mark.parametrize("name", ["trainer_state.json", "training_args.json"])
def test_fault_while_the_files_of_a_trainer_are_read(
    tmp_path: Path, fail: Fail, name: str, call: str, code: int
) -> None:
    write_files(tmp_path / "run", FILES)
    fail(call, name, code)
    with pytest.raises(UnreadableFileError, match=os.strerror(code)) as caught:
        track(tmp_path / "run")
    assert name in str(caught.value)


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_path_that_the_system_does_not_tell_of_is_no_model_on_the_hub(
    tmp_path: Path, fail: Fail, code: int
) -> None:
    fail("lstat", "name", code)
    with pytest.raises(UnreadableFileError, match=os.strerror(code)):
        open_checkpoint("org/name")


@pytest.mark.parametrize("folder", ["model", "part"])
@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO], ids=errno.errorcode.get)
def test_directory_that_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, folder: str
) -> None:
    model = write_files(tmp_path / "model", FILES)
    (model / "part").mkdir()
    real = os.scandir

    def failing(path: Any) -> Any:
        if os.path.basename(path) == folder:
            raise OSError(code, os.strerror(code))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(UnreadableFileError, match=os.strerror(code)):
        open_checkpoint(model)


def test_no_configuration_is_no_fault(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors": FILES["model-00001-of-00001.safetensors"]})
    opened = open_checkpoint(tmp_path)
    assert opened.config is None
    assert opened.findings == ()


# ---------------------------------------------------------------- many files, few descriptors

SHARDS = 300
MEASURED = """
import resource, sys
import weightgauge
import weightgauge.scanning, numpy
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), hard))
found = weightgauge.fit(sys.argv[1], io=sys.argv[3], threads=2)
print([(item.tensor, item.k) for item in found.slices])
"""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    rng = np.random.default_rng(0)
    for i in range(SHARDS):
        tensor = rng.standard_normal((16, 16)).astype("<f4").tobytes()
        name = f"model-{i + 1:05d}-of-{SHARDS:05d}.safetensors"
        text = {f"model.layers.{i}.mlp.up_proj.weight": ("F32", [16, 16], tensor)}
        (folder / name).write_bytes(safetensors_bytes(text))
    return folder


def measured(folder: Path, limit: int, io: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder), str(limit), io],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_more_shards_than_the_process_may_open(sharded: Path, io: str) -> None:
    limit = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert measured(sharded, 64, io) == measured(sharded, limit, io)
