"""Models of packed integers as a whole: what is said of them, and how they are compared."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import weightgauge as wg
from packed_matrices import Quantised, ternary
from packed_models import (
    HIDDEN,
    INNER,
    METHODS,
    UP,
    around,
    matrices,
    methods,
    modules,
    packed_model,
    put,
)
from weightgauge.cli import main
from weightgauge.findings.grouping import grouped

CODES = {"compressed": "weight_packed", "gptq": "qweight", "awq": "qweight"}


@pytest.fixture
def made(tmp_path, write_checkpoint):
    """Write a model of one form; return its folder."""

    def make(form, change=None, name="m", group=32, quantised=None, **config):
        tensors = packed_model(form, quantised or matrices(group))
        if change is not None:
            change(tensors)
        return put(write_checkpoint, tmp_path / name, tensors, methods(group)[form], **config)

    return make


def told(findings, rule):
    return [(each.tensor, each.level, each.message) for each in findings if each.id == rule]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments))).stdout


@pytest.mark.parametrize("form", METHODS)
def test_a_healthy_model_is_said_to_be_quantised_and_nothing_else(made, form):
    folder = made(form)
    findings = wg.diagnose(folder).findings
    assert [each for each in findings if each.level == "fault"] == []
    assert {each.id for each in findings if each.tensor and CODES[form] in each.tensor} == {
        "quantised"
    }
    page = run("diagnose", folder)
    assert "as if quantised" not in page and "grid or pruned" not in page
    assert "Quantised to six bits or fewer" in page


@pytest.mark.parametrize("zeros", [0.2, 0.34, 0.6])
def test_a_healthy_ternary_model(write_checkpoint, tmp_path, zeros):
    """Of which any share of zeros is usual, and which k does not describe."""
    rng = np.random.default_rng(3)
    tensors = around()
    for module, matrix in matrices().items():
        signs = rng.choice([-1, 1], matrix.codes.shape)
        values = np.where(rng.random(signs.shape) < zeros, 0, signs)
        scale = np.array([30], np.float32)
        tensors |= {f"{module}.{name}": each for name, each in ternary(values, scale).items()}
    folder = put(write_checkpoint, tmp_path / "m", tensors, {"quant_method": "bitnet"})
    assert {each.level for each in wg.diagnose(folder).findings} == {"note"}
    assert len(told(wg.check(folder).findings, "quantised")) == len(modules())
    count = f"{len(modules())} ternary tensors, which k does not describe"
    assert count in " ".join(run("fit", folder).split())


def test_what_is_not_ranked_is_told(made):
    page = run("fit", made("gptq"), "--top", "5")
    assert (
        f"Not ranked, because their k says little of the training: {len(modules())} quantised."
        in page
    )


def test_pruned_before_it_was_quantised(made):
    whole = matrices()
    whole[UP].codes[np.random.default_rng(3).random((INNER, HIDDEN)) < 0.5] = 8
    found = wg.fit(made("gptq", quantised=whole)).findings
    (message,) = (text for name, _, text in told(found, "quantised") if name == f"{UP}.qweight")
    assert "% are zero, as if pruned as well" in message


@pytest.mark.parametrize("form", METHODS)
def test_scales_and_zero_points_are_no_pairs_of_their_own(made, write_checkpoint, tmp_path, form):
    one, other = made(form), made(form, name="other", group=64)
    found = wg.compare(one, other)
    assert {pair.tensor for pair in found.pairs} == {
        *around(),
        *(f"{module}.{CODES[form]}" for module in modules()),
    }
    assert all(pair.k_a > 0 for pair in found.pairs[: len(modules())])
    assert found.only_a == found.only_b == ()
    plain = {f"{module}.weight": each.values() for module, each in matrices().items()}
    base = put(write_checkpoint, tmp_path / "base", around() | plain)
    found = wg.compare(base, one)
    formats = {(each.expected, each.value[:5]) for each in found.findings if "dtype" in each.id}
    assert formats == {("F32", "INT4 " if form == "compressed" else "(INT4")}
    assert found.only_a == found.only_b == ()
    assert [each.message for each in found.findings if each.id == "identical"] == [
        f"IDENTICAL: all {len(found.pairs)} tensors have equal values"
    ]


def test_scales_of_other_groups_are_no_change_of_a_run(made, tmp_path):
    for step, group in ((10, 32), (20, 64), (30, 32)):
        made("gptq", name=f"run/step-{step}", group=group)
    found = wg.track(tmp_path / "run")
    assert {each.id for each in found.findings} & {"changed-shape", "appeared", "vanished"} == set()
    assert {each.tensor for each in found.slices} == {
        *around(),
        *(f"{module}.qweight" for module in modules()),
    }


def test_one_matrix_in_the_forms_of_two_quantisers(made):
    found = wg.compare(made("gptq"), made("compressed", name="other"))
    assert [each.message for each in found.findings if each.id == "identical"] == [
        f"IDENTICAL: all {len(found.pairs)} tensors have equal values"
    ]
    assert found.only_a == found.only_b == ()


@pytest.mark.parametrize(
    ("form", "other"), [("gptq", None), ("compressed", None), ("gptq", "compressed")]
)
def test_a_matrix_in_two_forms_is_told_and_spoils_no_comparison(
    made, write_checkpoint, tmp_path, form, other
):
    """The others still meet those of the base, by name."""
    whole = matrices()
    second = {"weight": whole[UP].values()} if other is None else getattr(whole[UP], other)()

    def add(tensors):
        tensors |= {f"{UP}.{name}": each for name, each in second.items()}

    folder = made(form, add)
    (finding,) = told(wg.check(folder).findings, "stored-twice")
    assert finding[1] == "warning"
    for name in (f"{UP}.{CODES[form]}", f"{UP}.{next(iter(second))}"):
        assert name in finding[2]
    assert finding[2].endswith("(F32, not packed)" if other is None else "(packed as well)")
    (group,) = (g for g in grouped(wg.check(folder).findings) if g.id == "stored-twice")
    assert "out of date" not in group.hint  # a copy in another format is no older one
    plain = {f"{module}.weight": each.values() for module, each in whole.items()}
    base = put(write_checkpoint, tmp_path / "base", around() | plain)
    found = wg.compare(base, folder)
    compared = {pair.tensor for pair in found.pairs if pair.changed == 0}
    assert compared >= plain.keys() - {f"{UP}.weight"}
    assert found.only_a == (() if other is None else (f"{UP}.weight",))
    faults = [each for each in wg.check(folder, against=base).findings if each.level == "fault"]
    assert {each.id for each in faults} <= {"missing-tensor"}


@pytest.mark.parametrize("form", METHODS)
def test_what_lies_beside_codes_is_neither_missing_nor_extra(
    made, write_checkpoint, tmp_path, form
):
    """In the base or in the model, and nor are other groups a sign of another model."""
    packed, other = made(form), made(form, name="other", group=64)
    plain = {f"{module}.weight": each.values() for module, each in matrices().items()}
    base = put(write_checkpoint, tmp_path / "base", around() | plain)
    for one, against in ((packed, base), (base, packed), (packed, other)):
        found = wg.check(one, against=against).findings
        assert {each.id for each in found} & {
            "missing-tensor",
            "extra-tensor",
            "unrelated",
        } == set()

    # Codes are no weights; of what both have the norms and the embedding are left.
    page = " ".join(run("check", packed, "--against", base).split())
    tensors = len(packed_model(form))
    assert wg.check(packed, against=base).compared == len(around())
    assert f"the bytes of {len(around())} of {tensors} tensors" in page
    assert wg.check(packed, against=packed).compared == tensors

    def lose(tensors):
        del tensors["model.norm.weight"]
        for name in [name for name in tensors if name.startswith(f"{UP}.")]:
            del tensors[name]

    found = wg.check(made(form, lose, name="less"), against=packed).findings
    names = {name for name, _, _ in told(found, "missing-tensor")}
    assert names >= {"model.norm.weight", f"{UP}.{CODES[form]}"}


@pytest.mark.parametrize("form", ["compressed", "gptq"])
def test_findings_name_what_the_files_hold(made, form):
    """And not the matrix that is made of it, which nobody finds there."""
    codes = CODES[form]

    def lose(tensors):
        for name in [name for name in tensors if name.startswith(f"{UP}.")]:
            del tensors[name]

    missing = told(wg.check(made(form, lose)).findings, "missing-part")
    assert [(name, text.startswith(f"{UP}.{codes}: missing")) for name, _, text in missing] == [
        (f"{UP}.{codes}", True)
    ]
    whole = matrices()
    short = whole[UP]
    short.codes, short.scales, short.zeros = short.codes[:72], short.scales[:72], short.zeros[:72]
    (wrong,) = told(wg.check(made(form, quantised=whole)).findings, "shape-contradicts")
    assert wrong[0] == f"{UP}.{codes}"
    assert wrong[2].startswith(f"{UP}.{codes}: unpacked, shape [72, 64]; ")
    stated = told(wg.check(made(form, num_attention_heads=7)).findings, "shape-contradicts")
    assert any(
        f"self_attn.q_proj.{codes}'" in text or f"self_attn.o_proj.{codes}'" in text
        for _, _, text in stated
    )
    assert not any(".weight'" in text for _, _, text in stated)


LOSSES = [
    *(("compressed", "weight_scale"), ("gptq", "scales"), ("gptq", "qzeros")),
    *(("awq", "scales"), ("awq", "qzeros")),
]


def without(leaf, *parts):
    """Return what takes away all tensors of this name whose own names have one of the parts."""

    def lose(tensors):
        for name in [name for name in tensors if name.endswith(f".{leaf}")]:
            if any(part in name for part in parts or [""]):
                del tensors[name]

    return lose


@pytest.mark.parametrize(("form", "leaf"), LOSSES)
@pytest.mark.parametrize("parts", [(f"{UP}.",), ("layers.2.",), ("layers.1.", "layers.3."), ()])
def test_codes_without_their_scales_are_a_fault(made, form, leaf, parts):
    """In one matrix, in a block, in half of the model or in all of it."""
    lost = [each for each in modules() if any(part in f"{each}." for part in parts or [""])]
    found = wg.check(made(form, without(leaf, *parts)))
    missing = told(found.findings, "missing-part")
    text = f"missing; '{CODES[form]}' of the same matrix is there"
    assert missing == [(f"{each}.{leaf}", "fault", f"{each}.{leaf}: {text}") for each in lost]
    (group,) = (each for each in grouped(found.findings) if each.id == "missing-part")
    if len(lost) > 1:
        assert group.message.startswith(f"{len(lost)} parts are missing: {missing[0][2]}; ")
    assert "adapter" not in group.message
    hints = {each.hint for each in found.findings if each.id == "unmeasured"}
    assert not any("before it was packed" in hint for hint in hints)
    assert told(wg.check(made(form, name="all")).findings, "missing-part") == []


@pytest.mark.parametrize(
    ("form", "leaves"),
    [("gptq", ("scales", "qzeros", "g_idx")), ("awq", ("scales", "qzeros"))],
)
def test_codes_with_nothing_beside_them_are_those_of_the_stated_quantiser(made, form, leaves):
    def lose(tensors):
        for leaf in leaves:
            without(leaf)(tensors)

    missing = {name for name, _, _ in told(wg.check(made(form, lose)).findings, "missing-part")}
    assert missing == {f"{each}.{leaf}" for each in modules() for leaf in ("scales", "qzeros")}


@pytest.mark.parametrize("parts", [(UP,), ("layers.1.", "layers.3."), ()])
def test_zero_points_that_config_groups_states(write_checkpoint, tmp_path, parts):
    """They are lost where they are not there, as many as may be."""
    scheme = methods()["compressed"]
    scheme["config_groups"]["group_0"]["weights"]["symmetric"] = False
    tensors = packed_model("compressed", matrices(symmetric=False))

    def missing():
        folder = put(write_checkpoint, tmp_path / "m", tensors, scheme)
        return [name for name, _, _ in told(wg.check(folder).findings, "missing-part")]

    assert missing() == []
    leaf = "weight_zero_point"
    without(leaf, *parts)(tensors)
    lost = [each for each in modules() if any(part in each for part in parts or [""])]
    assert missing() == [f"{each}.{leaf}" for each in lost]


@pytest.mark.parametrize("form", METHODS)
@pytest.mark.parametrize("parts", [(f"{UP}.",), ()])
def test_what_lost_codes_leave_is_not_taken_for_weights(made, form, parts):
    """However large it is: nothing there was packed, and a loss is told once."""
    whole = {name: Quantised(512, 128, 32, seed=1, symmetric=False) for name in modules()}
    codes = CODES[form]
    found = wg.check(made(form, without(codes, *parts), quantised=whole)).findings
    lost = [each for each in modules() if any(part in f"{each}." for part in parts or [""])]
    assert [name for name, _, _ in told(found, "missing-part")] == [
        f"{each}.{codes}" for each in lost
    ]
    assert told(found, "unmeasured") == []


@pytest.mark.parametrize(
    ("form", "leaf", "shape", "whole"),
    [
        *((form, "scales", [1, 128], [2, 128]) for form in ("gptq", "awq")),
        *((form, "qzeros", [1, 16], [2, 16]) for form in ("gptq", "awq")),
        ("compressed", "weight_scale", [128, 1], [128, 2]),
        ("compressed", "weight_zero_point", [16, 1], [16, 2]),
    ],
)
def test_the_tensor_that_was_cut_is_named(made, form, leaf, shape, whole):
    """It is the one that contradicts the codes and the stated groups, and a fault."""

    def cut(tensors):
        tensors[f"{UP}.{leaf}"] = tensors[f"{UP}.{leaf}"][: shape[0], : shape[1]]

    findings = wg.check(made(form, cut, quantised=matrices(symmetric=False))).findings
    (found,) = (each for each in findings if each.level == "fault")
    assert (found.id, found.tensor) == ("shape-contradicts", f"{UP}.{leaf}")
    assert (found.value, found.expected) == (str(shape), str(whole))
    assert "config.json states" in found.message
    what = "scales" if "scale" in leaf else "zero points"
    ((_, _, message),) = told(findings, "unmeasured")
    assert message.endswith(f"its {what} are {shape}, and not {whole}")


@pytest.mark.parametrize("form", ["gptq", "awq"])
def test_the_reason_says_what_does_not_fit_where_nothing_states_the_groups(
    write_checkpoint, tmp_path, form
):
    tensors = packed_model(form)
    tensors[f"{UP}.scales"] = tensors[f"{UP}.scales"][:1]
    folder = put(write_checkpoint, tmp_path / "m", tensors)
    ((_, _, message),) = told(wg.check(folder).findings, "unmeasured")
    assert message.endswith(
        "its scales are [1, 128] and its zero points [2, 16], which are not for as many groups"
    )


@pytest.mark.parametrize("stated", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("sym", [True, False])
def test_zero_points_of_the_other_format_contradict_symmetric_weights(
    write_checkpoint, tmp_path, stated, second, sym
):
    """Stored less one and read as they are they are 7, and the other way 9; 8 is symmetric."""
    tensors = around()
    for name, matrix in matrices().items():
        tensors |= {f"{name}.{leaf}": each for leaf, each in matrix.gptq(second=second).items()}
    scheme = METHODS["gptq"] | {"checkpoint_format": stated, "sym": sym}
    findings = wg.check(put(write_checkpoint, tmp_path / "m", tensors, scheme)).findings
    found = [each for each in findings if each.id == "zero-points-contradict"]
    if not sym or second == (stated == "gptq_v2"):
        assert found == []
        return
    assert [each.tensor for each in found] == [f"{name}.qzeros" for name in modules()]
    assert {(each.level, each.value, each.expected) for each in found} == {
        ("fault", 9 if second else 7, 8)
    }
    assert "config.json says sym = true" in found[0].message


@pytest.mark.parametrize("stated", [None, {"quant_method": "new"}])
def test_codes_of_another_quantiser_may_have_no_zero_points(write_checkpoint, tmp_path, stated):
    """Where nothing says that they are GPTQ's or AWQ's."""
    tensors = packed_model("awq")
    without("qzeros")(tensors)
    folder = put(write_checkpoint, tmp_path / "m", tensors, stated)
    assert told(wg.check(folder).findings, "missing-part") == []


def test_a_model_of_plain_weights_keeps_its_names(write_checkpoint, tmp_path):
    plain = {f"{module}.weight": each.values() for module, each in matrices().items()}
    del plain[f"{UP}.weight"]
    found = wg.check(put(write_checkpoint, tmp_path / "m", around() | plain)).findings
    assert [name for name, _, _ in told(found, "missing-part")] == [f"{UP}.weight"]


def test_other_scales_beside_a_matrix_in_two_forms_are_no_fault(made):
    """Beside `weight` and `qweight` lie the scales of the second."""
    values = matrices()[UP].values()

    def add(tensors):
        tensors[f"{UP}.weight"] = values

    base = made("gptq", add, name="base")
    other = made("gptq", add, group=64)
    levels = {
        level
        for name, level, _ in told(wg.check(other, against=base).findings, "shape-differs")
        if name.startswith(UP)
    }
    assert levels == {"note"}
