#!/usr/bin/env python3
"""How often the trained weights answer held-out prompts rightly, in PyTorch.

Usage: python -m builtin_models.quick_check TOKENIZER TRAINED [PROMPTS_PER_SKILL]   (from tools/)
For a look during training; the model card's figures come from evaluate.py,
which asks the server.
"""

import torch

from .command_line import parser_of, present_file, trained_folder
from .corpus import WAYS, held_out, load_tokenizer
from .greedy import ask
from .judging import judged, mark
from .llama import Llama
from .skills import SKILLS
from .weights import load

SEED = 1  # evaluate.py and the tests look at the prompts of others


def main():
    parser = parser_of(__doc__)
    parser.add_argument("tokenizer", type=present_file, help="tokenizer.json")
    parser.add_argument("trained", type=trained_folder, help="folder that train.py wrote")
    parser.add_argument("prompts", type=int, nargs="?", default=100, help="held-out prompts a skill")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    tokenizer, device = load_tokenizer(options.tokenizer), options.device
    model = load(Llama, options.trained, device).to(torch.bfloat16)
    for skill in SKILLS:
        for way, drawn in WAYS.items():
            if samples := held_out(skill, options.prompts, SEED, **drawn):
                answers = judged(samples, ask(model, tokenizer, samples, device))
                print(f"{mark(answers.share() >= skill.target)} {skill.name:24} {way:16} {answers.share():6.1%}  "
                      f"wanted {skill.target:.0%}", flush=True)
                answers.show_wrong(2)


if __name__ == "__main__":
    main()
