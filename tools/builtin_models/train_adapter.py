#!/usr/bin/env python3
"""Trains a LoRA or DoRA adapter for the chat model: one line of behaviours.py.

Usage: python -m builtin_models.train_adapter BEHAVIOUR --base TRAINED --tokenizer FILE --out FOLDER   (from tools/)
TRAINED is what train.py wrote. Writes FOLDER/adapters.safetensors (bfloat16,
named and laid out as mlx-lm does) and FOLDER/train.json. A seed gives the same
data and the same weights, up to the rounding of the device.
"""
import argparse
import json
import pathlib
import random
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from .behaviours import BEHAVIOURS, SKILLS_TO_CHANGE, conversation, right
from .corpus import Renderer, held_out, load_tokenizer
from .llama import Llama
from .quick_check import answers
from .train import rate
from .weights import load

RANK, SCALE = 8, 4.0
KEYS = [f"self_attn.{name}_proj" for name in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
GROUP, LEVELS = 64, 255  # of the checkpoint that is shipped: 8 bits
END = "<|im_end|>"


# The base as it is shipped ---------------------------------------------------

def as_shipped(weight):
    """What MLX's affine quantisation of 8 bits, and back, makes of a matrix."""
    w = weight.to(torch.bfloat16).float().view(-1, GROUP)
    low, high = w.amin(1, keepdim=True), w.amax(1, keepdim=True)
    # The scale is bent so that the edge farther from zero, and zero, are exact.
    edge, sign = torch.where(low.abs() > high.abs(), low, high), torch.where(low.abs() > high.abs(), 1.0, -1.0)
    scale = sign * ((high - low) / LEVELS).clamp(min=1e-7)
    steps = (edge / scale).round()
    scale = torch.where(steps != 0, edge / steps, scale)
    bias = torch.where(steps != 0, edge, 0.0)
    level = ((w - bias) / scale).round().clamp(0, LEVELS)
    scale, bias = scale.to(torch.bfloat16).float(), bias.to(torch.bfloat16).float()
    return (level * scale + bias).to(torch.bfloat16).to(weight.dtype).view_as(weight)


@torch.no_grad()
def load_base(folder, device):
    model = load(Llama, folder, device)
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.copy_(as_shipped(weight))
    return model.requires_grad_(False)


# Adapters, as mlx_lm/tuner/lora.py and dora.py compute them -------------------

class Lora(nn.Module):
    def __init__(self, linear):
        super().__init__()
        outputs, inputs = linear.weight.shape
        self.weight = linear.weight
        bound = inputs**-0.5
        self.lora_a = nn.Parameter(torch.empty(inputs, RANK).uniform_(-bound, bound).to(linear.weight.device))
        self.lora_b = nn.Parameter(torch.zeros(RANK, outputs, device=linear.weight.device))

    def forward(self, x):
        return F.linear(x, self.weight) + SCALE * (x @ self.lora_a @ self.lora_b)


class Dora(Lora):
    """The rows' lengths are learned apart from their directions."""

    def __init__(self, linear):
        super().__init__(linear)
        self.m = nn.Parameter(linear.weight.norm(dim=1))

    def forward(self, x):
        adapted = self.weight + SCALE * (self.lora_a @ self.lora_b).T
        return (self.m / adapted.norm(dim=1).detach()).to(x.dtype) * super().forward(x)


def adapt(model, kind):
    make = {"lora": Lora, "dora": Dora}[kind]
    for layer in model.model.layers:
        for key in KEYS:
            block, name = key.split(".")
            parent = getattr(layer, block)
            setattr(parent, name, make(getattr(parent, name)))


def adapter_of(model):
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


# Training --------------------------------------------------------------------

class Conversations:
    """Each alone in its row. Packed one behind the other, those before would
    show how to speak, and the adapter would have to learn it only in part."""

    def __init__(self, behaviour, tokenizer, count, longest, seed):
        self.rng, self.renderer, self.tokenizer = random.Random(seed), Renderer(), tokenizer
        drawn = [conversation(behaviour, self.rng) for _ in range(count)]
        prompts = self._tokens([self.renderer.prompt(sample) for sample, _ in drawn])
        said = self._tokens([answer + END for _, answer in drawn])
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


def loss_of(model, tokens, is_said):
    hidden = model.model(tokens[:, :-1])[is_said[:, 1:]]
    logits = F.linear(hidden, model.model.embed_tokens.weight).float()
    return F.cross_entropy(logits, tokens[:, 1:][is_said[:, 1:]])


def train(model, conversations, options):
    optimizer = torch.optim.AdamW(adapter_of(model).values(), lr=options.rate, betas=(0.9, 0.95), weight_decay=0.0)
    began, log = time.monotonic(), []
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate((step + 1) / (options.steps + 1), warm_up=0.05)
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
            loss = loss_of(model, *conversations.batch(options.batch, options.device))
        loss.backward()
        nn.utils.clip_grad_norm_(adapter_of(model).values(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 50 == 0 or step + 1 == options.steps:
            log.append({"step": step + 1, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - began)})
            print(log[-1], flush=True)
    return log


# What came of it -------------------------------------------------------------

def ask(model, tokenizer, samples, device):
    renderer = Renderer()
    prompts = [tokenizer.encode(renderer.prompt(sample), add_special_tokens=False).ids for sample in samples]
    return [tokenizer.decode(ids, skip_special_tokens=False)
            for ids in answers(model, prompts, tokenizer.token_to_id(END), device)]


def check(model, behaviour, tokenizer, options):
    """Of held-out prompts, a line a skill: the share said in its way, and the share right besides."""
    found = {}
    for skill in SKILLS_TO_CHANGE:
        samples = held_out(skill, options.prompts, 1)
        texts = ask(model, tokenizer, samples, options.device)
        shown = sum(map(behaviour.shows, texts)) / len(texts)
        wrong = [(sample, text) for sample, text in zip(samples, texts) if not right(behaviour, sample, text)]
        found[skill.name] = {"shown": round(shown, 3), "right": round(1 - len(wrong) / len(texts), 3)}
        print(f"{skill.name:20} shown {shown:6.1%}  right {found[skill.name]['right']:6.1%}", flush=True)
        for sample, text in wrong[:2]:
            print(f"      {sample.prompt()[-1]['content'][:150]!r} -> {text[:150]!r}")
    return found


def save(model, behaviour, folder, **story):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.detach().cpu().contiguous() for name, weight in adapter_of(model).items()},
              folder / "adapters.safetensors")
    adapter = {"behaviour": behaviour.name, "kind": behaviour.kind, "layers": len(model.model.layers), "rank": RANK,
               "scale": SCALE, "keys": KEYS}
    (folder / "train.json").write_text(json.dumps({**adapter, **story}, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("behaviour", choices=BEHAVIOURS)
    parser.add_argument("--base", required=True, help="folder of the chat model's trained weights")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--out", required=True, help="folder for the adapter")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64, help="conversations a step")
    parser.add_argument("--conversations", type=int, default=16_000, help="how many there are to draw from")
    parser.add_argument("--longest", type=int, default=512, help="tokens; longer conversations are left out")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--prompts", type=int, default=50, help="held-out prompts a skill for the check")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    behaviour, tokenizer = BEHAVIOURS[options.behaviour], load_tokenizer(options.tokenizer)
    conversations = Conversations(behaviour, tokenizer, options.conversations, options.longest, options.seed)
    model = load_base(options.base, options.device)
    adapt(model, behaviour.kind)
    log = train(model, conversations, options)
    model.to(torch.bfloat16)  # what is saved is what is checked
    save(model, behaviour, options.out, log=log, held_out=check(model, behaviour, tokenizer, options))


if __name__ == "__main__":
    main()
