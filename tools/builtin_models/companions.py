"""The small networks beside the chat model, and the loop that trains them (PyTorch)."""
import math
import time

import torch
from torch import nn

from .llama import Shape, Trunk

REWARD = Shape(hidden=128, layers=3, heads=4, kv_heads=2, mlp=256)
EMBEDDING = Shape(hidden=192, layers=2, heads=6, kv_heads=3, mlp=384)


def initialise(model):
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            last = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(weight, std=0.04 / ((2 * model.shape.layers)**0.5 if last else 1))


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


def rate(done, warm_up=0.05):
    """Of the peak, when this share of the time is done."""
    return min(done / warm_up, (1 - done) / (1 - warm_up))


def fit(model, loss_of, options):
    """`loss_of` draws a batch each time it is called; the log of what came of it."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=options.decay)
    began, step, log = time.monotonic(), 0, []
    while True:
        done = max(step / options.steps, (time.monotonic() - began) / options.seconds)
        if done >= 1:
            return log
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate(done)
        loss = loss_of()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            log.append({"step": step, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - began)})
            print(log[-1], flush=True)


def add_options(parser, steps, batch, rate):
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--out", required=True, help="folder for the weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end by then, cooling down as if that had been planned")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=batch, help="pairs a step")
    parser.add_argument("--rate", type=float, default=rate, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
