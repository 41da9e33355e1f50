"""Tiny checkpoints of real model families: every matrix gets its kind, block, parts and sigma.

The models are those of transformers; they are filled with normal values whose standard deviation is
known for every true part, saved by the library itself, and measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weightgauge as wg
from families.configs import FAMILIES
from families.expectation import check, check_what_is_said, expected
from families.sizes import FULL

torch = pytest.importorskip("torch", reason="the families' models need .[families]: no torch")
pytest.importorskip("transformers", reason="the families' models need .[families]: no transformers")

# Stages differ in it, so that the model as a whole has none.
WITHOUT_ONE_NUMBER_OF_HEADS = ("swin",)
STACKED_ON_DISK = ("gpt_oss", "llama4_text", "dbrx", "granitemoe")
RENAMED_EXPERTS = (
    *("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "deepseek_v2", "deepseek_v3"),
    *("granitemoe", "jamba", "qwen3_next"),
)
STACKED = tuple(dict.fromkeys((*STACKED_ON_DISK, *RENAMED_EXPERTS)))
RENAMED = (
    *RENAMED_EXPERTS,
    *("gpt_neox", "vit", "dinov2", "dinov2_swiglu", "beit", "swin"),
    *("llava", "qwen2_vl", "qwen2_5_vl"),
)
DTYPES = ("F32", "F16", "BF16")
# A limit that cuts every model into several files.
SHARD = "40KB"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products are faster on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest):
    from families.subject import make

    return make(request.param, FULL)


@pytest.fixture(scope="module")
def in_memory(request: pytest.FixtureRequest):
    """A model whose checkpoints have the names of the library, with experts stacked."""
    from families.subject import make

    return make(request.param, FULL, original=request.param not in RENAMED)


def each(fixture: str, names: object) -> Callable:
    return pytest.mark.parametrize(fixture, list(names), indirect=True, scope="module")


@each("subject", FAMILIES)
def test_zeroing_proves_every_rule(subject) -> None:
    from families.zeroing import Prover

    Prover(subject).prove_all()


@each("subject", FAMILIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sharded", [False, True], ids=["plain", "sharded"])
def test_kinds_blocks_and_sigmas(subject, dtype: str, sharded: bool, tmp_path: Path) -> None:
    subject.save(tmp_path, dtype, **({"max_shard_size": SHARD} if sharded else {}))
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == sharded
    check(wg.fit(tmp_path), expected(subject.truths.values(), "tensor"), dtype)


@each("subject", FAMILIES)
def test_heads(subject, tmp_path: Path) -> None:
    subject.save(tmp_path, "BF16")
    found = wg.fit(tmp_path, per="head")
    check(found, expected(subject.truths.values(), "head"), "BF16")


@each("subject", FAMILIES)
def test_without_a_configuration_nothing_wrong_is_said(subject, tmp_path: Path) -> None:
    subject.save(tmp_path, "F16")
    (tmp_path / "config.json").unlink()
    check_what_is_said(wg.fit(tmp_path), expected(subject.truths.values(), "tensor"), "F16")


@each("subject", FAMILIES)
def test_blocks_of_different_towers_are_kept_apart(subject, tmp_path: Path) -> None:
    subject.save(tmp_path, "F32")
    homes: dict[tuple[str | None, int], set[str]] = {}
    for item in wg.fit(tmp_path).slices:
        if item.tensor in subject.truths and item.block is not None:
            homes.setdefault((item.tower, item.block), set()).add(subject.home(item.tensor))
    modules = [home for homes_of_one in homes.values() for home in homes_of_one]
    assert len(set(modules)) == len(modules) == len(homes)


@each("subject", FAMILIES)
def test_architecture(subject, tmp_path: Path) -> None:
    """Heads, experts and blocks are as many as there are parts in the proven tensors."""
    subject.save(tmp_path, "BF16")
    found = wg.fit(tmp_path)
    assert found.warnings == ()
    truths = subject.truths.values()
    tower_of = {item.tensor: item.tower for item in found.slices}
    for tower in set(tower_of.values()):
        facts = found.architecture.of(tower)
        # Layers of linear attention have heads of their own.
        own = [
            truth
            for truth in truths
            if tower_of[truth.tensor] == tower and ".linear_attn." not in truth.tensor
        ]
        blocks = {truth.block for truth in own} - {None}
        if not blocks and not subject.family.shared:
            continue
        assert facts.blocks == len(blocks) or subject.family.shared
        experts = {cell.expert for truth in own for cell in truth.cells} - {None}
        assert facts.experts == (len(experts) or None)
        q, k = (heads_of(own, kind) for kind in "qk")
        if subject.family.name in WITHOUT_ONE_NUMBER_OF_HEADS or not q:
            assert (facts.heads, facts.kv_heads, facts.mla) == (None, None, None)
            continue
        assert (facts.heads, facts.kv_heads) == (q, k)
        by_number = "MHA" if q == k else "MQA" if k == 1 else "GQA"
        latent = any(truth.kind == "kv_b" for truth in own)
        assert facts.attention == ("MLA" if latent else by_number)


def heads_of(truths: list, kind: str) -> int:
    """Number of heads of a kind, 0 for none."""
    cells = [cell for truth in truths for cell in truth.cells if cell.kind == kind]
    return len({cell.head for cell in cells} - {None})


@each("in_memory", STACKED)
def test_stacked_experts_one_by_one(in_memory, tmp_path: Path) -> None:
    in_memory.save(tmp_path, "BF16")
    found = wg.fit(tmp_path, per="expert")
    check(found, expected(in_memory.truths.values(), "expert"), "BF16")


@each("in_memory", RENAMED)
def test_names_of_the_library(in_memory, tmp_path: Path) -> None:
    """Newer checkpoints have other names than those that the same models were published with."""
    from families.zeroing import Prover

    Prover(in_memory).prove_all()
    in_memory.save(tmp_path, "F32")
    check(wg.fit(tmp_path), expected(in_memory.truths.values(), "tensor"), "F32")


def test_there_are_enough_families() -> None:
    assert len({row.config for row in FAMILIES.values()}) >= 25
