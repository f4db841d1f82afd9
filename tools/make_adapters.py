#!/usr/bin/env python3
"""Makes tests/data/adapters: small random LoRA and DoRA adapters, each for a
checkpoint of tests/data, and what mlx-lm says of the two together.

mlx-lm itself lays the adapters out and loads them again. A folder NAME holds
adapter_config.json, whose "model" is the checkpoint, adapters.safetensors, and
goldens: for tiny-chat goldens.json with greedy answers and their
log-probabilities, for the others goldens.safetensors as make_goldens.py writes
it. The same seed gives the same files. Needs mlx-lm 0.32.2.
Usage: make_adapters.py [FOLDER]
"""
import json
import pathlib
import shutil
import sys
import zlib

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from mlx_lm.utils import load_model

from goldens.checkpoint import write_json
from goldens.variant import PROMPT_LENGTHS

SEED = 20261124
DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
ANSWER_TOKENS = 24
CHAT_PROMPT_LENGTHS = (1, 5, 17, 40, 90)
LEAST_GAP = 1e-3  # between the two best tokens: far above any rounding
LEAVES = ("lora_a", "lora_b", "m")

HEAD_AND_SOME = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj",
                 "lm_head"]

DELTA = ["linear_attn.in_proj_qkvz", "linear_attn.in_proj_ba",
         "linear_attn.out_proj", "self_attn.q_proj"]

# name -> checkpoint, kind, rank, scale, layers from the end, modules (None: all
# of the layers), type of the tensors
VARIANTS = {
    "tiny-chat-lora": dict(
        model="tiny-chat", kind="lora", rank=4, scale=2.0, layers=2,
        keys=HEAD_AND_SOME),
    "tiny-chat-dora": dict(
        model="tiny-chat", kind="dora", rank=2, scale=1.5, layers=-1),
    "llama-4bit-lora": dict(
        model="models/llama-4bit", kind="lora", rank=5, scale=0.7, layers=2,
        dtype=mx.bfloat16),
    "llama-4bit-dora": dict(
        model="models/llama-4bit", kind="dora", rank=3, scale=20.0, layers=1,
        keys=HEAD_AND_SOME),
    "llama-bf16-biases-dora": dict(
        model="models/llama-bf16-biases", kind="dora", rank=1, scale=1.0,
        layers=2),
    # The rows of in_proj_qkvz and in_proj_ba are put in another order.
    "qwen3_next-lora": dict(
        model="models/qwen3_next", kind="lora", rank=3, scale=0.5, layers=-1,
        keys=DELTA),
    "qwen3_next-dora": dict(
        model="models/qwen3_next", kind="dora", rank=2, scale=0.5, layers=-1,
        keys=DELTA),
}


def random_leaf(name, value, rng):
    noise = rng.standard_normal(value.shape).astype(np.float32)
    if name.endswith(".m"):  # the length that the base has, more or less
        return value * mx.array(1 + 0.2 * noise)
    if name.endswith(".lora_a"):
        return mx.array(noise / np.sqrt(value.shape[0]))
    return mx.array(0.2 * noise)


def adapter_tensors(model, config, dtype, rng):
    linear_to_lora_layers(model, config["num_layers"],
                          config["lora_parameters"],
                          use_dora=config["fine_tune_type"] == "dora")
    leaves = {name: value for name, value in tree_flatten(model.parameters())
              if name.rsplit(".", 1)[-1] in LEAVES}
    return {name: random_leaf(name, leaves[name], rng).astype(dtype)
            for name in sorted(leaves)}


def greedy(model, prompt):
    """None if two tokens come too close for any other arithmetic to choose."""
    ids, answer, logprobs = list(prompt), [], []
    for _ in range(ANSWER_TOKENS):
        scores = model(mx.array(ids)[None])[0, -1]
        scores = scores - mx.logsumexp(scores)
        best = np.sort(np.array(scores))[::-1]
        if best[0] - best[1] < LEAST_GAP:
            return None
        answer.append(int(mx.argmax(scores)))
        logprobs.append(round(float(best[0]), 6))
        ids.append(answer[-1])
    return {"prompt": prompt, "ids": answer, "logprobs": logprobs}


def write_answers(folder, model, vocab, rng):
    answers = []
    for length in CHAT_PROMPT_LENGTHS:
        answer = None
        while answer is None:
            answer = greedy(model, rng.integers(4, vocab, length).tolist())
        answers.append(answer)
    lines = ",\n".join(map(json.dumps, answers))
    (folder / "goldens.json").write_text(f"[\n{lines}\n]\n")


def write_logits(folder, model, vocab, rng):
    goldens = {}
    for i, length in enumerate(PROMPT_LENGTHS):
        tokens = rng.integers(0, vocab, length)
        goldens[f"tokens.{i}"] = mx.array(tokens.astype(np.int32))
        goldens[f"logits.{i}"] = model(mx.array(tokens)[None])[0]
    mx.save_safetensors(str(folder / "goldens.safetensors"), goldens)


def make(folder, model, kind, rank, scale, layers, keys=None,
         dtype=mx.float32):
    rng = np.random.default_rng([SEED, zlib.crc32(folder.name.encode())])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parameters = {"rank": rank, "scale": scale, "dropout": 0.0}
    config = {"model": model, "fine_tune_type": kind, "num_layers": layers,
              "lora_parameters": parameters | ({"keys": keys} if keys else {})}
    write_json(folder / "adapter_config.json", config)
    base, _ = load_model(DATA / model)
    mx.save_safetensors(str(folder / "adapters.safetensors"),
                        adapter_tensors(base, config, dtype, rng))

    adapted, base_config = load_model(DATA / model)
    load_adapters(adapted, str(folder))
    adapted.set_dtype(mx.float32)
    adapted.eval()
    write = write_answers if model == "tiny-chat" else write_logits
    write(folder, adapted, base_config["vocab_size"], rng)


def main(folder):
    mx.set_default_device(mx.cpu)
    for name, variant in VARIANTS.items():
        make(folder / name, **variant)
        print(name)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1
         else DATA / "adapters")
