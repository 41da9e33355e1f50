"""The record of a finding, the registry of rules, groups, order and verdict."""

from __future__ import annotations

import json
import string
from dataclasses import replace

import pytest

from weightgauge.findings import (
    LEVELS,
    RULES,
    Finding,
    Place,
    by_importance,
    grouped,
    readable,
    verdict,
)
from weightgauge.findings.causes import CAUSES

FIELDS = [
    *("id", "level", "tensor", "part", "kind", "block", "tower", "expert", "head"),
    *("value", "expected", "message", "hint", "step", "model"),
]


def of(rule, tensor, value=1, **given):
    """A finding of a rule with words for several."""
    return RULES[rule].finding(Place(tensor=tensor), value=value, **given)


def test_a_finding_in_json_has_these_keys():
    found = of("all-zero", "h.0.q", 9)
    row = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert list(row) == FIELDS
    assert row == dict.fromkeys(FIELDS) | {
        **{"id": "all-zero", "level": "fault", "tensor": "h.0.q", "value": 9},
        "message": "h.0.q: all 9 weights are zero",
        "hint": RULES["all-zero"].hint,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_null(value):
    found = of("flipped-bit", "t", value, expected=1.0, beside="the next one is 1")
    assert found.to_dict()["value"] is None


def test_the_place_says_part_expert_and_head():
    place = Place(tensor="h.3.experts.up", part="gate", expert=5, head=2)
    found = RULES["all-zero"].finding(place, value=4)
    assert found.message == "h.3.experts.up (gate, expert 5, head 2): all 4 weights are zero"
    assert found.place == place


@pytest.mark.parametrize(
    ("tensor", "named"),
    [
        ("h.3.experts.5.up", False),
        ("h.3.expert_5.up", False),
        ("h.3.experts5_up", False),
        ("h.3.experts.15.up", True),
        ("h.3.experts.51.up", True),
        ("h.5.experts.up", True),
        ("h.3.shared_expert.up.5", True),
    ],
)
def test_an_expert_that_the_name_has_is_not_named_again(tensor, named):
    message = RULES["all-zero"].finding(Place(tensor=tensor, expert=5), value=4).message
    assert message.startswith(f"{tensor} (expert 5): " if named else f"{tensor}: ")


def test_the_number_of_a_block_is_not_that_of_an_expert():
    place = Place(tensor="layers.3.mlp.experts.down_proj", expert=3)
    assert "(expert 3)" in RULES["all-zero"].finding(place, value=4).message
    for tensor in ("layers.1.experts.3.w1", "layers.1.expert_3.w1", "layers.1.local_experts.3.up"):
        place = Place(tensor=tensor, expert=3)
        assert RULES["all-zero"].finding(place, value=4).message.startswith(f"{tensor}: ")


def test_names_that_would_steer_a_terminal_are_made_harmless():
    message = of("all-zero", "a\x1b[31mb\u202e").message
    assert message.isprintable() and "\x1b" not in message


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rows_of_the_registry(rule):
    assert RULES[rule.id] is rule
    assert rule.id == rule.id.lower() and set(rule.id) <= {*string.ascii_lowercase, "-"}
    assert rule.level in LEVELS
    assert rule.asks.endswith("?") and rule.asks[0].isupper()
    fields = {name for _, name, _, _ in string.Formatter().parse(rule.several) if name}
    numbers = {"count", "least", "most", "least_shown", "most_shown", "total"}
    assert fields <= {*numbers, "names", "reasons", "first", "rest"}
    assert not rule.several or fields & {"names", "rest"}


# -- numbers in sentences


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (0.71234, "0.712"),
        (74.96, "75"),
        (-74.96, "-75"),
        (999.4, "999"),
        (999.7, "1,000"),
        (1594.3, "1,594"),
        (-1594.3, "-1,594"),
        (817_123, "817,123"),
        (999_999.7, "1,000,000"),
        (1_234_567, "1.23e6"),
        (2.5e38, "2.5e38"),
        (1e-4, "0.0001"),
        (0.000012345, "1.23e-5"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("F32", "F32"),
        (None, ""),
    ],
)
def test_numbers_are_written_as_people_read_them(value, text):
    assert readable(value) == text


