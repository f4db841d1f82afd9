#!/usr/bin/env python3
"""Trains the byte-level BPE that all built-in models share.

Usage: python -m builtin_models.train_tokenizer OUT_FOLDER   (from tools/)
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from .command_line import parser_of
from .corpus import FOLDER, SHOWN, SPECIAL, Renderer, draw

VOCAB = 4096
SAMPLES = 60_000
SEED = 1
# Digits and blanks one by one; words with the blank before them.
PIECES = r"""'[a-z]+| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s"""


def texts():
    rng, renderer = random.Random(SEED), Renderer()
    for _ in range(SAMPLES):
        yield renderer.whole(draw(rng))


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[AddedToken(text, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def with_shown_marks(tokenizer):
    """As JSON. The trainer makes all added tokens special, which are left out
    of what users see; thinking and tool calls have to be seen."""
    whole = json.loads(tokenizer.to_str())
    for token in whole["added_tokens"]:
        token["special"] = token["content"] not in SHOWN
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def configuration():
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "unk_token": None, "model_max_length": 2048, "clean_up_tokenization_spaces": False, "add_bos_token": False,
        "chat_template": (FOLDER / "chat_template.jinja").read_text()}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("out", type=pathlib.Path, help="folder for tokenizer.json and tokenizer_config.json")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train()
    (folder / "tokenizer.json").write_text(with_shown_marks(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration(), indent=2) + "\n")
    print(f"{tokenizer.get_vocab_size()} tokens in {folder}/tokenizer.json")


if __name__ == "__main__":
    main()
