#!/usr/bin/env python3
"""Writes trained weights as an MLX checkpoint, quantised to 8 bits.

Usage: python -m builtin_models.export TRAINED TOKENIZER_FOLDER OUT   (from tools/)
TRAINED is what train.py wrote; needs mlx.
"""
import pathlib

import mlx.core as mx

from .command_line import parser_of, trained_folder
from .mlx_checkpoint import config_of, end_tokens_of, expect_at_most, quantised, write_json, write_tokenizer, write_weights
from .trained import story_of, weights_of

LIMIT_BYTES = 10_000_000  # with the tokenizer


def export(trained, tokenizer, out):
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out, quantised(weights_of(trained, mx.load)))
    write_json(out / "config.json", config_of(story_of(trained)["shape"], tokenizer, "LlamaForCausalLM"))
    write_json(out / "generation_config.json", {"eos_token_id": end_tokens_of(tokenizer), "temperature": 0.0})
    write_tokenizer(tokenizer, out)
    expect_at_most(LIMIT_BYTES, out)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("trained", type=trained_folder)
    parser.add_argument("tokenizer", type=pathlib.Path, help="folder that train_tokenizer.py wrote")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    export(options.trained, options.tokenizer, options.out)


if __name__ == "__main__":
    main()
