"""Quantised checkpoints: all widths, group sizes and modes."""
import itertools

import mlx.core as mx

from .dense import QWEN3, SMALL, TIED
from .moe import DEEPSEEK_V3, PACKED_GPT_OSS, QWEN3_MOE
from .variant import Variant

NARROW = QWEN3 | SMALL | {
    "head_dim": 16, "hidden_size": 64, "intermediate_size": 64,
    "num_attention_heads": 4}
SPARSE = QWEN3_MOE | SMALL | {
    "head_dim": 16, "hidden_size": 64, "intermediate_size": 64,
    "moe_intermediate_size": 32, "num_attention_heads": 4}
LATENT = DEEPSEEK_V3 | SMALL | {
    "hidden_size": 64, "intermediate_size": 64, "kv_lora_rank": 32,
    "moe_intermediate_size": 32, "n_routed_experts": 6,
    "num_attention_heads": 2, "num_experts_per_tok": 2, "q_lora_rank": 32,
    "qk_nope_head_dim": 32, "v_head_dim": 16}

AFFINE8 = {"group_size": 64, "bits": 8}
AFFINE8_32 = {"group_size": 32, "bits": 8}
ATTENTION = [f"self_attn.{matrix}_proj" for matrix in "qkvo"]
MLP = [f"mlp.{matrix}_proj" for matrix in ("gate", "up", "down")]


def quantized(config, bits, group_size, mode="affine", dtype=mx.bfloat16,
              **layers):
    """`layers` have their own block, or False if they stay as they are."""
    block = {"group_size": group_size, "bits": bits, "mode": mode}
    return Variant(config | {"quantization": block | layers}, dtype)


def of_layers(config, block, *paths):
    return {f"model.layers.{i}.{path}": block
            for i in range(config["num_hidden_layers"]) for path in paths}


def of_all_bits(group_size, others, heads, head_dim):
    """Attention and feed-forward networks in turns have each number of bits;
    embeddings and head have `others`."""
    config = QWEN3 | {
        "head_dim": head_dim, "hidden_size": group_size,
        "intermediate_size": group_size, "num_attention_heads": heads}
    bits = itertools.cycle((2, 3, 4, 5, 6, 8))
    blocks = {}
    for i in range(config["num_hidden_layers"]):
        for paths in (ATTENTION, MLP):
            block = {"group_size": group_size, "bits": next(bits)}
            blocks |= {f"model.layers.{i}.{path}": block for path in paths}
    return quantized(config, others, group_size, **blocks)


VARIANTS = {
    "qwen3-affine-32": of_all_bits(32, others=3, heads=3, head_dim=32),
    "qwen3-affine-64": of_all_bits(64, others=5, heads=3, head_dim=64),
    "qwen3-affine-128": of_all_bits(128, others=6, heads=4, head_dim=32),
    "qwen3-4bit-32-tied": quantized(NARROW | TIED, 4, 32),
    "qwen3-mxfp4": quantized(NARROW, 4, 32, "mxfp4"),
    "qwen3-nvfp4-tied": quantized(NARROW | TIED, 4, 16, "nvfp4"),
    "qwen3-mxfp8": quantized(NARROW, 8, 32, "mxfp8"),
    # A block of its own without a mode is affine whatever the rest is.
    "qwen3-mixed-modes": quantized(NARROW, 4, 64, **{
        "lm_head": False,
        "model.embed_tokens": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
        "model.layers.0.self_attn.q_proj": {
            "group_size": 16, "bits": 4, "mode": "nvfp4"},
        "model.layers.0.self_attn.v_proj": False,
        "model.layers.1.mlp.down_proj": {
            "group_size": 32, "bits": 4, "mode": "mxfp4"},
        "model.layers.1.self_attn.k_proj": {"group_size": 32, "bits": 3}}),
    "qwen3_moe-4bit": quantized(
        SPARSE, 4, 32, **of_layers(SPARSE, AFFINE8, "mlp.gate")),
    # In 16 bits some token visits another expert, whatever is drawn.
    "gpt_oss-mxfp4": quantized(
        PACKED_GPT_OSS, 4, 32, "mxfp4", mx.float32, **{
            "lm_head": AFFINE8, "model.embed_tokens": AFFINE8},
        **of_layers(PACKED_GPT_OSS, AFFINE8_32, "mlp.router", *ATTENTION)),
    "deepseek_v3-4bit": quantized(LATENT, 4, 32, dtype=mx.float16),
}
