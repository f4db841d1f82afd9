#!/usr/bin/env python3
"""Trains a decoder on endless synthetic conversations.

Usage: python -m builtin_models.train --tokenizer FILE --out FOLDER [--seconds N]   (from tools/)
Writes FOLDER/weights-{1,2}.safetensors (bfloat16) and FOLDER/train.json. A seed
gives the same data and the same weights, up to the rounding of the device.
--seconds ends earlier, cooling down as if that had been planned.
"""
import argparse
import math
import multiprocessing
import time

import numpy as np
import torch
import torch.nn.functional as F

from torch.nn.attention.flex_attention import create_block_mask

from .corpus import END_OF_TEXT, GIVEN, SAID, TOKEN, Rows, load_tokenizer
from .llama import Llama, Shape
from .weights import save

POOL_ROWS = 200_000  # the newest rows; drawn from at random

SHAPES = {"chat": Shape(), "draft": Shape(hidden=128, layers=3, heads=4, kv_heads=2, mlp=256)}


def produce(tokenizer_file, length, seed, rows):
    source = Rows(load_tokenizer(tokenizer_file), length, seed)
    while True:
        rows.put(source.more())


class Pool:
    """Rows as workers make them, on the device. Workers are asked in turn, so
    that the same seed gives the same rows in the same order."""

    def __init__(self, options):
        self.device = options.device
        self.rows = torch.empty((POOL_ROWS, options.length + 1), dtype=torch.int32, device=self.device)
        self.made = 0
        context = multiprocessing.get_context("spawn")
        self.queues = [context.Queue(16) for _ in range(options.workers)]
        for i, rows in enumerate(self.queues):
            context.Process(target=produce, args=(options.tokenizer, options.length, f"{options.seed} {i}", rows), daemon=True).start()
        self.turn = 0
        while self.made < options.first_rows:
            self.grow()

    def grow(self):
        """By what one worker makes at a time, about 12 rows."""
        rows = self.queues[self.turn % len(self.queues)].get()
        self.turn += 1
        at = self.made % POOL_ROWS
        rows = torch.from_numpy(rows[:POOL_ROWS - at].astype(np.int32))
        self.rows[at:at + len(rows)] = rows.to(self.device)
        self.made += len(rows)

    def batch(self, rows):
        return self.rows[torch.randint(min(self.made, POOL_ROWS), (rows,), device=self.device)]


def mask_of(tokens, end):
    """Nobody sees another conversation of the row: each ends in `end`."""
    is_end = (tokens == end).int()
    talk = is_end.cumsum(1) - is_end

    def visible(row, _, q, k):
        return (q >= k) & (talk[row, q] == talk[row, k])
    return create_block_mask(visible, len(tokens), None, tokens.shape[1], tokens.shape[1], tokens.device.type)


def loss_of(model, batch, end):
    tokens, said, given = batch & TOKEN, batch & SAID, batch & GIVEN
    read = tokens[:, :-1]
    logits = model(read, mask_of(read, end)).float()
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten().long(), reduction="none")
    # What others say teaches the language, what it is to say itself the rest.
    weight = torch.where(said > 0, 1.0, 0.1).masked_fill(given > 0, 0)[:, 1:].flatten()
    return (losses * weight).sum() / weight.sum()


def rate(done, warm_up=0.01, cool_down=0.6):
    """Of the peak, when this share of the time is done."""
    if done < warm_up:
        return done / warm_up
    return min(1.0, (1 - done) / cool_down) if done < 1 else 0.0


def optimizer_of(model, options):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate, betas=(0.9, 0.95), fused=options.device == "cuda")


def train(options):
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    pool = Pool(options)
    model = Llama(SHAPES[options.size]).to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters; {pool.made:,} rows to begin with", flush=True)
    optimizer = optimizer_of(model, options)
    compiled = torch.compile(model) if options.device == "cuda" else model
    end = load_tokenizer(options.tokenizer).token_to_id(END_OF_TEXT)
    began, step, log = time.monotonic(), 0, []
    while True:
        done = max(step / options.steps, (time.monotonic() - began) / options.seconds)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate(done)
        with torch.autocast(options.device, torch.bfloat16):
            loss = loss_of(compiled, pool.batch(options.batch), end)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for _ in range(options.fresh):
            pool.grow()
        step += 1
        if step % 200 == 0:
            log.append({"step": step, "loss": round(loss.item(), 4), "rows_made": pool.made,
                        "seconds": round(time.monotonic() - began, 1)})
            print(log[-1], flush=True)
    return model, log


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--out", required=True, help="folder for the weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end by then at the latest")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=64, help="rows a step")
    parser.add_argument("--length", type=int, default=2048, help="tokens a row")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--size", choices=SHAPES, default="chat")
    parser.add_argument("--fresh", type=int, default=4, help="times that rows are added to the pool, a step")
    parser.add_argument("--workers", type=int, default=14, help="processes that make text")
    parser.add_argument("--first-rows", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model, log = train(options)
    save(model, options.out, log=log)


if __name__ == "__main__":
    main()
