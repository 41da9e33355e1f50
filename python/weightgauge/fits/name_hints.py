"""What names say of tensors whose zeros and infinities are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BY_DESIGN = re.compile(
    r"zero_?(?:conv|module|init)|ada_?ln|modulation|gate_(?:attn|ffwd)|layer_?scale|"
    # Copies of a model that start by adding nothing to it, and last layers of diffusion models.
    r"controlnet_(?:(?:down|mid|single)_)?blocks?|controlnet_(?:x|pos)_embed|"
    r"controlnet_cond_embedding\.conv_out|input_hint_block|middle_block_out|out_layers\.3\.|"
    r"(?:^|\.)out\.2\.|norm[0-9]?(?:_context|_out)?\.linear\.|final_layer|proj_out|"
    # Low-rank parts of RWKV, and ways back of adapters.
    r"time_(?:maa|mix|decay|faaaa)|adapter[a-z_]*\.(?:up|up_proj|linear2)\.|"
    r"time_emb|scale_shift|token_type|(?:mask|cls|class|dist|register|query|null|image|latent)_?"
    r"(?:token|embed|quer)|pos(?:ition)?_?(?:embed|bias)|relative_position|latents$|bias$",
    re.IGNORECASE,
)
"""Names of matrices that many models initialise with zeros, or fill with zeros where they are not
used: gates and last layers of diffusion models, single tokens, positions, token types, and biases
of experts, which are stacked."""

_COLUMN_OF_ZEROS = re.compile(r"(?:^|[._])A(?:_b)?_logs?$")
"""State space layers start with the logarithms of 1 to n, the first of which is zero."""

_TRANSFORM = re.compile(
    r"(?:^|[._/:-])i?(?:stft|dft|fft)(?:[._/:-]|_(?:conv|basis|real|imag))|"
    r"(?:^|[._])mel_(?:scale|basis|filters?|fb)\b|(?:^|[._])(?:filter_?banks?|fbank|featurizer)[._]|"
    r"(?:forward|inverse|fourier)_basis",
    re.IGNORECASE,
)
"""Modules of sound that keep the sines of a transform, or filters that overlap little."""

_ONES = re.compile(r"(?:^|\.)(?:D|Ds|D_b)$")
"""State space layers start with a way past them that multiplies by one."""

_ENDS_OF_MASKS = ("bias", "mask")
_MASK = re.compile(r"(?:^|[._])(?:masked_bias|mask)$")
_MASK_OF_ATTENTION = re.compile(r"att(?:n|ention)?(?:\.[a-z_]+)?\.bias$", re.IGNORECASE)
"""GPT-2 and its relatives store the causal mask as the `bias` of an attention module."""


ONE_SIGN_KINDS = frozenset(("embed", "ssm", "router"))
"""Kinds that may be stored as logarithms or sines, or start with one sign."""


def is_mask(tensor: str, rank: int) -> bool:
    """Tell whether a tensor is a mask stored with the weights, whose infinities are meant.

    Parameters
    ----------
    tensor : str
        Its name.
    rank : int
        Its number of dimensions.
    """
    if not tensor.lower().endswith(_ENDS_OF_MASKS):
        return False  # what is said of nearly all names, and sooner
    stored_as_bias = rank > 1 and _MASK_OF_ATTENTION.search(tensor) is not None
    return stored_as_bias or _MASK.search(tensor) is not None


def masks_among(tensors: Sequence[str], ranks: Sequence[int]) -> list[bool]:
    """Tell of each of many tensors what `is_mask` does, which few need to be asked."""
    return [
        tensor.lower().endswith(_ENDS_OF_MASKS) and is_mask(tensor, rank)
        for tensor, rank in zip(tensors, ranks, strict=True)
    ]


def may_be_zero(tensor: str, shape: tuple[int, ...]) -> bool:
    """Tell whether a tensor of zeros may be meant: one row, or a name that many start at zero."""
    return sum(extent > 1 for extent in shape) < 2 or _BY_DESIGN.search(tensor) is not None


def may_have_zero_columns(tensor: str) -> bool:
    """Tell whether columns of zeros are meant: logarithms of ones.

    Examples
    --------
    >>> may_have_zero_columns("backbone.layers.0.mixer.A_log")
    True
    """
    return _COLUMN_OF_ZEROS.search(tensor) is not None


def is_of_a_transform(tensor: str) -> bool:
    """Tell whether numbers are those of a fixed transform, whose zeros are where it puts them.

    Examples
    --------
    >>> is_of_a_transform("stft.forward_basis_buffer"), is_of_a_transform("mel_scale.fb")
    (True, True)
    """
    return _TRANSFORM.search(tensor) is not None


def may_be_constant(tensor: str) -> bool:
    """Tell whether one value throughout is meant.

    Examples
    --------
    >>> may_be_constant("model.layers.0.mamba.D")
    True
    """
    return _ONES.search(tensor) is not None
