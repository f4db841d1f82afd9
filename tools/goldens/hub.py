"""Layouts of the Hub, each undone by mlx-lm's `sanitize`.

Each takes the tensors by mlx-lm's names and gives what the file holds.
"""
import mlx.core as mx

UNUSED = mx.ones(5)


def with_tied_head(tensors, config):
    head = tensors["model.embed_tokens.weight"]
    return tensors | {"lm_head.weight": head}


def without_head(tensors, config):
    return {name: value for name, value in tensors.items()
            if not name.endswith("lm_head.weight")}


def with_leftovers(tensors, config):
    """Rotary tables, and the head although it is tied."""
    if config["tie_word_embeddings"]:
        tensors = with_tied_head(tensors, config)
    return tensors | {
        f"model.layers.{i}.self_attn.rotary_emb.inv_freq": UNUSED
        for i in range(config["num_hidden_layers"])}


def renamed(tensors, *prefixes):
    """By the first of the (old, new) prefixes that a name begins with."""
    def new_name(name):
        for old, new in prefixes:
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    return {new_name(name): value for name, value in tensors.items()}


EYES = {"vision_tower.patch_conv.weight": UNUSED,
        "multi_modal_projector.linear_1.weight": UNUSED}


def ministral3(tensors, config):
    return EYES | renamed(
        tensors, ("language_model.model.", "model.language_model."),
        ("language_model.", ""))


def gemma3(tensors, config):
    return EYES | without_head(tensors, config)


def gpt_neox(tensors, config):
    leftovers = {"bias": mx.ones((1, 1, 8, 8), mx.bool_),
                 "masked_bias": mx.array(-1e9), "rotary_emb.inv_freq": UNUSED}
    return renamed(
        tensors, ("model.h.", "gpt_neox.layers."),
        ("model.embed_out.", "embed_out."), ("model.", "gpt_neox.")) | {
        f"gpt_neox.layers.{i}.attention.{name}": value
        for i in range(config["num_hidden_layers"])
        for name, value in leftovers.items()}


def experts_apart(tensors, config, **names):
    """One matrix for each expert, under their `names` if they have others."""
    apart = {}
    for name, value in tensors.items():
        at, stacked, matrix = name.partition(".switch_mlp.")
        matrix = matrix.removesuffix(".weight")
        if not stacked:
            apart[name] = value
            continue
        apart |= {
            f"{at}.experts.{i}.{names.get(matrix, matrix)}.weight": expert
            for i, expert in enumerate(value)}
    return apart


def w_experts(tensors, config):
    return experts_apart(tensors, config,
                         gate_proj="w1", down_proj="w2", up_proj="w3")


def with_next_token_layer(tensors, layer):
    """The layer that predicts one token more, which mlx-lm leaves out."""
    return tensors | {
        f"model.layers.{layer}.{name}.weight": UNUSED
        for name in ("eh_proj", "enorm", "shared_head.norm")}


def glm4_moe(tensors, config):
    return with_next_token_layer(
        experts_apart(tensors, config), config["num_hidden_layers"])


def deepseek_v3(tensors, config):
    """Keys and values come out of the latent in one projection."""
    tensors = dict(tensors)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}.self_attn"
        # (H, R, K) and (H, V, R) -> (H (K + V), R)
        keys = tensors.pop(f"{at}.embed_q.weight").swapaxes(1, 2)
        values = tensors.pop(f"{at}.unembed_out.weight")
        tensors[f"{at}.kv_b_proj.weight"] = mx.flatten(
            mx.concatenate([keys, values], axis=1), 0, 1)
        tensors[f"{at}.rotary_emb.inv_freq"] = UNUSED
    # DeepSeek's own has 61 layers, and mlx-lm knows that by heart.
    return with_next_token_layer(experts_apart(tensors, config), 61)


def granitemoe(tensors, config):
    """Gate above up, for all experts at once."""
    joined = {}
    for name, value in tensors.items():
        at, stacked, matrix = name.partition(".switch_mlp.")
        if not stacked:
            joined[name] = value
        elif matrix == "gate_proj.weight":
            up = tensors[f"{at}.switch_mlp.up_proj.weight"]
            joined[f"{at}.input_linear.weight"] = mx.concatenate(
                [value, up], axis=1)
        elif matrix == "down_proj.weight":
            joined[f"{at}.output_linear.weight"] = value
    return joined


def gpt_oss(tensors, config):
    """Experts as mxfp4, the rows of gate and up in turns."""
    packed = dict(tensors)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}.mlp.experts"
        gate, up, down = (
            {part: packed.pop(f"{at}.{matrix}_proj.{part}")
             for part in ("weight", "bias")}
            for matrix in ("gate", "up", "down"))
        gate_up = {part: mx.flatten(mx.stack([gate[part], up[part]], 2), 1, 2)
                   for part in gate}
        for matrix, of in (("gate_up_proj", gate_up), ("down_proj", down)):
            blocks, scales = mx.quantize(of["weight"], mode="mxfp4")
            packed |= {
                f"{at}.{matrix}_blocks": mx.unflatten(
                    blocks.view(mx.uint8), -1, (-1, 16)),
                f"{at}.{matrix}_scales": scales,
                f"{at}.{matrix}_bias": of["bias"]}
    return packed


def convolutions(tensors, config):
    """(C, K, 1) -> (C, 1, K)"""
    return {name: value.moveaxis(2, 1)
            if name.endswith(("conv.weight", "conv1d.weight")) else value
            for name, value in tensors.items()}


def qwen3_next(tensors, config):
    """Most norms multiply by 1 + weight."""
    centred = ("layernorm.weight", "model.norm.weight", "q_norm.weight",
               "k_norm.weight")
    tensors = experts_apart(convolutions(tensors, config), config)
    return {name: value - 1 if name.endswith(centred) else value
            for name, value in tensors.items()} | {
        "mtp.fc.weight": UNUSED}


def nemotron_h(tensors, config):
    tensors = convolutions(tensors, config)
    tensors = experts_apart(tensors, config, fc1="up_proj", fc2="down_proj")
    return tensors | {"mtp.fc.weight": UNUSED}


def granitemoehybrid(tensors, config):
    tensors = convolutions(tensors, config)
    if config["num_local_experts"]:
        return granitemoe(tensors, config)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        gate, up, down = (tensors.pop(f"{at}mlp.{matrix}_proj.weight")
                          for matrix in ("gate", "up", "down"))
        tensors[f"{at}shared_mlp.input_linear.weight"] = mx.concatenate(
            [gate, up])
        tensors[f"{at}shared_mlp.output_linear.weight"] = down
    return tensors
