"""Rules about one tensor, or a part of it, by its counts and its bytes."""

from __future__ import annotations

from weightgauge.findings.rule import FAULT, NOTE, WARNING, Rule

SLICES = (
    Rule(
        "non-finite",
        FAULT,
        "Are all weights finite?",
        "{value:,} of {elements:,} weights {are} NaN or infinite",
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
        "{value:,} block{s} of 2 KiB {are} all zeros, where the rest is dense",
        several="{count:,} tensors have stretches of zeros and are dense elsewhere: {names}",
        hint="pages that were never written, as after a crash or a full disk; copy the file again",
    ),
    Rule(
        "dead-rows",
        WARNING,
        "Are rows of a matrix all zeros?",
        "{value:,} of {lines:,} rows {are} all zeros",
        several="{total:,} rows of {count:,} matrices are all zeros: {names}",
        hint="neurons that were pruned, or never written",
    ),
    Rule(
        "dead-columns",
        WARNING,
        "Are columns of a matrix all zeros?",
        "{value:,} of {lines:,} columns {are} all zeros",
        several="{total:,} columns of {count:,} matrices are all zeros: {names}",
        hint="inputs that were pruned, or never written",
    ),
    Rule(
        "large-rows",
        WARNING,
        "Are rows of a matrix far larger than its others?",
        "{value:,} of {lines:,} rows {are} more than 16 times as large as most",
        several="{total:,} rows of {count:,} matrices are more than 16 times as large as most: "
        "{names}",
        hint="rows that were blown up, by a scale applied twice or training that ran away; compare "
        "with an earlier checkpoint",
    ),
    Rule(
        "large-columns",
        WARNING,
        "Are columns of a matrix far larger than its others?",
        "{value:,} of {lines:,} columns {are} more than 16 times as large as most",
        several="{total:,} columns of {count:,} matrices are more than 16 times as large as most: "
        "{names}",
        hint="inputs that a scale was folded into, or training that ran away; compare with an "
        "earlier checkpoint",
    ),
    Rule(
        "unused-rows",
        NOTE,
        "Are there rows of an embedding or head that were never used?",
        "of {rows:,} rows {what}",
        several="{total:,} rows of {count:,} tensors look as if no token had used them: {names}",
        source="docs/statistics.md",
    ),
    Rule(
        "zero-share",
        WARNING,
        "Does a matrix have more zeros than its kind, or more than a tenth?",
        "{value:.1%} of the weights are zero; {beside}",
        several="{least:.1%} to {most:.1%} of the weights of {count:,} tensors are zero: {names}",
        threshold=0.005,
        hint="ask whether the matrix was pruned; if not, compare with an earlier checkpoint",
    ),
    Rule(
        "flipped-bit",
        FAULT,
        "Is the largest weight of a size that training makes?",
        "the largest weight is {shown}; {beside}",
        several="{count:,} tensors have weights far beyond all others: {names}",
        hint="flipped bits of exponents, or an overflow; copy the file again",
        threshold=2.0**16,
    ),
    Rule(
        "garbled",
        FAULT,
        "Do the magnitudes spread as those of weights do?",
        "{what}",
        several="the magnitudes of {count:,} tensors are those of other bytes, such as {first}; "
        "the others: {rest}",
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
        "non-finite-scales",
        FAULT,
        "Are the scales of codes finite?",
        "{value:,} of {elements:,} scales {are} NaN or infinite, and the weights of their groups "
        "with them",
        several="{count:,} tensors have scales that are NaN or infinite, {total:,} in all: {names}",
        hint="damaged, or too large for their format; copy the file again, or quantise again",
    ),
    Rule(
        "zero-scales",
        WARNING,
        "Is the scale of every group of codes other than zero?",
        "{value:,} of {elements:,} scales {are} zero, and with them all weights of their groups",
        several="{count:,} tensors have scales of zero, {total:,} in all, whose weights are all "
        "zero: {names}",
        hint="too small for their format, or damaged; quantise again, or copy the file again",
    ),
    Rule(
        "negative-scales",
        WARNING,
        "Are scales positive?",
        "{value:,} of {elements:,} scales {are} negative, which turns the signs of their weights",
        several="{count:,} tensors have negative scales, {total:,} in all, which turn the signs of "
        "their weights: {names}",
        hint="a few are flipped bits: copy the file again; AutoRound makes about half of them so",
    ),
    Rule(
        "off-centre",
        WARNING,
        "Do quantised weights lie on either side of zero?",
        "{value:.0%} of the weights are {sign}, as where codes have other zero points",
        several="{least:.0%} to {most:.0%} of the weights of {count:,} tensors lie on one side of "
        "zero, as where codes have other zero points: {names}",
        hint="zero points are lost, or stored in the other one of the two formats of GPTQ "
        "(checkpoint_format); quantise or convert again",
        threshold=0.6,
    ),
    Rule(
        "zero-points-contradict",
        FAULT,
        "Are the zero points of weights that are stated to be symmetric in the middle?",
        "zero points of {value}, and {file} says sym = true, which makes them all {expected}",
        several="{first}; so have {rest}",
        hint="stored in the other one of the two formats of GPTQ (checkpoint_format), or lost; "
        "correct the configuration, or convert again",
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
        "Are the weights on a grid, or pruned?",
        "{what}; {so}",
        several="the weights of {count:,} tensors lie on a grid, or lack all small values, as if "
        "quantised or pruned: {names}",
    ),
    Rule(
        "quantised",
        NOTE,
        "Are the weights stored in six bits or fewer?",
        "{what}; {so}",
        several="the weights of {count:,} tensors are quantised to six bits or fewer, "
        "and their k is that of a grid: {names}",
    ),
    Rule(
        "unmeasured",
        WARNING,
        "Can all weights be measured?",
        "not measured: {reason}",
        several="{count:,} tensors are weights that were not measured ({reasons}): {names}",
        hint="measure the model before it was packed; nothing is known of these weights",
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
        "adapter-factors",
        FAULT,
        "Do the two factors of an adapter make a product?",
        "{what}",
        several="{count:,} factors of an adapter make no product with the other one ({reasons}): "
        "{names}",
        hint="factors of two adapters were mixed, or one was cut; save the adapter again",
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
        "Do two tensors hold the same weights?",
        "holds the same weights as {other}",
        several="{count:,} tensors hold the same weights as another: {names}",
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
