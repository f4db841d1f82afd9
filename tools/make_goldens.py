#!/usr/bin/env python3
"""Makes tests/data/models: tiny random checkpoints and what mlx-lm says of them.

Each folder holds a checkpoint of awkward sizes and goldens.safetensors with
prompts (tokens.N) and the logits of all their positions (logits.N), computed by
mlx-lm in float32. The same seed gives the same files. Needs mlx-lm 0.32.2.
Usage: make_goldens.py [FOLDER]
"""
import json
import pathlib
import shutil
import sys
import zlib

import mlx.core as mx
import numpy as np
from mlx_lm.utils import load_model

SEED = 20261124
PROMPT_LENGTHS = (1, 7, 39)
SHARDS = 3

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_act": "silu", "hidden_size": 36, "intermediate_size": 52,
    "num_hidden_layers": 2, "num_attention_heads": 6,
    "num_key_value_heads": 2, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
    "vocab_size": 67, "bos_token_id": 1, "eos_token_id": 2}
MISTRAL = LLAMA | {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral",
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 18,
    "rope_theta": 1e6, "sliding_window": None}
PACKED = LLAMA | {
    "hidden_size": 64, "num_attention_heads": 4, "head_dim": 16,
    "intermediate_size": 192}


def quantization(bits, group_size, **layers):
    block = {"group_size": group_size, "bits": bits}
    return block | {path.replace("__", "."): spec
                    for path, spec in layers.items()}


# name -> config, weight dtype, and what is special about the files
VARIANTS = {
    "llama-f32": dict(config=LLAMA, dtype=mx.float32),
    "llama-f16-tied": dict(
        config=LLAMA | {"tie_word_embeddings": True,
                        "num_key_value_heads": 6}, dtype=mx.float16),
    "llama-bf16-biases": dict(
        config=LLAMA | {"attention_bias": True, "mlp_bias": True,
                        "head_dim": 10}, dtype=mx.bfloat16, inv_freq=True),
    "llama-llama3-rope": dict(
        config=LLAMA | {
            "rope_theta": 500000.0, "head_dim": 20,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}}, dtype=mx.float32),
    "llama-linear-rope": dict(
        config=LLAMA | {"rope_traditional": True, "rope_scaling": {
            "type": "linear", "factor": 2.5}}, dtype=mx.float32),
    "llama-layer-types": dict(
        config=LLAMA | {
            "num_hidden_layers": 3, "sliding_window": 5, "layer_types": [
                "sliding_attention", "full_attention", "sliding_attention"]},
        dtype=mx.float32),
    "llama-4bit": dict(
        config=PACKED | {"quantization": quantization(4, 64)},
        dtype=mx.bfloat16),
    "llama-8bit-tied": dict(
        config=PACKED | {"tie_word_embeddings": True,
                         "quantization": quantization(8, 32)},
        dtype=mx.float16),
    "llama-mixed-bits": dict(
        config=PACKED | {"quantization": quantization(
            4, 32, lm_head=False,
            model__layers__0__mlp__down_proj={"group_size": 64, "bits": 8},
            model__layers__1__self_attn__q_proj={"group_size": 32, "bits": 8},
        ), "attention_bias": True}, dtype=mx.float32),
    "mistral-f32": dict(config=MISTRAL, dtype=mx.float32),
    "mistral-window": dict(
        config=MISTRAL | {"sliding_window": 6}, dtype=mx.float32),
    "mistral-4bit-128": dict(
        config=MISTRAL | {
            "hidden_size": 128, "num_attention_heads": 4, "head_dim": 32,
            "intermediate_size": 128, "num_hidden_layers": 1,
            "quantization": quantization(4, 128)}, dtype=mx.float16),
    "mistral-bf16-sharded": dict(
        config=MISTRAL, dtype=mx.bfloat16, sharded=True),
}


