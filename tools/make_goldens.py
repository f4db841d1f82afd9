#!/usr/bin/env python3
"""Makes tests/data/models: tiny random checkpoints, and what mlx-lm says.

Each folder holds a checkpoint of awkward sizes and goldens.safetensors with
prompts (tokens.N), the logits of all their positions (logits.N) and the greedy
answer to the last prompt (greedy), computed by mlx-lm in float32. The tables
are in tools/goldens: a name is a model_type and what is special. The same seed
gives the same files. Needs mlx-lm 0.32.2.
Usage: make_goldens.py [FOLDER [NAME...]]
"""
import pathlib
import sys
import tempfile

import mlx.core as mx

from goldens import dense, hybrid, legacy, llama, moe, packed
from goldens.checkpoint import write_checkpoint
from goldens.reference import MOST_ROUNDING, greedy, load, logits, rounding
from goldens.weights import rng_of

MOST_ATTEMPTS = 100
VARIANTS = (llama.VARIANTS | dense.VARIANTS | packed.VARIANTS
            | moe.VARIANTS | hybrid.VARIANTS | legacy.VARIANTS)


def prompts(name, variant, attempt):
    return [rng_of(name, attempt, f"tokens.{i}")
            .integers(0, variant.config["vocab_size"], length).tolist()
            for i, length in enumerate(variant.prompt_lengths)]


def goldens_of(folder, variant, asked):
    """None if other arithmetic might give another answer."""
    model = load(folder, variant.config, mx.float32)
    answer = greedy(model, asked[-1])
    if answer is None:
        return None
    scores = [logits(model, tokens) for tokens in asked]
    model = load(folder, variant.config)
    own = [logits(model, tokens) for tokens in asked]
    if rounding(own, scores) > MOST_ROUNDING[variant.dtype]:
        return None
    goldens = {"greedy": mx.array(answer, mx.int32)}
    for i, tokens in enumerate(asked):
        goldens[f"tokens.{i}"] = mx.array(tokens, mx.int32)
        goldens[f"logits.{i}"] = scores[i]
    return goldens


def reference_goldens(folder, variant, attempt, asked):
    """Weights are drawn by the folder's name, so that an equal has the same."""
    if not variant.equal:
        return goldens_of(folder, variant, asked)
    with tempfile.TemporaryDirectory() as parent:
        equal = pathlib.Path(parent) / folder.name
        write_checkpoint(equal, variant.equal, attempt)
        return goldens_of(equal, variant.equal, asked)


def make(folder, variant):
    """The first attempt that gives goldens."""
    for attempt in range(MOST_ATTEMPTS):
        write_checkpoint(folder, variant, attempt)
        asked = prompts(folder.name, variant, attempt)
        goldens = reference_goldens(folder, variant, attempt, asked)
        if goldens:
            mx.save_safetensors(str(folder / "goldens.safetensors"), goldens)
            return attempt
    sys.exit(f"{folder.name}: no attempt is good enough; change its config")


def main(folder, names):
    mx.set_default_device(mx.cpu)
    for name in names or VARIANTS:
        attempt = make(folder / name, VARIANTS[name])
        print(f"{name} (attempt {attempt})", flush=True)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1
         else here / "tests" / "data" / "models", sys.argv[2:])
