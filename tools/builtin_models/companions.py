"""The small networks beside the chat model (PyTorch)."""
import torch
from torch import nn

from .llama import Shape, Trunk, initialise

REWARD = Shape(hidden=128, layers=3, heads=4, kv_heads=2, mlp=256)
EMBEDDING = Shape(hidden=192, layers=2, heads=6, kv_heads=3, mlp=384)
# Shorter runs with larger batches than the chat model's: longer memory.
FITTING = {"warm_up": 0.05, "betas": (0.9, 0.98)}


class Reward(nn.Module):
    def __init__(self, shape=REWARD):
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        self.score = nn.Linear(shape.hidden, 1, bias=False)
        initialise(self)

    def forward(self, tokens, lengths):
        """One score a row, taken at its last token: (rows,)."""
        hidden = self.model(tokens)
        return self.score(hidden[torch.arange(len(tokens), device=tokens.device), lengths - 1]).squeeze(-1)


class Embedding(nn.Module):
    def __init__(self, shape=EMBEDDING):
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        initialise(self)

    def forward(self, tokens, lengths):
        """The mean over all tokens of a row, not yet of length 1: (rows, hidden)."""
        hidden = self.model(tokens)
        there = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        return (hidden * there[..., None]).sum(1) / lengths[:, None]


def padded(rows, device):
    """Lists of ids -> tokens (rows, longest) and lengths (rows,). What fills up
    stands behind, where a causal model does not see it."""
    lengths = torch.tensor([len(row) for row in rows])
    tokens = torch.zeros((len(rows), int(lengths.max())), dtype=torch.long)
    for i, row in enumerate(rows):
        tokens[i, :len(row)] = torch.tensor(row)
    return tokens.to(device), lengths.to(device)
