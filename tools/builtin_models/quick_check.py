#!/usr/bin/env python3
"""How often the trained weights answer held-out prompts rightly, in PyTorch.

Usage: python -m builtin_models.quick_check TOKENIZER FOLDER [PROMPTS_PER_SKILL]
For a look during training; the model card's figures come from evaluate.py,
which asks the server.
"""
import sys

import torch

from .corpus import Renderer, held_out, load_tokenizer
from .llama import Llama
from .skills import SKILLS
from .weights import load

LONGEST_ANSWER = 200


@torch.no_grad()
def answers(model, prompts, end, device):
    """Greedy; each step reads everything anew, which a model this small can afford."""
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    tokens = torch.zeros((len(prompts), int(lengths.max()) + LONGEST_ANSWER), dtype=torch.long, device=device)
    for i, prompt in enumerate(prompts):
        tokens[i, :len(prompt)] = torch.tensor(prompt, device=device)
    rows, at, open_ = torch.arange(len(prompts), device=device), lengths.clone(), torch.ones(len(prompts), dtype=bool, device=device)
    for _ in range(LONGEST_ANSWER):
        hidden = model.model(tokens[:, :int(at.max())])[rows, at - 1]
        newest = (hidden.float() @ model.model.embed_tokens.weight.float().T).argmax(-1)
        open_ &= newest != end
        if not open_.any():
            break
        tokens[rows, at] = torch.where(open_, newest, tokens[rows, at])
        at = at + open_
    return [tokens[i, lengths[i]:at[i]].tolist() for i in range(len(prompts))]


def check(skill, thinking, count, ask):
    """Prints the share of right answers, and the first wrong ones."""
    samples = held_out(skill, count, 1, thinking)
    texts = ask(samples)
    wrong = [(sample, text) for sample, text in zip(samples, texts) if not sample.accepts(text)]
    share = 1 - len(wrong) / len(samples)
    print(f"{'ok ' if share >= skill.target else 'LOW'} {skill.name:20} {'thinking' if thinking else '':8} {share:6.1%}  "
          f"wanted {skill.target:.0%}", flush=True)
    for sample, text in wrong[:2]:
        print(f"      {sample.question()[:150]!r} -> {text[:150]!r}")


def main(tokenizer_file, folder, count=100, device="cuda" if torch.cuda.is_available() else "cpu"):
    tokenizer, renderer = load_tokenizer(tokenizer_file), Renderer()
    model = load(Llama, folder, device).to(torch.bfloat16)
    end = tokenizer.token_to_id("<|im_end|>")

    def ask(samples):
        prompts = [tokenizer.encode(renderer.prompt(sample), add_special_tokens=False).ids for sample in samples]
        return [tokenizer.decode(ids, skip_special_tokens=False) for ids in answers(model, prompts, end, device)]
    for skill in SKILLS:
        for thinking in (False, True):
            check(skill, thinking, int(count), ask)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
