"""What mlx-lm says of a checkpoint: in float32, without a cache."""
import mlx.core as mx
import numpy as np
from mlx_lm.utils import load_model

from .corrections import correct

ANSWER_TOKENS = 64
# Between the two best tokens, as a part of the logits' range: far above any
# rounding.
LEAST_GAP = 2e-3
# Of logits in the checkpoint's own type: a router at a tie goes far astray.
MOST_ROUNDING = {mx.bfloat16: 0.35, mx.float16: 0.04, mx.float32: 1e-3}
# An answer that goes in the smallest circles tells little of the context.
LEAST_DIFFERENT = 8

gather_mm = mx.gather_mm


def gather_mm_in_float32(x, weight, **which):
    """The CPU knows no other type."""
    product = gather_mm(x.astype(mx.float32), weight.astype(mx.float32),
                        **which)
    return product.astype(x.dtype)


mx.gather_mm = gather_mm_in_float32


def load(folder, config, dtype=None):
    """In its own type if none is asked for."""
    model, _ = load_model(folder)
    if dtype:
        model.set_dtype(dtype)
    correct(model, config)
    return model


def logits(model, tokens):
    """(T) -> (T, V)"""
    return model(mx.array(tokens)[None])[0]


def greedy(model, prompt):
    """None if it comes too close to a tie or repeats itself too soon."""
    tokens = list(prompt)
    for _ in range(ANSWER_TOKENS):
        scores = np.array(logits(model, tokens)[-1])
        second, best = np.partition(scores, (-2, -1))[-2:]
        if best - second < LEAST_GAP * (best - scores.min()):
            return None
        tokens.append(int(scores.argmax()))
    answer = tokens[len(prompt):]
    return answer if len(set(answer)) >= LEAST_DIFFERENT else None


def rounding(own, exact):
    """How far the logits go astray in the checkpoint's own type."""
    return max(mx.abs(some.astype(mx.float32) - wanted).max().item()
               for some, wanted in zip(own, exact))
