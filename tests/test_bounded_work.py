"""Work that grows with the size of its input and no faster: only a hang fails here, no time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from builders import pack

# Where any part of the work grew with the square of these sizes, it took several minutes.
LIMIT_S = 120
BYTES = 1_000_000
TENSORS = 60_000

SURVEYED = """
import sys
from weightgauge.anatomy.survey import survey
from weightgauge.checkpoint import open_checkpoint

opened = open_checkpoint(sys.argv[1])
found = survey(opened)
print(len(opened.tensors))
"""

LONG = {
    "numbers": [".1" * (BYTES // 2) + ".weight"],
    "blocks": ["layers.0." * (BYTES // 9) + "weight"],
    "stages": ["layers.0.blocks.0." * (BYTES // 18) + "weight"],
    "experts": ["experts.0." * (BYTES // 10) + "weight"],
    "named_experts": [".expert_1" * (BYTES // 9) + ".weight"],
    "kinds": ["q_proj." * (BYTES // 7) + "weight"],
    "factors": [f"{name}." * (BYTES // 7) + "weight" for name in ("lora_A", "lora_B")],
    "flat_factors": ["lora_unet" + "_down_blocks_0" * (BYTES // 14) + ".lora_down.weight"],
    "scales": ["weight_scale_inv" * (BYTES // 16), "weight" * (BYTES // 6)],
}
MANY = {
    "stages": "layers.{}.blocks.0.weight",
    "towers": "tower{}.layers.0.self_attn.q_proj.weight",
    "experts": "model.layers.0.mlp.experts.{}.up_proj.weight",
    "scales": "model.layers.{}.mlp.up_proj.weight_scale",
}


def surveyed(path: Path, names: list[str]) -> int:
    fields = ['{"dtype":"BF16","shape":[0,8],"data_offsets":[0,0]}'] * len(names)
    table = ",".join(f'"{name}":{entry}' for name, entry in zip(names, fields, strict=True))
    path.write_bytes(pack(f"{{{table}}}"))
    done = subprocess.run(
        [sys.executable, "-c", SURVEYED, str(path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


@pytest.mark.parametrize("names", LONG.values(), ids=LONG)
def test_names_of_a_megabyte(tmp_path: Path, names: list[str]) -> None:
    assert surveyed(tmp_path / "model.safetensors", names) == len(names)


@pytest.mark.parametrize("pattern", MANY.values(), ids=MANY)
def test_many_names_of_one_pattern(tmp_path: Path, pattern: str) -> None:
    names = [pattern.format(i) for i in range(TENSORS)]
    assert surveyed(tmp_path / "model.safetensors", names) == TENSORS
