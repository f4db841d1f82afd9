#!/usr/bin/env python3
"""Makes random checkpoints of 100 to 500 MB: five families for bench_memory, and what has to be repacked for bench_load.
Those of about half a GB to measure decode and prefill with, 4 bits in groups of 64, are made where they are named.

Usage: make_random_models.py FOLDER [NAME...]     (with mlx-lm, from anywhere)
"""
import argparse
import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import make_gguf  # noqa: E402
from goldens import dense, hybrid, legacy, llama, moe  # noqa: E402
from goldens.checkpoint import write_checkpoint  # noqa: E402
from goldens.weights import rng_of  # noqa: E402

SMALL_ONES = llama.VARIANTS | dense.VARIANTS | moe.VARIANTS | hybrid.VARIANTS | legacy.VARIANTS
FOUR_BITS = {"quantization": {"group_size": 64, "bits": 4}}
WIDE = {"hidden_size": 1024, "vocab_size": 32000, "max_position_embeddings": 8192}
HEADS = {"num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64}

DENSE = WIDE | HEADS | {"num_hidden_layers": 12, "intermediate_size": 4096}

# name -> (a golden of the family, what is larger)
MODELS = {
    "llama": ("llama-hub", WIDE | HEADS | FOUR_BITS | {"num_hidden_layers": 24, "intermediate_size": 4096}),
    "gemma2": ("gemma2", DENSE),
    "qwen3_moe": ("qwen3_moe-hub", WIDE | HEADS | {
        "num_hidden_layers": 8, "num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 384}),
    "deepseek_v2": ("deepseek_v2", WIDE | FOUR_BITS | {
        "num_hidden_layers": 10, "num_attention_heads": 8, "num_key_value_heads": 8, "intermediate_size": 2816,
        "moe_intermediate_size": 512, "n_routed_experts": 16, "num_experts_per_tok": 4, "kv_lora_rank": 256,
        "qk_nope_head_dim": 64, "qk_rope_head_dim": 32, "v_head_dim": 64}),
    "mamba2": ("mamba2", WIDE | {
        "num_hidden_layers": 16, "intermediate_size": 2048, "head_dim": 64, "num_heads": 32, "state_size": 128,
        "time_step_limit": [0.001, 100.0]}),
    "awq": ("qwen3-awq", DENSE),
    "gptq": ("qwen3-gptq", DENSE),
}

# The widths of Phi-3 mini with 8 of its 32 layers; 64 experts of which a token takes 8, 1.1 billion weights in all;
# those of Qwen3-0.6B in bfloat16.
LARGER_MODELS = {
    "phi3-mini-8-layers": ("phi3", FOUR_BITS | {
        "hidden_size": 3072, "num_hidden_layers": 8, "intermediate_size": 8192, "num_attention_heads": 32,
        "num_key_value_heads": 32, "vocab_size": 32064,
        "max_position_embeddings": 4096, "original_max_position_embeddings": 4096}),
    "moe-64-experts": ("qwen3_moe", FOUR_BITS | WIDE | HEADS | {
        "num_hidden_layers": 10, "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 512}),
    "qwen3-600m-bf16": ("qwen3", {
        "hidden_size": 1024, "num_hidden_layers": 28, "intermediate_size": 3072, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
        "max_position_embeddings": 40960}),
}


GGUF_TYPES = ("Q4_K", "Q6_K", "Q8_0")  # NAME.gguf, llamas of the same size


def write_golden(folder, name):
    golden, larger = (MODELS | LARGER_MODELS)[name]
    small = SMALL_ONES[golden]
    write_checkpoint(folder / name, dataclasses.replace(small, config=small.config | larger, equal=None), 0)


def write_gguf(path, name):
    config = make_gguf.packed_config("llama") | DENSE
    tensors = {}
    for tensor, shape in make_gguf.shapes_of(config).items():
        kind = make_gguf.kind_of(tensor, shape, [name])
        raw, _ = make_gguf.draw(kind, shape, 0.03, rng_of(name, tensor))
        tensors[make_gguf.gguf_name(tensor)] = (kind, shape, raw)
    make_gguf.write_gguf(path, make_gguf.metadata_of(config, {}), tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*MODELS, *GGUF_TYPES]
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=names, metavar="NAME", help=", ".join([*names, *LARGER_MODELS]))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        if name in GGUF_TYPES:
            write_gguf(options.folder / f"{name}.gguf", name)
        else:
            write_golden(options.folder, name)
        print(name, flush=True)


if __name__ == "__main__":
    main()
