"""Rules about files, headers, configurations, and what a whole model has."""

from __future__ import annotations

from weightgauge.findings.rule import FAULT, NOTE, WARNING, Rule

FILES = (
    Rule(
        "unreadable",
        FAULT,
        "Can everything be read that a check needs?",
        "{what}",
        hint="fetch or save it again",
    ),
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
        hint="let the index name the files that are there, or fetch those that it names",
    ),
    Rule(
        "stale-copy",
        WARNING,
        "Does a tensor lie in two files, of which the index names one?",
        "also lies in {value}{other}; the index names {expected}, and that is read",
        several="{count:,} tensors lie in two files each; those that the index names are read: "
        "{names}",
        hint="delete the copy that the index does not name",
    ),
    Rule(
        "stored-twice",
        WARNING,
        "Is every matrix there in one form, and not packed and unpacked?",
        "another copy of the matrix lies in {other} ({form})",
        several="{count:,} matrices are there in two forms, such as {first}; so are {rest}",
        hint="programs do not agree on which one they load: keep the one that you mean",
    ),
    Rule(
        "copy-differs",
        WARNING,
        "Does a second copy of the weights, which is not read, hold the same?",
        "{what}",
        hint="delete the copy that is out of date; programs do not agree on which one they load",
    ),
    Rule("left-out", NOTE, "What lies beside the checkpoint and is not read?", "{what}"),
    Rule(
        "config-unreadable",
        WARNING,
        "Can the configurations beside the weights be read?",
        "{what}",
        hint="without it, heads and experts are told from shapes alone",
    ),
    Rule(
        "configs-differ",
        WARNING,
        "Do all configurations say the same of how the model is quantised?",
        "{what}",
        hint="correct the one that is wrong: programs do not agree on which one they read",
    ),
    Rule(
        "not-packed",
        FAULT,
        "Are there packed weights where a configuration names a quantiser?",
        "{what}",
        hint="take the quantiser out of the configuration, or bring the quantised weights: "
        "programs that go by it look for codes and scales",
    ),
    Rule(
        "cached-copy",
        WARNING,
        "Did the Hub say which version is the newest?",
        "{what}",
        hint="ask again when the Hub can be reached",
    ),
    Rule(
        "part-of-model",
        WARNING,
        "Does this process have all of the model?",
        "{what}",
        hint="add the histograms of all processes (docs/training.md)",
    ),
    Rule("odd-input", NOTE, "Is anything else odd about the files?", "{what}"),
)

STACKS = (
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
        "Do all blocks, and all experts, have what the others and their family have?",
        "{what}",
        several="{count:,} parts are missing: {first}; so it is with {rest}",
        hint="the export lost tensors, or saved them under other names",
    ),
    Rule(
        "shape-contradicts",
        FAULT,
        "Are the shapes those that the configuration states?",
        "{what}",
        several="{first}; shapes that contradict the configuration as well: {rest}",
        hint="the configuration is another model's, or the tensors are",
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
