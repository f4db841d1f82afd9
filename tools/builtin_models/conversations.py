"""What an adapter is trained on, as tokens (PyTorch)."""
import random

import torch

from .behaviours import conversation
from .corpus import SAID, Renderer


class Conversations:
    """Each alone in its row. Packed one behind the other, those before would
    show how to speak, and the adapter would have to learn it only in part."""

    def __init__(self, behaviour, tokenizer, count, longest, seed):
        self.rng, self.tokenizer, self.renderer = random.Random(seed), tokenizer, Renderer()
        rows = [self._row(conversation(behaviour, self.rng)) for _ in range(count)]
        self.rows = [row for row in rows if sum(map(len, row)) <= longest]

    def _row(self, sample):
        """-> tokens before the last answer, and of it"""
        pieces = self.renderer.pieces(sample)[:-1]  # the last one follows the answer
        tokens = [each.ids for each in self.tokenizer.encode_batch([text for text, _ in pieces], add_special_tokens=False)]
        answer = 1 + max(i for i, (_, role) in enumerate(pieces) if role != SAID)
        return sum(tokens[:answer], []), sum(tokens[answer:], [])

    def batch(self, rows, device):
        """-> tokens (rows, length), and which of them are to be said"""
        chosen = self.rng.sample(self.rows, rows)
        length = max(len(prompt) + len(said) for prompt, said in chosen)
        tokens, is_said = torch.zeros(rows, length, dtype=torch.long), torch.zeros(rows, length, dtype=torch.bool)
        for i, (prompt, said) in enumerate(chosen):
            end = len(prompt) + len(said)
            tokens[i, :end] = torch.tensor(prompt + said)
            is_said[i, len(prompt):end] = True
        return tokens.to(device), is_said.to(device)
