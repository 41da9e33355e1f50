"""Rules about the matrices of one kind together, beside each other and published models."""

from __future__ import annotations

from weightgauge.findings.rule import NOTE, WARNING, Rule

KINDS = (
    Rule(
        "block-outlier",
        WARNING,
        "Does a matrix stand out among those of its kind?",
        "{what} (z {z:+.1f})",
        several="{count:,} matrices stand out among those of their kind: {names}",
        source="docs/statistics.md, outliers",
        hint="look at the block: a merge, a scale or a learning rate that others do not have",
    ),
    Rule(
        "block-scale",
        WARNING,
        "Has a block, or a matrix, of a model of few blocks another scale?",
        "{what}",
        several="{count:,} matrices have another scale than those of their kind in other blocks: "
        "{names}",
        hint="a merge, a scale or a learning rate that others do not have, or a part of another "
        "model",
        threshold=1.8,
        source="docs/statistics.md, outliers",
    ),
    Rule(
        "never-trained",
        WARNING,
        "Do the weights look trained?",
        "{what}",
        several="{count:,} matrices look as they were initialised: {names}",
        hint="ask whether the tensor was loaded, frozen by mistake, or added anew; for a whole "
        "model nothing",
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
