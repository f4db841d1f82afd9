#!/usr/bin/env python3
"""How often the trained weights answer held-out prompts rightly, in PyTorch.

Usage: python -m builtin_models.quick_check TOKENIZER FOLDER [PROMPTS_PER_SKILL]
For a look during training; the model card's figures come from evaluate.py,
which asks the server.
"""
import sys

import torch

from .corpus import held_out, load_tokenizer
from .greedy import ask
from .judging import judged, mark
from .llama import Llama
from .skills import ALONE, SKILLS
from .weights import load

SEED = 1  # evaluate.py and the tests look at the prompts of others


def main(tokenizer_file, folder, count=100, device="cuda" if torch.cuda.is_available() else "cpu"):
    tokenizer, model = load_tokenizer(tokenizer_file), load(Llama, folder, device).to(torch.bfloat16)
    for skill in SKILLS:
        for thinking in (False, True):
            after_talk = thinking and skill.name not in ALONE
            samples = held_out(skill, int(count), SEED, thinking, after_talk)
            answers = judged(samples, ask(model, tokenizer, samples, device))
            print(f"{mark(answers.share() >= skill.target)} {skill.name:20} {'thinking' * thinking:8} {'after talk' * after_talk:10} "
                  f"{answers.share():6.1%}  wanted {skill.target:.0%}", flush=True)
            answers.show_wrong(2)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
