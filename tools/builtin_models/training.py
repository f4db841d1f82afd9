"""The loop that trains every model here, and what it is told (PyTorch)."""
import math
import pathlib
import time

import torch
from torch import nn

from . import command_line

COOL_DOWN = 0.6  # share of the run
LOG_LINES = 30


def parser_of(doc, **defaults):
    """What all training programs are told; each adds its own."""
    parser = command_line.parser_of(doc)
    parser.add_argument("--tokenizer", type=command_line.present_file, required=True, help="tokenizer.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, help="end by then, cooling down as if that had been planned")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int, help="rows, pairs or conversations a step")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--decay", type=float, help="of matrices, in each step and times the rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(**defaults)
    return parser


def begin(options):
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")


def in_bfloat16(device):
    """Where that is faster; on most CPUs it is not."""
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")


def rate(done, warm_up):
    """Of the peak, when this share of the run is done: up, level, and down to nothing."""
    return min(1.0, done / warm_up, (1 - done) / COOL_DOWN)


def optimizer_of(parameters, options, betas):
    matrices = [p for p in parameters if p.dim() == 2]
    others = [p for p in parameters if p.dim() != 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": options.decay}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate, betas=betas, fused=options.device == "cuda")


def fit(parameters, loss_of, options, *, warm_up, betas=(0.9, 0.95)):
    """`loss_of` draws a batch each time it is called. Returns the log."""
    parameters = list(parameters)
    optimizer = optimizer_of(parameters, options, betas)
    limit, every = options.seconds or math.inf, max(1, options.steps // LOG_LINES)
    began, step, log = time.monotonic(), 0, []
    while (done := max(step / options.steps, (time.monotonic() - began) / limit)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate(done, warm_up)
        loss = loss_of()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step == 1 or step % every == 0:  # the first, to show that it goes
            log.append({"step": step, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - began, 1)})
            print(log[-1], flush=True)
    return log
