"""Feed-forward layers with gate and up in one tensor, and experts stacked into one."""

from __future__ import annotations

import numpy as np

from fused_parts import EXPERTS, FFN, HIDDEN, Draw, Model, rows


def halves(name: str, order: str, down: str, model_type: str = "any") -> Model:
    """Two halves of the rows, in the order given."""
    draw = Draw()
    parts = {part: draw(FFN, HIDDEN) for part in order.split()}
    model = Model({}, {"model_type": model_type})
    model.fuse(name, rows(*parts.values()), parts)
    model.tensors[down] = draw(HIDDEN, FFN)
    return model


def expert_stack(storage: str, prefix: str = "model.layers.0.mlp.experts.") -> Model:
    """Stacked experts in one of three storage orders: rows, columns or interleaved columns."""
    first, second = "gate_up_proj", "down_proj"
    if storage == "granite":
        storage, first, second = "rows", "input_linear.weight", "output_linear.weight"
    draw = Draw()
    gate, up = draw(EXPERTS, FFN, HIDDEN), draw(EXPERTS, FFN, HIDDEN)
    down = draw(EXPERTS, HIDDEN, FFN)
    if storage == "rows":
        fused = np.concatenate([gate, up], axis=1)
    else:
        gate, up, down = (each.transpose(0, 2, 1) for each in (gate, up, down))
        both = np.concatenate if storage == "columns" else np.stack
        fused = both([gate, up], axis=2 if storage == "columns" else 3)
        fused = fused.reshape(EXPERTS, HIDDEN, 2 * FFN)
    families = {"rows": "mixtral", "columns": "llama4_text", "interleaved": "gpt_oss"}
    model = Model({}, {"model_type": families[storage], "num_local_experts": EXPERTS})
    model.tensors = {prefix + first: fused, prefix + second: down}
    if storage == "interleaved":
        model.tensors[prefix + "gate_up_proj_bias"] = draw(EXPERTS, 2 * FFN)
    for expert in range(EXPERTS):
        model.pieces[prefix + first, "gate", expert, None] = ("gate", gate[expert])
        model.pieces[prefix + first, "up", expert, None] = ("up", up[expert])
        model.pieces[prefix + second, None, expert, None] = ("down", down[expert])
    return model


def dbrx() -> Model:
    """Stacked experts flattened to two dimensions."""
    draw = Draw()
    prefix = "transformer.blocks.0.ffn."
    model = Model({}, {"model_type": "dbrx", "ffn_config": {"moe_num_experts": EXPERTS}})
    for name, kind in (("w1", "gate"), ("v1", "up"), ("w2", "down")):
        experts = draw(EXPERTS, FFN, HIDDEN)
        tensor = prefix + f"experts.mlp.{name}"
        model.tensors[tensor] = rows(experts)
        for expert in range(EXPERTS):
            model.pieces[tensor, None, expert, None] = (kind, experts[expert])
    model.tensors[prefix + "router.layer.weight"] = draw(EXPERTS, HIDDEN)
    return model