def test_findings_have_no_exponent_that_only_programs_write():
    tail = [
        RULES["heavy-tail"].finding(Place(tensor=name), value=value, expected=3.0, ratio="9")
        for name, value in (("a", 74.96), ("b", 1590.2))
    ]
    assert "kurtosis 1,590 (Gaussian 3)" in tail[1].message
    (group,) = grouped(tail)
    assert "(kurtosis 75 to 1,590; Gaussian 3)" in group.message
    flipped = of("flipped-bit", "t", 2.5e38, expected=0.12, beside="the next one is 0.12")
    assert "weight is 2.5e38; the next one is 0.12" in flipped.message


# -- verdict


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ([], "No fault found"),
        (["note"], "No fault found; 1 note"),
        (["warning", "note", "note"], "No fault found; 1 warning, 2 notes"),
        (["fault", "note", "fault"], "2 faults, 1 note"),
        (["fault", *["warning"] * 2, *["note"] * 5], "1 fault, 2 warnings, 5 notes"),
    ],
)
def test_the_verdict_counts_by_level(levels, text):
    found = [Finding(id=f"rule-{i}", level=level, message="") for i, level in enumerate(levels)]
    assert verdict(found) == text


def test_what_one_line_tells_counts_once():
    assert verdict([of("empty", f"h.{i}", 0, shape=[0]) for i in range(42)]) == "1 fault"


# -- groups


def test_equal_findings_are_one_line_with_their_number_and_the_first_names():
    found = [of("non-finite", f"h.{i}", 2 + i, elements=9) for i in range(5)]
    (group,) = grouped(found)
    assert (group.id, group.level, group.hint) == (
        "non-finite",
        "fault",
        RULES["non-finite"].hint,
    )
    assert group.findings == tuple(found)
    assert group.message == (
        "20 weights in 5 tensors are NaN or infinite: h.0, h.1, h.2 and 2 more"
    )


def test_least_and_most_are_those_of_the_group():
    found = [of("clipped", name, value, largest=1.0) for name, value in (("a", 0.5), ("b", 0.02))]
    (group,) = grouped(found)
    assert group.message == "2 tensors have 2.0% to 50.0% of their weights at the largest " + (
        "magnitude: a, b"
    )


def test_a_range_of_one_number_is_a_number():
    found = [
        of("zero-share", name, value, beside="others have none")
        for name, value in (("a", 0.5), ("b", 0.5))
    ]
    (group,) = grouped(found)
    assert group.message == "50.0% of the weights of 2 tensors are zero: a, b"


def test_one_finding_keeps_its_own_words():
    (group,) = grouped([of("all-zero", "h.0", 4)])
    assert group.message == "h.0: all 4 weights are zero"


def test_levels_steps_rules_and_findings_about_models_are_not_thrown_together():
    several = [
        of("all-zero", "a"),
        of("all-zero", "b", level="note"),
        of("all-zero", "c", step=5),
        of("non-finite", "d", elements=1),
        RULES["missing-block"].finding(what="one"),
        RULES["missing-block"].finding(what="another"),
    ]
    assert [group.findings for group in grouped(several)] == [(each,) for each in several]


def test_a_group_of_one_step_names_the_step():
    found = [of("all-zero", name, 4, step=1500) for name in "ab"]
    (group,) = grouped(found)
    assert group.message == "step 1,500: all weights of 2 tensors are zero: a, b"


# -- order


def test_the_most_serious_come_first_then_the_rule_with_most_findings():
    fault, warning, note = (Finding(id=f"x-{each}", level=each, message="") for each in LEVELS)
    few, many = of("constant", "a", elements=1), [of("all-zero", name) for name in "bcd"]
    assert by_importance([note, few, warning, *many, fault]) == (
        *many,
        few,
        fault,
        warning,
        note,
    )


def test_what_is_about_a_whole_run_comes_before_its_steps():
    late, early, whole = (of("all-zero", "a", step=step) for step in (9, 2, None))
    assert by_importance([late, early, whole]) == (whole, early, late)


