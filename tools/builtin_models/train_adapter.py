#!/usr/bin/env python3
"""Trains a LoRA or DoRA adapter for the chat model: one line of behaviours.py.

Usage: python -m builtin_models.train_adapter BEHAVIOUR --base TRAINED --tokenizer FILE --out FOLDER   (from tools/)
TRAINED is what train.py wrote. Writes FOLDER/adapters.safetensors (bfloat16,
named and laid out as mlx-lm does) and FOLDER/train.json. A seed gives the same
data and the same weights, up to the rounding of the device.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from .adapters import adapt, adapter_of, description
from .as_shipped import load_as_shipped
from .behaviours import BEHAVIOURS, right, shown, speaks
from .command_line import trained_folder
from .conversations import Conversations
from .corpus import WAYS, held_out, load_tokenizer
from .greedy import ask
from .judging import judged
from .skills import SKILLS
from .trained import write_story
from .training import begin, fit, in_bfloat16, parser_of

SEED = 1  # of the prompts to check with; the tests look at those of another


def loss_of(model, tokens, is_said):
    hidden = model.model(tokens[:, :-1])[is_said[:, 1:]]
    logits = F.linear(hidden, model.model.embed_tokens.weight).float()
    return F.cross_entropy(logits, tokens[:, 1:][is_said[:, 1:]])


def train(behaviour, tokenizer, options):
    begin(options)
    conversations = Conversations(behaviour, tokenizer, options.conversations, options.longest, options.seed)
    model = load_as_shipped(options.base, options.device)
    adapt(model, behaviour.kind)

    def loss():
        with in_bfloat16(options.device):
            return loss_of(model, *conversations.batch(options.batch, options.device))
    return model, fit(adapter_of(model).values(), loss, options, warm_up=0.05)


def check(model, behaviour, tokenizer, options):
    """Of held-out prompts, a line a skill: the share said in its way, and the share right besides."""
    found = {}
    for skill in SKILLS:
        for way, drawn in WAYS.items():
            if samples := held_out(skill, options.prompts, SEED, **drawn):
                texts = ask(model, tokenizer, samples, options.device)
                answers = judged(samples, texts, lambda sample, text: right(behaviour, sample, text))
                ways = [shown(behaviour, text) == speaks(sample) for sample, text in zip(samples, texts)]
                found[f"{skill.name}, {way}"] = shares = {"shown": sum(ways) / len(ways), "right": answers.share()}
                print(f"{skill.name:24} {way:16} shown {shares['shown']:6.1%}  right {shares['right']:6.1%}", flush=True)
                answers.show_wrong(1)
    return found


def save(model, options, story):
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.detach().cpu().contiguous() for name, weight in adapter_of(model).items()},
              options.out / "adapters.safetensors")
    write_story(options.out, options, **story)


def main():
    parser = parser_of(__doc__, steps=600, batch=64, rate=3e-3, decay=0.0)
    parser.add_argument("behaviour", choices=BEHAVIOURS)
    parser.add_argument("--base", type=trained_folder, required=True, help="folder of the chat model's trained weights")
    parser.add_argument("--conversations", type=int, default=16_000, help="how many there are to draw from")
    parser.add_argument("--longest", type=int, default=768, help="tokens; longer conversations are left out")
    parser.add_argument("--prompts", type=int, default=10, help="held-out prompts a skill for the check; 0: none")
    options = parser.parse_args()
    behaviour, tokenizer = BEHAVIOURS[options.behaviour], load_tokenizer(options.tokenizer)
    model, log = train(behaviour, tokenizer, options)
    model.to(torch.bfloat16)  # what is saved is what is checked
    story = {"behaviour": behaviour.name, **description(model, behaviour.kind), "log": log}
    save(model, options, story)  # before the check, which may be cut short
    if options.prompts:
        write_story(options.out, options, **story, held_out=check(model, behaviour, tokenizer, options))


if __name__ == "__main__":
    main()
