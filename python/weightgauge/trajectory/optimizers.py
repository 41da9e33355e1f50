"""What weight decay does to the size of weights under each optimiser.

The square-root law says that lambda settles in proportion to sqrt(learning rate / weight decay). It
follows where two things hold: decay multiplies the weights by 1 - eta wd, whatever the gradient,
and the update has a size of its own, whatever the weights. Then growth eta^2 u^2 and decay
2 eta wd w^2 balance at w^2 = u^2 eta / (2 wd) (Kosson et al., arXiv:2305.17212, derive it for AdamW
and Lion, and what holds in its place for SGD and Adam).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Optimizer(NamedTuple):
    """What is known of an optimiser.

    Attributes
    ----------
    name : str
        As in settings.
    decoupled : bool
        Whether decay multiplies weights by 1 - eta wd, so that tau = 1/(eta wd) is its time scale.
    square_root_law : bool or None
        Whether lambda settles in proportion to sqrt(eta/wd); None where nobody has shown it.
    norm_held : bool
        Whether it holds the norms of matrices constant.
    reason : str
        Why.
    """

    name: str
    decoupled: bool
    square_root_law: bool | None
    norm_held: bool
    reason: str


_HELD = "it puts the norm back after each step, so that neither learning rate nor decay moves it"
_RATIO = "its step is proportional to the weights' own norm, which therefore has no level to go to"

# The more special words come first: galore_adamw is not AdamW.
_TABLE = (
    Optimizer("hyperball", False, False, True, _HELD),
    Optimizer("adamh", False, False, True, _HELD),
    Optimizer("muonh", False, False, True, _HELD),
    Optimizer("magnitude_direction", False, False, True, "directions are trained at a fixed norm"),
    Optimizer("normalized", False, False, True, "weights are normalised after each step"),
    Optimizer(
        "schedule_free",
        True,
        None,
        False,
        "the weights that are saved are an average over the run, which shrinks them",
    ),
    Optimizer("galore", True, None, False, "updates lie in a subspace that changes now and then"),
    Optimizer("apollo", True, None, False, "updates are scaled by what a random subspace tells"),
    Optimizer(
        "adamw",
        True,
        True,
        False,
        "decay is decoupled, and the update is divided by its own root mean square",
    ),
    Optimizer("nadamw", True, True, False, "AdamW with another momentum"),
    Optimizer("ademamix", True, True, False, "AdamW with a second, slower momentum"),
    Optimizer("soap", True, True, False, "AdamW in rotated coordinates, which keep norms"),
    Optimizer("lion", True, True, False, "decay is decoupled, and each update is plus or minus 1"),
    Optimizer(
        "muon",
        True,
        None,
        False,
        "each step has the norm of an orthogonal matrix of that shape: whether decay balances it "
        "at sqrt(eta/wd), or steps that agree carry the norm on to 1/wd, nobody has shown",
    ),
    Optimizer(
        "adam",
        False,
        False,
        False,
        "decay goes through the gradient and is divided by the gradient's size (L2)",
    ),
    Optimizer(
        "sgd",
        True,
        False,
        False,
        "the update is the gradient, which shrinks as the weights grow: below normalisation "
        "layers the norm goes with the fourth root of eta/wd",
    ),
    Optimizer("rmsprop", False, False, False, "decay goes through the gradient (L2)"),
    Optimizer("adagrad", False, False, False, "its steps shrink as they add up"),
    Optimizer("adafactor", True, False, False, _RATIO + " (unless scaling by parameter is off)"),
    Optimizer("lamb", True, False, False, _RATIO),
    Optimizer("lars", True, False, False, _RATIO),
    Optimizer("sophia", True, None, False, "only clipped updates have a size of their own"),
    Optimizer("shampoo", True, None, False, "the size of its update depends on what it is grafted"),
)

KNOWN = (*(each.name for each in _TABLE), "other")
"""Names of optimisers that settings may have; "other" for one of which nothing is known."""


def optimizer_of(text: str) -> Optimizer | None:
    """Find an optimiser by what settings call it.

    Parameters
    ----------
    text : str
        A name such as "adamw", "AdamW", "adamw_torch_fused" or "paged_lion_8bit".

    Returns
    -------
    Optimizer or None
        None for one that is not known.

    Examples
    --------
    >>> optimizer_of("paged_adamw_8bit").name, optimizer_of("adam").square_root_law
    ('adamw', False)
    """
    words = "_".join(["", *re.split(r"[^a-z0-9]+", text.lower()), ""])
    if words == "_other_":
        return Optimizer("other", True, None, False, "nothing is known of it")
    return next((each for each in _TABLE if f"_{each.name}_" in words), None)
