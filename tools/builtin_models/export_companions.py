#!/usr/bin/env python3
"""Writes the reward or the embedding model as an MLX checkpoint of 8 bits.

Usage: python -m builtin_models.export_companions reward|embedding TRAINED TOKENIZER_FOLDER OUT   (from tools/)
TRAINED is what train_reward.py or train_embedding.py wrote; needs mlx.

All names begin with `model.`, as in a checkpoint that generates: mlx-lm's Llama wants them so, and vLLM and
mlx-embeddings take an embedding model's names with it as well as without. The score of a reward model has one row
and no need to be quantised.
"""
import pathlib

import mlx.core as mx

from .command_line import parser_of, trained_folder
from .mlx_checkpoint import config_of, expect_at_most, quantised, write_json, write_tokenizer, write_weights
from .trained import story_of, weights_of

LIMIT_BYTES = 2_000_000  # with the tokenizer


def export_reward(weights, story, tokenizer, out):
    score = {"score.weight": weights.pop("score.weight").astype(mx.bfloat16)}
    write_weights(out, quantised(weights) | score)
    write_json(out / "config.json", config_of(story["shape"], tokenizer, "LlamaForSequenceClassification") | {
        "num_labels": 1, "id2label": {"0": "politeness"}, "label2id": {"politeness": 0}})
    write_tokenizer(tokenizer, out)


def export_embedding(weights, story, tokenizer, out):
    write_weights(out, quantised(weights))
    # There is no one name for the sizes; vLLM reads the second.
    write_json(out / "config.json", config_of(story["shape"], tokenizer, "LlamaModel") | {
        "matryoshka_dims": story["sizes"], "matryoshka_dimensions": story["sizes"]})
    write_sentence_transformers(out, story["shape"]["hidden"])
    write_tokenizer(tokenizer, out, template=False)


def write_sentence_transformers(out, width):
    """What tells sentence-transformers, and servers that read its files, how
    hidden states become a vector: their mean, brought to length 1."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(out / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)])
    write_json(out / "config_sentence_transformers.json", {
        "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"})
    for path, _ in kinds[1:]:
        (out / path).mkdir(exist_ok=True)
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    write_json(out / "1_Pooling/config.json", {
        "word_embedding_dimension": width, **{f"pooling_mode_{mode}": mode == "mean_tokens" for mode in modes},
        "include_prompt": True})
    # Normalising has no settings, but git keeps no empty folders.
    write_json(out / "2_Normalize/config.json", {})


EXPORTERS = {"reward": export_reward, "embedding": export_embedding}


def export(kind, trained, tokenizer, out):
    out.mkdir(parents=True, exist_ok=True)
    EXPORTERS[kind](weights_of(trained, mx.load), story_of(trained), tokenizer, out)
    expect_at_most(LIMIT_BYTES, out)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("kind", choices=EXPORTERS)
    parser.add_argument("trained", type=trained_folder)
    parser.add_argument("tokenizer", type=pathlib.Path, help="folder that train_tokenizer.py wrote")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    export(options.kind, options.trained, options.tokenizer, options.out)


if __name__ == "__main__":
    main()
