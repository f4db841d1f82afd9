"""What an adapter is trained on, as tokens (PyTorch)."""
import random

import torch

from .behaviours import conversation
from .corpus import Renderer
from .greedy import END_OF_TURN


class Conversations:
    """Each alone in its row. Packed one behind the other, those before would
    show how to speak, and the adapter would have to learn it only in part."""

    def __init__(self, behaviour, tokenizer, count, longest, seed):
        self.rng, self.tokenizer = random.Random(seed), tokenizer
        renderer, drawn = Renderer(), [conversation(behaviour, self.rng) for _ in range(count)]
        prompts = self._tokens([renderer.prompt(sample) for sample, _ in drawn])
        said = self._tokens([answer + END_OF_TURN for _, answer in drawn])
        self.rows = [row for row in zip(prompts, said) if sum(map(len, row)) <= longest]

    def _tokens(self, texts):
        return [each.ids for each in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

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
