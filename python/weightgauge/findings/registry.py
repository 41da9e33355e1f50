"""Every rule there is: what it asks, how serious it is, and its words.

This table is the whole of what weightgauge can find. The questions are answered where the records
are made: files beside `checkpoint`, tensors and blocks beside `anatomy`, counts beside `fits`, and
so on. To add a rule, give it a row, answer its question there, and test both answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from weightgauge.findings.rule import Rule

FAULT, WARNING, NOTE = "fault", "warning", "note"

_FILES = (
    Rule(
        "missing-file",
        FAULT,
        "Are all files there that the names of the others count?",
        "{what}",
        hint="fetch or copy the missing files",
    ),
    Rule(
        "stale-index",
        WARNING,
        "Does the index name the files that are there?",
        "{what}",
    ),
    Rule(
        "stale-copy",
        WARNING,
        "Does a tensor lie in two files, of which the index names one?",
        "also lies in {value}{other}; the index names {expected}, and that is read",
        several="{count:,} tensors lie in two files each; those that the index names are read: "
        "{names}",
    ),
    Rule("left-out", NOTE, "What lies beside the checkpoint and is not read?", "{what}"),
    Rule(
        "config-unreadable",
        WARNING,
        "Can the configurations beside the weights be read?",
        "{what}",
        hint="without it, heads and experts are told from shapes alone",
    ),
    Rule("cached-copy", WARNING, "Did the Hub say which version is the newest?", "{what}"),
    Rule("part-of-model", WARNING, "Does this process have all of the model?", "{what}"),
    Rule("odd-input", NOTE, "Is anything else odd about the files?", "{what}"),
)

_STACKS = (
    Rule(
        "missing-block",
        FAULT,
        "Are the numbers of the blocks without a gap, and as many as the configuration says?",
        "{what}",
        hint="the export lost layers, or the configuration is another model's",
    ),
    Rule(
        "missing-part",
        FAULT,
        "Does every block of a stack have the kinds of matrix that the others have?",
        "{what}",
        hint="the export lost tensors, or saved them under other names",
    ),
    Rule(
        "missing-head",
        FAULT,
        "Is there an output head, where it is not tied to the embedding?",
        "{what}",
        hint="without it the model answers with random words; save it again with its head",
    ),
    Rule(
        "missing-embedding",
        FAULT,
        "Does a language model have its embedding?",
        "{what}",
        hint="save the model again with its embedding",
    ),
)

_SLICES = (
    Rule(
        "non-finite",
        FAULT,
        "Are all weights finite?",
        "{value:,} of {elements:,} weights are NaN or infinite",
        several="{total:,} weights in {count:,} tensors are NaN or infinite: {names}",
        hint="a diverged training run or a damaged file; take an earlier checkpoint",
    ),
    Rule(
        "all-zero",
        FAULT,
        "Is every matrix more than zeros?",
        "all {value:,} weights are zero",
        several="all weights of {count:,} tensors are zero: {names}",
        hint="never written, or never trained after an initialisation with zeros",
    ),
    Rule(
        "constant",
        FAULT,
        "Does every matrix have more than one magnitude?",
        "all {elements:,} weights have the magnitude {shown}",
        several="all weights of {count:,} tensors have one magnitude: {names}",
        hint="filled in by a converter, or never initialised",
    ),
    Rule(
        "empty",
        FAULT,
        "Does every tensor have elements?",
        "no elements (shape {shape})",
        several="{count:,} tensors have no elements: {names}",
        hint="the save did not gather them (ZeRO-3 and FSDP leave such placeholders); save again",
    ),
    Rule(
        "zero-hole",
        FAULT,
        "Are there stretches of zeros in a matrix that is dense elsewhere?",
        "blocks of 2 KiB with nothing but zeros, where the rest is dense: {value:,}",
        several="{count:,} tensors have stretches of zeros and are dense elsewhere: {names}",
        hint="pages that were never written, as after a crash or a full disk; copy the file again",
    ),
    Rule(
        "dead-rows",
        WARNING,
        "Are rows of a matrix all zeros?",
        "rows that are all zeros: {value:,}",
        several="{total:,} rows of {count:,} matrices are all zeros: {names}",
        hint="neurons that were pruned, or never written",
    ),
    Rule(
        "unused-rows",
        NOTE,
        "Are there rows of an embedding or head that were never used?",
        "rows that are all zeros, as those of tokens that do not exist: {value:,}",
        several="{total:,} rows of {count:,} tensors are all zeros, as those of tokens that do not "
        "exist: {names}",
    ),
    Rule(
        "zero-share",
        WARNING,
        "Does a matrix have more zeros than its kind?",
        "{value:.1%} of the weights are zero; of others of its kind {expected:.1%} are",
        several="{least:.1%} to {most:.1%} of the weights of {count:,} tensors are zero: {names}",
        threshold=0.005,
    ),
    Rule(
        "flipped-bit",
        FAULT,
        "Is the largest weight of a size that training makes?",
        "the largest weight is {shown}, the next one {usual}",
        several="{count:,} tensors have a weight far beyond all others: {names}",
        hint="a flipped bit of an exponent, or an overflow; copy the file again",
        threshold=2.0**16,
    ),
    Rule(
        "garbled",
        FAULT,
        "Do the magnitudes spread as those of weights do?",
        "the magnitudes spread over the whole range of {dtype} (up to {shown}), as random bytes do",
        several="the magnitudes of {count:,} tensors spread over the whole range of their format, "
        "as random bytes do: {names}",
        hint="read with a wrong format or offset, or damaged; copy or convert the file again",
    ),
    Rule(
        "scale-lost",
        FAULT,
        "Is the size of the weights one that trained models have?",
        "the weights are {shown} times as large as {beside}",
        several="the weights of {count:,} tensors are {least_shown} to {most_shown} times as large "
        "as they should be: {names}",
        hint="codes that were stored without their scale; multiply by it, or convert again",
        threshold=30.0,
    ),
    Rule(
        "scale-missing",
        FAULT,
        "Does every tensor of scaled codes have its scale?",
        "{reason}",
        several="{count:,} tensors are codes whose scale is missing or cannot be used: {names}",
        hint="the numbers are those of the codes, not of the weights",
    ),
    Rule(
        "clipped",
        WARNING,
        "Do many weights lie at the largest magnitude?",
        "{value:.1%} of the weights lie at the largest magnitude, {largest:.4g}",
        several="{count:,} tensors have {least:.1%} to {most:.1%} of their weights at the largest "
        "magnitude: {names}",
        hint="clipped while they were trained or converted",
        threshold=0.01,
    ),
    Rule(
        "one-sign",
        FAULT,
        "Do weights have both signs?",
        "all {elements:,} weights have the same sign",
        several="all weights of {count:,} tensors have the same sign: {names}",
        hint="stored as magnitudes, or read as unsigned; convert it again",
    ),
    Rule(
        "grid",
        NOTE,
        "Are the weights on a grid of few values?",
        "{what}; k is that of the grid and says nothing of the training",
        several="the weights of {count:,} tensors lie on a grid, or lack all small values, as if "
        "quantised or pruned; their k says nothing of the training: {names}",
    ),
    Rule(
        "unmeasured",
        WARNING,
        "Can all weights be measured?",
        "not measured: {reason}",
        several="{count:,} tensors are weights that were not measured: {names}",
    ),
    Rule(
        "poor-fit",
        NOTE,
        "Does one Weibull distribution describe the magnitudes?",
        "R2 {value:.3f}: one Weibull distribution does not describe it",
        several="one Weibull distribution does not describe {count:,} tensors (R2 {least:.3f} to "
        "{most:.3f}): {names}",
        threshold=0.95,
    ),
    Rule(
        "untrained-adapter",
        NOTE,
        "Does an adapter change anything?",
        "the second factor is zero, so the adapter changes nothing yet",
        several="the second factors of {count:,} products are zero, so the adapter changes nothing "
        "there yet: {names}",
    ),
    Rule(
        "zero-by-design",
        NOTE,
        "Is a bias, a norm or a gate all zeros, as many start?",
        "all {value:,} elements are zero",
        several="{count:,} biases, norms or gates are all zeros: {names}",
    ),
    Rule(
        "duplicate",
        WARNING,
        "Do two tensors hold the same bytes?",
        "holds the same bytes as {other}",
        several="{count:,} tensors hold the same bytes as another: {names}",
        hint="a copied block or expert; depth-upscaled and merged models have it on purpose",
    ),
    Rule(
        "tied-differs",
        WARNING,
        "Are head and embedding equal where they are tied?",
        "differs from {other}, although the configuration ties the two",
        hint="one of the two is not used; which one depends on the program that loads it",
    ),
)

_KINDS = (
    Rule(
        "block-outlier",
        WARNING,
        "Does a matrix stand out among those of its kind?",
        "{quantity} {shown}, where others of its kind have {usual} (z {z:+.1f})",
        several="{count:,} matrices stand out among those of their kind: {names}",
        source="docs/statistics.md, outliers",
    ),
    Rule(
        "never-trained",
        WARNING,
        "Do the weights look trained?",
        "{what}",
        several="{count:,} matrices look as they were initialised: {names}",
    ),
    Rule(
        "heavy-tail",
        NOTE,
        "Are there weights far larger than the rest?",
        "kurtosis {shown} (Gaussian 3), the largest weight is {ratio} times the 99 % "
        "quantile: few weights need most of a quantiser's range",
        several="{count:,} matrices have weights far larger than the rest (kurtosis {least_shown} "
        "to {most_shown}; Gaussian 3): quantise them with outliers apart: {names}",
        threshold=20.0,
    ),
    Rule(
        "shallow-ffn",
        NOTE,
        "Have the first gated FFNs the shape known from some Qwen models?",
        "k {value:.3f} is the smallest of gate, up and down in blocks 0 to 5, as in some Qwen "
        "models (at most 0.7; others have at least {expected:.1f})",
        source="arXiv:2605.18898",
    ),
    Rule(
        "kind-unusual",
        NOTE,
        "Is k of a kind in the range of published models?",
        "{what}",
        source="arXiv:2605.18898",
    ),
    Rule(
        "k-far",
        NOTE,
        "Is k of a kind far from all published models?",
        "{what}",
        threshold=0.1,
        source="arXiv:2605.18898",
    ),
    Rule("nearest", NOTE, "Which published model is nearest in k?", "{what}"),
)

_PAIRS = (
    Rule(
        "missing-tensor",
        FAULT,
        "Does the model have all tensors of its base?",
        "{base} has it, and this model does not",
        several="{count:,} tensors of the base are missing: {names}",
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
    ),
    Rule(
        "dtype-differs",
        NOTE,
        "Are the formats those of the base?",
        "{value}, in the base {expected}",
        several="{count:,} tensors have another format than in the base: {names}",
    ),
    Rule(
        "value-differs",
        FAULT,
        "Are the bytes those of the base?",
        "digest {value}, in the base {expected}",
        several="{count:,} tensors have other bytes than in the base: {names}",
        hint="a fine-tune differs everywhere; a copy differs nowhere",
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
        "Do an adapter's products have the shapes of the matrices?",
        "the adapter's product has shape {value}, the matrix {expected}",
        several="{count:,} products of the adapter do not have the shape of their matrix: {names}",
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
    Rule("identical", NOTE, "Are all values equal?", "{what}"),
)

_RUNS = (
    Rule("one-step", NOTE, "Has the run more than one step?", "{what}"),
    Rule("step-unknown", NOTE, "Does every part of the run say its step?", "{what}"),
    Rule("duplicate-step", WARNING, "Is every step there once?", "{what}"),
    Rule("unreadable-step", FAULT, "Can every step be read?", "{what}"),
    Rule("mixed-architectures", FAULT, "Are all steps of one architecture?", "{what}"),
    Rule("vanished", WARNING, "Are all matrices still there?", "{what}"),
    Rule("appeared", WARNING, "Were all matrices there before?", "{what}"),
    Rule("changed-shape", WARNING, "Do shapes stay?", "{what}"),
    Rule("changed-dtype", NOTE, "Do formats stay?", "{what}"),
    Rule("discontinuity", WARNING, "Do k and lambda change without a jump?", "{what}"),
    Rule("norm-held", NOTE, "Does the optimiser hold norms constant?", "{what}"),
    Rule("unchanged", NOTE, "Does anything stay the same over all steps?", "{what}"),
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id: rule for rows in (_FILES, _STACKS, _SLICES, _KINDS, _PAIRS, _RUNS) for rule in rows}
)
"""All rules by their id."""

MODEL_RULES = tuple(rule.id for rows in (_FILES, _STACKS, _SLICES, _KINDS) for rule in rows)
"""Ids of the rules that are asked of one model."""

PAIR_RULES = tuple(rule.id for rule in _PAIRS)
"""Ids of the rules that need another model beside it."""
