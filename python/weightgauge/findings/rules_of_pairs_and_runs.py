"""Rules about two models, and about the steps of a run."""

from __future__ import annotations

from weightgauge.findings.rule import FAULT, NOTE, WARNING, Rule

PAIRS = (
    Rule(
        "missing-tensor",
        FAULT,
        "Does the model have all tensors of its base?",
        "{base} has it, and this model does not",
        several="{count:,} tensors of the base are missing: {names}",
        hint="save or copy the model again",
    ),
    Rule(
        "extra-tensor",
        NOTE,
        "Does the model have tensors that its base lacks?",
        "not in {base}",
        several="{count:,} tensors are not in the base: {names}",
    ),
    Rule(
        "shape-differs",
        FAULT,
        "Are the shapes those of the base?",
        "shape {value}, in the base {expected}",
        several="{count:,} tensors have another shape than in the base: {names}",
        hint="check that it is the base of this model",
    ),
    Rule(
        "dtype-differs",
        NOTE,
        "Are the formats those of the base?",
        "{value}, in the base {expected}",
        several="{count:,} tensors have another format than in the base: {names}",
    ),
    Rule(
        "moved",
        NOTE,
        "Did the shape or the scale of a matrix change by more than chance?",
        "{what} standard errors (paired)",
        several="{count:,} matrices moved in k or lambda, by {least_shown} standard errors and "
        "more (paired): {names}",
        threshold=5.0,
    ),
    Rule(
        "value-differs",
        FAULT,
        "Are the bytes those of the base?",
        "the bytes differ from those of the base",
        several="{count:,} tensors have other bytes than in the base: {names}",
        hint="training changes kinds in all blocks, or whole blocks; a few tensors here and there "
        "are damaged, or are of another version",
    ),
    Rule(
        "partly-trained",
        NOTE,
        "Which kinds and blocks differ from the base?",
        "{what}",
        hint="nothing, if these are what was trained or merged in",
    ),
    Rule(
        "not-compared",
        WARNING,
        "Could the bytes of all tensors be compared?",
        "its bytes could not be compared with those of the base: {reason}",
        several="the bytes of {count:,} tensors could not be compared with those of the base: "
        "{names}",
        hint="compare with a checkpoint of the same formats, or with counts that have digests",
    ),
    Rule(
        "exchanged",
        FAULT,
        "Does each tensor hold its own bytes, and not another's?",
        "holds what the base has as {other}",
        several="{count:,} tensors hold what the base has under another name: {names}",
        hint="two tensors were exchanged, or one was copied over another",
    ),
    Rule(
        "unlike-base",
        WARNING,
        "Has every matrix something in common with its own in the base?",
        "the values have nothing in common with those of the base (correlation {value:.2f}; most "
        "matrices have {expected:.2f})",
        several="the values of {count:,} matrices have nothing in common with those of the base: "
        "{names}",
        hint="initialised anew, taken from another model, or stored in another order",
    ),
    Rule(
        "adapter-target",
        FAULT,
        "Does the model have the matrices that an adapter changes?",
        "the adapter changes it, and the model does not have it",
        several="the model lacks {count:,} matrices that the adapter changes: {names}",
        hint="the adapter belongs to another model",
    ),
    Rule(
        "adapter-shape",
        FAULT,
        "Do an adapter's products and tensors have the shapes of the model's?",
        "has shape {value} in the adapter and {expected} in the model",
        several="{count:,} tensors have another shape in the adapter than in the model: {names}",
        hint="the adapter belongs to another model, or the vocabulary was resized",
    ),
    Rule(
        "reordered",
        WARNING,
        "Are the same values in the same order?",
        "the same values in another order ({how}?)",
        several="{count:,} tensors hold the same values in another order (rows permuted or "
        "transposed?): {names}",
        hint="q and k of some formats are permuted for rotary positions; else a converter is wrong",
    ),
    Rule(
        "signs-differ",
        WARNING,
        "Do equal magnitudes have the same signs?",
        "{what}",
        several="{count:,} tensors hold the same magnitudes with other signs: {names}",
        hint="a merge that subtracts, or a sign that a converter turned",
    ),
    Rule("identical", NOTE, "Are all values equal?", "{what}"),
    Rule(
        "unrelated",
        NOTE,
        "Are the two versions of one model?",
        "{what}",
        hint="compare a model with its own base",
    ),
)

RUNS = (
    Rule("one-step", NOTE, "Has the run more than one step?", "{what}"),
    Rule("step-unknown", NOTE, "Does every part of the run say its step?", "{what}"),
    Rule(
        "duplicate-step",
        WARNING,
        "Is every step there once?",
        "{what}",
        hint="delete or rename one of the two",
    ),
    Rule(
        "unreadable-step",
        FAULT,
        "Can every step be read?",
        "{what}",
        hint="copy the step again, or leave it out",
    ),
    Rule(
        "mixed-architectures",
        FAULT,
        "Are all steps of one architecture?",
        "{what}",
        hint="give the steps of one run",
    ),
    Rule(
        "vanished",
        WARNING,
        "Are all matrices still there?",
        "{what}",
        hint="compare the two steps",
    ),
    Rule(
        "appeared",
        WARNING,
        "Were all matrices there before?",
        "{what}",
        hint="compare the two steps",
    ),
    Rule(
        "changed-shape",
        WARNING,
        "Do shapes stay?",
        "{what}",
        hint="compare the two steps",
    ),
    Rule("changed-dtype", NOTE, "Do formats stay?", "{what}"),
    Rule(
        "discontinuity",
        WARNING,
        "Do k and lambda change without a jump?",
        "{what}",
        hint="look at the training log around the step",
    ),
    Rule("norm-held", NOTE, "Does the optimiser hold norms constant?", "{what}"),
    Rule("unchanged", NOTE, "Does anything stay the same over all steps?", "{what}"),
)