def test_the_order_of_the_input_decides_nothing_between_rules():
    one, other = of("constant", "a", elements=1), of("all-zero", "b")
    assert by_importance([one, other]) == by_importance([other, one]) == (other, one)


# -- causes


def test_a_cause_comes_before_what_follows_from_it_however_much_that_is():
    lost = [RULES["missing-part"].finding(what=f"block {block}") for block in range(3)]
    other = of("all-zero", "h.9.q")
    cause = RULES["missing-file"].finding(what="1 of 4 files is missing")
    assert by_importance([*lost, other, cause]) == (other, cause, *lost)
    told = {group.id: group.hint for group in grouped([*lost, other, cause])}
    assert told["missing-part"] == "this follows from missing-file"
    assert told["all-zero"] == RULES["all-zero"].hint
    assert grouped(lost)[0].hint == RULES["missing-part"].hint


@pytest.mark.parametrize(
    ("rule", "cause", "follows", "other"),
    [
        ("missing-head", {"kind": "head"}, {"kind": "head"}, {"kind": "norm", "block": 2}),
        ("missing-embedding", {"kind": "embed"}, {"kind": "embed"}, {"kind": "head"}),
        ("missing-block", {"block": 2}, {"kind": "q", "block": 2}, {"kind": "q", "block": 3}),
        ("missing-block", {}, {"kind": "q", "block": 2}, {"kind": "head"}),
        ("missing-part", {"kind": "up"}, {"kind": "up", "block": 2}, {"kind": "q", "block": 2}),
        ("missing-part", {"tensor": "h.2.q.weight"}, {"tensor": "h.2.q.weight"}, {"tensor": "n"}),
        ("missing-part", {"tower": "text"}, {"tower": "text", "block": 1}, {"tower": "vision"}),
    ],
)
def test_what_is_lost_explains_no_loss_elsewhere(rule, cause, follows, other):
    lost = RULES[rule].finding(Place(**cause), what="lost")
    one, two = (
        RULES["missing-tensor"].finding(Place(**({"tensor": "t"} | place)), base="base")
        for place in (follows, other)
    )
    assert [group.hint for group in grouped([lost, one, two])][1:] == [
        f"this follows from {rule}",
        RULES["missing-tensor"].hint,
    ]


def test_scales_explain_the_weights_of_their_own_matrix_alone():
    scales = of("non-finite-scales", "h.0.up.scales", elements=8)
    spoilt, other = (of("non-finite", f"h.{block}.up.qweight", 9, elements=9) for block in (0, 1))
    assert by_importance([spoilt, other, scales]) == (other, scales, spoilt)
    groups = grouped([other, scales, spoilt])
    assert [group.findings for group in groups] == [(other,), (scales,), (spoilt,)]
    assert [group.hint.startswith("this follows") for group in groups] == [False, False, True]
    for one, two in (("w.weight_scale_inv", "w.weight"), ("e.down_scales", "e.down_blocks")):
        found = of("zero-scales", one, elements=1), of("zero-share", two, 0.5, beside="")
        assert grouped(found)[1].hint == "this follows from zero-scales"
    apart = (
        of("zero-scales", "e.up_scales", elements=1),
        of("zero-share", "e.down_blocks", 0.5, beside=""),
    )
    assert grouped(apart)[1].hint == RULES["zero-share"].hint


def test_causes_of_another_step_or_model_explain_nothing():
    lost = RULES["missing-part"].finding(what="x", step=1)
    for cause in (
        RULES["missing-file"].finding(what="x", step=2),
        replace(RULES["missing-file"].finding(what="x", step=1), model="b"),
    ):
        assert grouped([cause, lost])[1].hint == RULES["missing-part"].hint


def test_causes_stand_before_the_causes_that_they_explain():
    """So that a chain is told from its beginning on."""
    places = {cause.id: place for place, cause in enumerate(CAUSES)}
    assert len(places) == len(CAUSES)
    for cause in CAUSES:
        for name in (cause.id, *cause.explains):
            assert name in RULES
            assert name == cause.id or places.get(name, len(CAUSES)) > places[cause.id]


def test_every_fault_and_warning_says_what_to_do():
    assert [rule.id for rule in RULES.values() if rule.level != "note" and not rule.hint] == []