def tensor_shapes(config):
    width, ffn = config["hidden_size"], config["intermediate_size"]
    heads, groups = (config["num_attention_heads"],
                     config["num_key_value_heads"])
    head = config.get("head_dim", width // heads)
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], width),
              "model.norm.weight": (width,)}
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{at}{norm}.weight"] = (width,)
        for name, out, inner, biased in (
                ("self_attn.q_proj", heads * head, width, "attention_bias"),
                ("self_attn.k_proj", groups * head, width, "attention_bias"),
                ("self_attn.v_proj", groups * head, width, "attention_bias"),
                ("self_attn.o_proj", width, heads * head, "attention_bias"),
                ("mlp.gate_proj", ffn, width, "mlp_bias"),
                ("mlp.up_proj", ffn, width, "mlp_bias"),
                ("mlp.down_proj", width, ffn, "mlp_bias")):
            shapes[f"{at}{name}.weight"] = (out, inner)
            if config[biased]:
                shapes[f"{at}{name}.bias"] = (out,)
    return shapes


def random_tensors(config, dtype, rng):
    tensors = {}
    for name, shape in tensor_shapes(config).items():
        values = rng.standard_normal(shape)
        if "norm" in name:
            values = 1 + 0.2 * values
        elif "embed" not in name:
            values = values * (0.3 if name.endswith("bias")
                               else 1.2 / np.sqrt(shape[-1]))
        tensors[name] = mx.array(values.astype(np.float32)).astype(dtype)
    return tensors


def quantize(tensors, block):
    packed = {}
    for name, value in tensors.items():
        path = name.removesuffix(".weight")
        spec = block.get(path, block)
        if value.ndim != 2 or spec is False:
            packed[name] = value
            continue
        w, scales, biases = mx.quantize(
            value, group_size=spec["group_size"], bits=spec["bits"])
        packed |= {name: w, f"{path}.scales": scales, f"{path}.biases": biases}
    return packed


def save_weights(folder, tensors, sharded):
    meta = {"format": "mlx"}
    if not sharded:
        mx.save_safetensors(
            str(folder / "model.safetensors"), tensors, metadata=meta)
        return
    names, weight_map = sorted(tensors), {}
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05d}-of-{SHARDS:05d}.safetensors"
        part = {name: tensors[name] for name in names[shard::SHARDS]}
        mx.save_safetensors(str(folder / file), part, metadata=meta)
        weight_map |= dict.fromkeys(part, file)
    total = sum(value.nbytes for value in tensors.values())
    write_json(folder / "model.safetensors.index.json", {
        "metadata": {"total_size": total},
        "weight_map": dict(sorted(weight_map.items()))})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def reference(folder, config):
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    if config["model_type"] == "mistral" and config["sliding_window"]:
        # mlx-lm goes by layer_types alone; Mistral slides in every layer.
        model.model.sliding_window = config["sliding_window"]
        model.model.swa_idx = 0
        for layer in model.model.layers:
            layer.use_sliding = True
    return model


def make(folder, config, dtype, inv_freq=False, sharded=False):
    rng = np.random.default_rng([SEED, zlib.crc32(folder.name.encode())])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = random_tensors(config, dtype, rng)
    if "quantization" in config:
        tensors = quantize(tensors, config["quantization"])
    if inv_freq:
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = mx.ones(5)
    save_weights(folder, tensors, sharded)
    write_json(folder / "config.json", config)
    model, goldens = reference(folder, config), {}
    for i, length in enumerate(PROMPT_LENGTHS):
        tokens = rng.integers(0, config["vocab_size"], length)
        goldens[f"tokens.{i}"] = mx.array(tokens.astype(np.int32))
        goldens[f"logits.{i}"] = model(mx.array(tokens)[None])[0]
    mx.save_safetensors(str(folder / "goldens.safetensors"), goldens)


def main(folder):
    mx.set_default_device(mx.cpu)
    for name, variant in VARIANTS.items():
        make(folder / name, **variant)
        print(name)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1
         else here / "tests" / "data" / "models")
