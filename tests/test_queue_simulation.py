"""The replay of the queue in `bench/queue_simulation.py`: cases that can be worked out by hand."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "bench" / "queue_simulation.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("queue_simulation", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def part_elements(simulation):
    """Elements of two bytes in a part."""
    return simulation.RULES["chunk_bytes"] // 2


@pytest.fixture(scope="module")
def costs(simulation):
    return simulation.Costs(item_bytes=2, part=1.0, hand_over=0.25, merge=0.5, fit=2.0)


def test_one_worker_does_one_thing_after_the_other(simulation, costs, part_elements):
    slices = [simulation.Slice(4 * part_elements), simulation.Slice(6 * part_elements)]
    found = simulation.replay(slices, costs, 1, start_s=0)
    assert found.seconds == pytest.approx(10 + 2 * 0.25 + 2 * 2)
    assert (found.merges, found.shared, found.slices) == (0, 0, 2)
    assert found.idle == pytest.approx(0)


def test_workers_with_slices_of_their_own_merge_nothing(simulation, costs, part_elements):
    found = simulation.replay([simulation.Slice(4 * part_elements)] * 8, costs, 4, start_s=0)
    assert found.seconds == pytest.approx(2 * (4 + 0.25 + 2))
    assert (found.merges, found.shared) == (0, 0)
    assert found.idle == pytest.approx(0)


def test_a_slice_is_shared_by_those_who_have_none(simulation, costs, part_elements):
    found = simulation.replay([simulation.Slice(8 * part_elements)], costs, 2, start_s=0)
    # Four parts each, both tables handed over at once, one merge, and the fit by one of them.
    assert found.seconds == pytest.approx(4 + 0.25 + 0.5 + 2)
    assert (found.merges, found.shared) == (1, 1)
    assert found.busy == pytest.approx(8 + 2 * 0.25 + 0.5 + 2)


@pytest.mark.parametrize(("item_bytes", "rule"), [(2, "parts_to_join"), (4, "wide_parts_to_join")])
def test_few_parts_are_left_to_their_owner(simulation, costs, item_bytes, rule):
    costs = replace(costs, item_bytes=item_bytes)
    part, most = simulation.RULES["chunk_bytes"] // item_bytes, simulation.RULES[rule]
    alone = simulation.replay([simulation.Slice(most * part)], costs, 2, start_s=0)
    assert alone.merges == 0
    shared = simulation.replay([simulation.Slice((most + 1) * part)], costs, 2, start_s=0)
    assert shared.merges == 1


def test_all_parts_are_counted_however_many_share_them(simulation, costs, part_elements):
    slices = [simulation.Slice(n * part_elements) for n in (1, 30, 7, 2, 100, 3)]
    for workers in (1, 2, 3, 8, 17, 64):
        found = simulation.replay(slices, costs, workers, start_s=0)
        counted = found.busy - found.merges * (0.5 + 0.25) - 6 * (0.25 + 2)
        assert counted == pytest.approx(143)


def test_small_slices_come_in_groups(simulation, costs):
    element_count = simulation.RULES["group_bytes"] // 2 // 4
    works = simulation.works_of([simulation.Slice(element_count)] * 10, costs)
    assert [work.small for work in works] == [4, 4, 2]


def test_slices_between_each_other_are_read_together_in_16_bits_only(simulation, costs):
    heads = [simulation.Slice(2**22, together=16)]
    assert [work.slices for work in simulation.works_of(heads, costs)] == [16]
    wide = simulation.works_of(heads, replace(costs, item_bytes=4))
    assert [work.slices for work in wide] == [1] * 16


def test_threads_of_a_region_begin_when_all_have_started(
    simulation, costs, part_elements, monkeypatch
):
    slices = [simulation.Slice(4 * part_elements)] * 4
    for caller_works, started in ((False, 4 + 1), (True, 3 + 2)):  # with those that stay idle
        begins = list(simulation.starts(4, 0.5, caller_works))
        assert begins == [0.0] * caller_works + [0.5 * started] * (4 - caller_works)
    # The caller has done all four before another one begins.
    alone = simulation.replay(slices, costs, 4, start_s=10)
    assert alone.seconds == pytest.approx(4 * (4 + 0.25 + 2))
    monkeypatch.setitem(simulation.RULES, "caller_bytes", 0)
    at_once = simulation.replay(slices, costs, 4, start_s=0)
    later = simulation.replay(slices, costs, 4, start_s=0.5)
    assert later.seconds == pytest.approx(at_once.seconds + 2.5)


def test_regions_start_one_after_the_other(simulation, monkeypatch):
    monkeypatch.setitem(simulation.RULES, "threads_of_region", 4)
    assert list(simulation.starts(6, 1.0, False)) == [3.0] * 3 + [8.0] * 3
    assert list(simulation.starts(1, 1.0, False)) == [1.0]


def test_checkpoints_have_the_weights_they_are_named_for(simulation):
    named = {"7B": 6.7e9, "70B": 70e9, "400B": 400e9}
    for name, slices in simulation.CHECKPOINTS.items():
        elements = sum(each.elements * each.together for each in slices())
        assert elements == pytest.approx(named[name.split()[0]], rel=0.02)


@pytest.mark.parametrize("checkpoint", ["70B", "70B by heads"])
def test_64_workers_reach_nine_tenths_of_linear_speed(simulation, checkpoint):
    slices = list(simulation.CHECKPOINTS[checkpoint]())
    for cost in simulation.measured_costs().values():
        alone = simulation.replay(slices, cost, 1)
        found = simulation.replay(slices, cost, 64)
        assert alone.seconds / (64 * found.seconds) >= 0.9
