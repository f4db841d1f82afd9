"""Rows of the chat model's text on the device, which workers keep adding to (PyTorch)."""
import multiprocessing

import numpy as np
import torch

from .corpus import Rows, load_tokenizer

POOL_ROWS = 200_000  # the newest rows; drawn from at random


def produce(tokenizer_file, length, seed, rows):
    source = Rows(load_tokenizer(tokenizer_file), length, seed)
    while True:
        rows.put(source.more())


class Pool:
    """Workers are asked in turn, so that the same seed gives the same rows in
    the same order."""

    def __init__(self, options):
        self.device, self.fresh = options.device, options.fresh
        self.rows = torch.empty((POOL_ROWS, options.length + 1), dtype=torch.int32, device=self.device)
        self.made = 0
        context = multiprocessing.get_context("spawn")
        self.queues = [context.Queue(16) for _ in range(options.workers)]
        for i, rows in enumerate(self.queues):
            told = (options.tokenizer, options.length, f"{options.seed} {i}", rows)
            context.Process(target=produce, args=told, daemon=True).start()
        self.turn = 0
        while self.made < options.first_rows:
            self._grow()

    def _grow(self):
        """By what one worker makes at a time, about 12 rows."""
        rows = self.queues[self.turn % len(self.queues)].get()
        self.turn += 1
        at = self.made % POOL_ROWS
        rows = torch.from_numpy(rows[:POOL_ROWS - at].astype(np.int32))
        self.rows[at:at + len(rows)] = rows.to(self.device)
        self.made += len(rows)

    def batch(self, rows):
        """(rows, length + 1); then the pool grows, so that text stays fresh."""
        drawn = self.rows[torch.randint(min(self.made, POOL_ROWS), (rows,), device=self.device)]
        for _ in range(self.fresh):
            self._grow()
        return drawn
