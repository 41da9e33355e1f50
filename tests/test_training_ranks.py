"""Counts of several processes give the fits of whole tensors to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightgauge.anatomy.layouts.layout import Field, Layout, cuts
from weightgauge.scanning.live.shards import Sharding, cuts_within

PROGRAM = Path(__file__).with_name("rank_program.py")
# Processes take longer to start than to do their work.
CASES = [["fsdp", "large", "gauge"], ["ddp", "tensor_parallel", "two_dimensions", "different"]]


@pytest.mark.parametrize("cases", CASES, ids=" ".join)
def test_two_processes(cases, tmp_path):
    torch = pytest.importorskip("torch")
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("this PyTorch has no gloo")
    programs = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(tmp_path), *cases],
            env={
                **os.environ,
                **{"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        told = [program.communicate(timeout=180)[0] for program in programs]
    finally:
        for program in programs:
            program.kill()
    assert [program.returncode for program in programs] == [0, 0], "\n".join(told)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_processes_have_of_a_piece_makes_up_the_piece(data):
    groups = data.draw(st.integers(1, 3))
    fields = tuple(
        Field(part, part, heads * size, heads)
        for part, heads, size in zip(
            "qkv",
            data.draw(st.tuples(*[st.integers(1, 3)] * 3)),
            data.draw(st.tuples(*[st.integers(1, 3)] * 3)),
            strict=True,
        )
    )
    lines = groups * sum(field.length for field in fields)
    axis = data.draw(st.integers(0, 1))
    shape = (lines, 4) if axis == 0 else (4, lines)
    values = np.arange(np.prod(shape)).reshape(shape)
    ways = data.draw(st.integers(1, 4))
    split = data.draw(st.integers(0, 1))
    size = -(-shape[split] // ways)
    for cut in cuts(Layout(shape, axis, fields, groups), by_head=data.draw(st.booleans())):
        wanted = elements(values.ravel(), cut)
        found = []
        for rank in range(ways):
            span = (min(shape[split], rank * size), min(shape[split], (rank + 1) * size))
            box = tuple(span if i == split else (0, n) for i, n in enumerate(shape))
            local = values[tuple(slice(*each) for each in box)]
            pieces = cuts_within(cut, Sharding(shape, box))
            assert pieces is not None and len(pieces) <= 9
            for piece in pieces:
                found += elements(np.ascontiguousarray(local).ravel(), piece)
        assert sorted(found) == sorted(wanted)


def elements(memory, cut):
    places = [cut.first]
    for extent, stride in cut.dims:
        places = [place + i * stride for place in places for i in range(extent)]
    return [int(memory[place]) for place in places]
