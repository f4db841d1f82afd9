#!/usr/bin/env python3
"""Trains the embedding model: what means the same lies close together.

Usage: python -m builtin_models.train_embedding --tokenizer FILE --out FOLDER   (from tools/)
A sentence's vector is the mean of the hidden states of all its tokens, without
any token added, brought to length 1. Its first 64 and 128 numbers, brought to
length 1 again, are trained to serve alone.
Writes FOLDER/weights-N.safetensors (bfloat16) and FOLDER/train.json.
"""
import random

import torch
import torch.nn.functional as F

from . import paraphrases
from .companions import EMBEDDING, FITTING, Embedding, padded
from .corpus import load_tokenizer
from .training import begin, fit, parser_of
from .weights import save

SIZES = [64, 128, EMBEDDING.hidden]
TEMPERATURE = 0.05
CLUSTERS = 60_000  # of three pairs; drawn from at random
HELD_OUT = 500


def encoded(tokenizer, sentences):
    return [each.ids for each in tokenizer.encode_batch(sentences, add_special_tokens=False)]


def prepared(tokenizer, rng):
    """Clusters of (key as a number, ids, ids)."""
    said = [each for _ in range(CLUSTERS) for each in paraphrases.cluster(rng)]
    keys = {key: i for i, key in enumerate({key: None for key, _, _ in said})}
    ids = encoded(tokenizer, [text for _, *pair in said for text in pair])
    rows = [(keys[key], ids[2 * i], ids[2 * i + 1]) for i, (key, _, _) in enumerate(said)]
    return [rows[i:i + 3] for i in range(0, len(rows), 3)]


def contrast(left, right, keys):
    """Each sentence is to find its paraphrase among all of the batch; others
    with its key mean the same, so they are no mistakes."""
    same = (keys[:, None] == keys) & ~torch.eye(len(keys), dtype=torch.bool, device=keys.device)
    likeness = (left @ right.T / TEMPERATURE).masked_fill(same, -torch.inf)
    target = torch.arange(len(keys), device=keys.device)
    return (F.cross_entropy(likeness, target) + F.cross_entropy(likeness.T, target)) / 2


def shortened(vectors, size):
    return F.normalize(vectors[:, :size], dim=-1)


def train(tokenizer, options):
    begin(options)
    rng = random.Random(options.seed)
    clusters = prepared(tokenizer, rng)
    model = Embedding().to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(clusters):,} clusters", flush=True)

    def loss_of():
        rows = [row for each in rng.sample(clusters, options.batch // 3) for row in each]
        keys = torch.tensor([key for key, _, _ in rows], device=options.device)
        vectors = model(*padded([ids for _, *pair in rows for ids in pair], options.device))
        return sum(contrast(*shortened(vectors, size).view(-1, 2, size).unbind(1), keys) for size in SIZES) / len(SIZES)
    return model, fit(model.parameters(), loss_of, options, **FITTING)


@torch.no_grad()
def accuracy(model, tokenizer, triples, size, device):
    """How often the paraphrase is nearer than the other sentence."""
    ids = encoded(tokenizer, [text for triple in triples for text in triple])
    said, same, other = shortened(model(*padded(ids, device)), size).view(-1, 3, size).unbind(1)
    return ((said * same).sum(1) > (said * other).sum(1)).float().mean().item()


def main():
    options = parser_of(__doc__, steps=1500, batch=768, rate=2e-3, decay=0.05).parse_args()
    tokenizer = load_tokenizer(options.tokenizer)
    model, log = train(tokenizer, options)
    found = {}
    for kind in paraphrases.KINDS:
        triples = paraphrases.held_out(HELD_OUT, 1, kind)
        found[kind] = {size: round(accuracy(model, tokenizer, triples, size, options.device), 4) for size in SIZES}
        print(f"held out, {kind}:", ", ".join(f"{size} numbers {share:.1%}" for size, share in found[kind].items()))
    save(model, options, sizes=SIZES, held_out=found, log=log)


if __name__ == "__main__":
    main()
