#!/usr/bin/env python3
"""Trains the reward model: polite answers above rude ones.

Usage: python -m builtin_models.train_reward --tokenizer FILE --out FOLDER   (from tools/)
The score stands at the last token of the whole conversation as the chat template
renders it, the line break after the answer's <|im_end|>; there is no token behind it.
Writes FOLDER/weights-N.safetensors (bfloat16) and FOLDER/train.json.
"""
import random

import torch
import torch.nn.functional as F

from . import politeness
from .companions import FITTING, REWARD, Reward, padded
from .corpus import SPECIAL, Renderer, load_tokenizer
from .training import begin, fit, parser_of
from .weights import save

PAIRS = 40_000
HELD_OUT = 500
# Holds the scores around zero, so that their sign says something too.
CENTRE = 0.01
# Of the tokens are exchanged for any others while training, so that no phrase
# is learned by heart: without it, wordings never seen fooled the model.
NOISE = 0.15


def encoded(tokenizer, pairs):
    """A pair is two lists of ids, the better one first."""
    renderer = Renderer()
    texts = [renderer.whole(sample) for pair in pairs for sample in pair.conversations()]
    ids = [each.ids for each in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return list(zip(ids[::2], ids[1::2]))


def scores(model, rows, device):
    """Of pairs: those of the better answers and those of the worse, (pairs,) each."""
    return model(*padded([ids for pair in rows for ids in pair], device)).view(-1, 2).unbind(1)


def noisy(rng, ids):
    """The end, where the score is taken, stays."""
    return [rng.randrange(len(SPECIAL), REWARD.vocab) if rng.random() < NOISE else token for token in ids[:-2]] + ids[-2:]


def train(tokenizer, options):
    begin(options)
    rng = random.Random(options.seed)
    rows = encoded(tokenizer, [politeness.training_pair(rng) for _ in range(PAIRS)])
    model = Reward().to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(rows):,} pairs", flush=True)

    def loss_of():
        chosen = [[noisy(rng, ids) for ids in pair] for pair in rng.sample(rows, options.batch)]
        better, worse = scores(model, chosen, options.device)
        return (-F.logsigmoid(better - worse) + CENTRE * (better + worse)**2).mean()
    return model, fit(model.parameters(), loss_of, options, **FITTING)


@torch.no_grad()
def accuracy(model, rows, device):
    better, worse = scores(model, rows, device)
    return (better > worse).float().mean().item()


def main():
    options = parser_of(__doc__, steps=1500, batch=256, rate=2e-3, decay=0.05).parse_args()
    tokenizer = load_tokenizer(options.tokenizer)
    model, log = train(tokenizer, options)
    found = {}
    for kind in politeness.KINDS:
        rows = encoded(tokenizer, politeness.held_out(HELD_OUT, 1, kind))
        found[" over ".join(kind)] = round(accuracy(model, rows, options.device), 4)
    print("held out:", ", ".join(f"{kind} {share:.1%}" for kind, share in found.items()))
    save(model, options, held_out=found, log=log)


if __name__ == "__main__":
    main()
