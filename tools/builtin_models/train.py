#!/usr/bin/env python3
"""Trains a decoder on endless synthetic conversations.

Usage: python -m builtin_models.train --tokenizer FILE --out FOLDER [--seconds N]   (from tools/)
Writes FOLDER/weights-N.safetensors (bfloat16) and FOLDER/train.json. A seed
gives the same data and the same weights, up to the rounding of the device.
"""
import torch
import torch.nn.functional as F

from .corpus import END_OF_TEXT, GIVEN, SAID, TOKEN, load_tokenizer
from .llama import Llama, Shape
from .pool import Pool
from .training import begin, fit, in_bfloat16, parser_of
from .visibility import mask_of
from .weights import save

SHAPES = {"chat": Shape(), "draft": Shape(hidden=128, layers=3, heads=4, kv_heads=2, mlp=256)}


def loss_of(model, batch, end):
    """batch (rows, length + 1), as Rows makes them."""
    tokens, said, given = batch & TOKEN, batch & SAID, batch & GIVEN
    read = tokens[:, :-1]
    logits = model(read, mask_of(read, end)).float()
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten().long(), reduction="none")
    # What others say teaches the language, what it is to say itself the rest.
    weight = torch.where(said > 0, 1.0, 0.1).masked_fill(given > 0, 0)[:, 1:].flatten()
    return (losses * weight).sum() / weight.sum()


def train(options):
    begin(options)
    pool = Pool(options)
    model = Llama(SHAPES[options.size]).to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters; {pool.made:,} rows to begin with", flush=True)
    compiled = torch.compile(model) if options.device == "cuda" else model
    end = load_tokenizer(options.tokenizer).token_to_id(END_OF_TEXT)

    def loss():
        with in_bfloat16(options.device):
            return loss_of(compiled, pool.batch(options.batch), end)
    log = fit(model.parameters(), loss, options, warm_up=0.01)
    return model, {"rows_made": pool.made, "log": log}


def main():
    parser = parser_of(__doc__, steps=10_000, batch=64, rate=3e-3, decay=0.1)
    parser.add_argument("--size", choices=SHAPES, default="chat")
    parser.add_argument("--length", type=int, default=2048, help="tokens a row")
    parser.add_argument("--fresh", type=int, default=2, help="times that rows are added to the pool, a step")
    parser.add_argument("--workers", type=int, default=14, help="processes that make text")
    parser.add_argument("--first-rows", type=int, default=2_500)
    options = parser.parse_args()
    model, story = train(options)
    save(model, options, **story)


if __name__ == "__main__":
    main()
