#!/usr/bin/env python3
"""Writes trained weights as an MLX checkpoint, quantised to 8 bits.

Usage: python -m builtin_models.export TRAINED TOKENIZER_FOLDER OUT   (from tools/)
TRAINED is what train.py wrote; needs mlx.
"""
import json
import pathlib
import shutil
import sys

import mlx.core as mx

from .corpus import FOLDER

BITS, GROUP = 8, 64


def quantised(weights):
    """Matrices become weight, scales and biases; vectors stay bfloat16."""
    out = {}
    for name, weight in weights.items():
        if weight.ndim == 1:
            out[name] = weight
            continue
        packed, scales, biases = mx.quantize(weight, group_size=GROUP, bits=BITS)
        stem = name.removesuffix(".weight")
        out |= {name: packed, f"{stem}.scales": scales, f"{stem}.biases": biases}
    return out


def config_of(shape, end_tokens):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "vocab_size": shape["vocab"], "hidden_size": shape["hidden"], "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"], "num_key_value_heads": shape["kv_heads"], "head_dim": shape["head_dim"],
        "intermediate_size": shape["mlp"], "max_position_embeddings": shape["positions"],
        "rope_theta": shape["rope_theta"], "rms_norm_eps": shape["eps"], "tie_word_embeddings": True,
        "attention_bias": False, "mlp_bias": False, "torch_dtype": "bfloat16", "eos_token_id": end_tokens,
        "quantization": {"group_size": GROUP, "bits": BITS}}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def main(trained, tokenizer, out):
    trained, tokenizer, out = map(pathlib.Path, (trained, tokenizer, out))
    out.mkdir(parents=True, exist_ok=True)
    weights = {}
    for part in sorted(trained.glob("weights-*.safetensors")):
        weights |= mx.load(str(part))
    mx.save_safetensors(str(out / "model.safetensors"), quantised(weights), {"format": "mlx"})
    added = json.loads((tokenizer / "tokenizer.json").read_text())["added_tokens"]
    end_tokens = [token["id"] for token in added if token["content"] in ("<|im_end|>", "<|endoftext|>")]
    write_json(out / "config.json", config_of(json.loads((trained / "train.json").read_text())["shape"], end_tokens))
    write_json(out / "generation_config.json", {"eos_token_id": end_tokens, "temperature": 0.0})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if out != tokenizer:
            shutil.copy(tokenizer / name, out / name)
    shutil.copy(FOLDER / "chat_template.jinja", out / "chat_template.jinja")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
