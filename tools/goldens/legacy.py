"""Checkpoints that others than MLX packed, by quantization_config.

Weights are rounded here, to the nearest, as their tools would lay them out.
What mlx-lm cannot load is compared with an `equal` of it that mlx-lm can.
"""
import re

import mlx.core as mx
import numpy as np

from . import hub
from .packed import LATENT, NARROW
from .variant import Variant, as_mlx_lm_names_them
from .weights import rng_of

MATRIX = re.compile(r"model\.layers\.\d+\..*_proj(_with_mqa)?\.weight$")
GROUP = 32
BLOCK = 128
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
LARGEST_FLOAT8 = 448

AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP,
       "version": "gemm", "zero_point": True}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP,
        "desc_act": False, "sym": False}
COMPRESSED = {
    "quant_method": "compressed-tensors", "format": "pack-quantized",
    "ignore": ["lm_head", "re:.*self_attn.*"], "config_groups": {"group_0": {
        "targets": ["Linear"], "weights": {
            "num_bits": 4, "group_size": GROUP, "strategy": "group",
            "symmetric": True, "type": "int"}}}}
FLOAT8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
          "weight_block_size": [BLOCK, BLOCK]}


def each_matrix(pack):
    """`pack` gives the tensors of one module by the ends of their names."""
    def layout(tensors, config):
        packed = {}
        for name, value in tensors.items():
            if MATRIX.match(name) and value.ndim == 2:
                at = name.removesuffix(".weight")
                packed |= {f"{at}.{end}": part
                           for end, part in pack(at, value).items()}
            else:
                packed[name] = value
        return packed
    return layout


def in_words(codes, order=range(8)):
    """Eight numbers below 16 in a row, in this order -> one I32."""
    eights = codes.astype(np.uint32).reshape(*codes.shape[:-1], -1, 8)
    words = sum(eights[..., output] << np.uint32(4 * place)
                for place, output in enumerate(order))
    return mx.array(words.astype(np.uint32).view(np.int32))


def groups_of(at, inputs, in_any_order):
    """Each input's group."""
    index = np.arange(inputs) // GROUP
    return rng_of(at, "g_idx").permutation(index) if in_any_order else index


def rounded(weight, index):
    """codes (N, K), zeros and scales (N, G)"""
    weight = np.array(weight.astype(mx.float32))
    codes = np.zeros(weight.shape, int)
    zeros, scales = [], []
    for group in range(index.max() + 1):
        part = weight[:, index == group]
        low, high = part.min(1, keepdims=True), part.max(1, keepdims=True)
        scale = ((high - low) / 15).astype(np.float16)
        zero = np.clip(np.round(-low / scale), 0, 15)
        codes[:, index == group] = np.clip(
            np.round(part / scale) + zero, 0, 15)
        zeros.append(zero)
        scales.append(scale)
    return (codes, np.concatenate(zeros, 1).astype(int),
            np.concatenate(scales, 1))


def awq(at, weight):
    codes, zeros, scales = rounded(
        weight, groups_of(at, weight.shape[1], False))
    return {"qweight": in_words(codes.T, AWQ_ORDER),
            "qzeros": in_words(zeros.T, AWQ_ORDER),
            "scales": mx.array(scales.T)}


def gptq(at, weight, in_any_order=False):
    """A zero is stored less one, and 0 as 15."""
    index = groups_of(at, weight.shape[1], in_any_order)
    codes, zeros, scales = rounded(weight, index)
    return {"qweight": in_words(codes).T,
            "qzeros": in_words((zeros.T - 1) % 16),
            "scales": mx.array(scales.T),
            "g_idx": mx.array(index.astype(np.int32))}


def gptq_in_any_order(at, weight):
    return gptq(at, weight, in_any_order=True)


def undone(at, weight):
    """What gptq_in_any_order stands for."""
    index = groups_of(at, weight.shape[1], True)
    codes, zeros, scales = rounded(weight, index)
    steps = (codes - zeros[:, index]).astype(np.float16)
    return {"weight": mx.array(steps * scales[:, index])}


def compressed(at, weight):
    """About zero, which is 8. Attention stays, as in Kimi K2: mlx-lm would
    round kv_b_proj once more."""
    if "self_attn" in at:
        return {"weight": weight}
    groups = np.array(weight.astype(mx.float32)).reshape(
        weight.shape[0], -1, GROUP)
    scales = (np.abs(groups).max(2) / 7.5).astype(np.float16)
    codes = np.clip(np.round(groups / scales[..., None]) + 8, 0, 15)
    return {"weight_packed": in_words(codes.reshape(weight.shape)),
            "weight_scale": mx.array(scales),
            "weight_shape": mx.array(weight.shape, mx.int32)}


def float8(at, weight):
    weight = weight.astype(mx.float32)
    rows, columns = weight.shape
    scales = np.zeros((-(-rows // BLOCK), -(-columns // BLOCK)), np.float32)
    codes = np.zeros((rows, columns), np.uint8)
    for i, j in np.ndindex(*scales.shape):
        block = np.s_[i * BLOCK:(i + 1) * BLOCK, j * BLOCK:(j + 1) * BLOCK]
        part = weight[block]
        scales[i, j] = mx.abs(part).max().item() / LARGEST_FLOAT8
        codes[block] = np.array(mx.to_fp8(part / scales[i, j].item()))
    return {"weight": mx.array(codes), "weight_scale_inv": mx.array(scales)}


def of_hub(pack):
    """On top of the Hub's layout of deepseek_v3."""
    def layout(tensors, config):
        return each_matrix(pack)(hub.deepseek_v3(tensors, config), config)
    return layout


def legacy(config, block, layout=as_mlx_lm_names_them, dtype=mx.float16,
           **more):
    return Variant(config | {"quantization_config": block}, dtype,
                   layout=layout, **more)


# What mlx-lm infers from shapes where config.json names no layer.
UNNAMED = {
    "model.embed_tokens": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
    "model.layers.0.self_attn.q_proj": {
        "group_size": 16, "bits": 4, "mode": "nvfp4"},
    "model.layers.1.mlp.down_proj": {
        "group_size": 32, "bits": 4, "mode": "mxfp4"},
    "model.layers.1.self_attn.k_proj": {"group_size": 32, "bits": 3}}

VARIANTS = {
    "qwen3-unnamed-modes": Variant(
        NARROW | {"quantization": {"group_size": 64, "bits": 4} | UNNAMED},
        unsaid=tuple(UNNAMED)),
    "qwen3-awq": legacy(NARROW, AWQ, each_matrix(awq)),
    "qwen3-gptq": legacy(
        NARROW, GPTQ, each_matrix(gptq),
        equal=legacy(NARROW, AWQ, each_matrix(awq))),
    "qwen3-gptq-desc-act": legacy(
        NARROW, GPTQ | {"desc_act": True}, each_matrix(gptq_in_any_order),
        equal=Variant(NARROW, mx.float16, layout=each_matrix(undone))),
    "deepseek_v3-compressed": legacy(LATENT, COMPRESSED, of_hub(compressed)),
    # More rows, and columns, than a block has.
    "deepseek_v3-fp8": legacy(
        LATENT | {"intermediate_size": 136}, FLOAT8, of_hub(float8),
        mx.bfloat16),
}
