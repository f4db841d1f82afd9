#!/usr/bin/env python3
"""Writes the reward or the embedding model as an MLX checkpoint of 8 bits.

Usage: python -m builtin_models.export_companions reward|embedding TRAINED TOKENIZER_FOLDER OUT   (from tools/)
TRAINED is what train_reward.py or train_embedding.py wrote; needs mlx.

All names begin with `model.`, as in a checkpoint that generates: mlx-lm's Llama wants them so, and vLLM and
mlx-embeddings take an embedding model's names with it as well as without. The score of a reward model has one row
and no need to be quantised.
"""
import json
import pathlib
import shutil
import sys

import mlx.core as mx

from .corpus import END_OF_TEXT, FOLDER
from .export import config_of, quantised, write_json

LIMIT_BYTES = 2_000_000  # with the tokenizer


def load(trained):
    weights = {}
    for part in sorted(trained.glob("weights-*.safetensors")):
        weights |= mx.load(str(part))
    return weights, json.loads((trained / "train.json").read_text())


def special_ids(tokenizer):
    added = json.loads((tokenizer / "tokenizer.json").read_text())["added_tokens"]
    return {token["content"]: token["id"] for token in added}


def common(story, tokenizer, architecture):
    ids = special_ids(tokenizer)
    return config_of(story["shape"], [ids["<|im_end|>"], ids[END_OF_TEXT]]) | {
        "architectures": [architecture], "pad_token_id": ids[END_OF_TEXT]}


def copy_tokenizer(tokenizer, out, *, chats):
    shutil.copy(tokenizer / "tokenizer.json", out / "tokenizer.json")
    configuration = json.loads((tokenizer / "tokenizer_config.json").read_text())
    if chats:
        shutil.copy(FOLDER / "chat_template.jinja", out / "chat_template.jinja")
    else:
        configuration.pop("chat_template", None)
    write_json(out / "tokenizer_config.json", configuration)


def export_reward(weights, story, tokenizer, out):
    score = {"score.weight": weights.pop("score.weight").astype(mx.bfloat16)}
    mx.save_safetensors(str(out / "model.safetensors"), quantised(weights) | score, {"format": "mlx"})
    write_json(out / "config.json", common(story, tokenizer, "LlamaForSequenceClassification") | {
        "num_labels": 1, "id2label": {"0": "politeness"}, "label2id": {"politeness": 0}})
    copy_tokenizer(tokenizer, out, chats=True)


def export_embedding(weights, story, tokenizer, out):
    mx.save_safetensors(str(out / "model.safetensors"), quantised(weights), {"format": "mlx"})
    # There is no one name for the sizes; vLLM reads the second.
    write_json(out / "config.json", common(story, tokenizer, "LlamaModel") | {
        "matryoshka_dims": story["sizes"], "matryoshka_dimensions": story["sizes"]})
    write_sentence_transformers(out, story["shape"]["hidden"])
    copy_tokenizer(tokenizer, out, chats=False)


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


def main(kind, trained, tokenizer, out):
    trained, tokenizer, out = map(pathlib.Path, (trained, tokenizer, out))
    out.mkdir(parents=True, exist_ok=True)
    EXPORTERS[kind](*load(trained), tokenizer, out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e6:.2f} MB")
    if size > LIMIT_BYTES:
        sys.exit(f"that is more than {LIMIT_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in EXPORTERS:
        sys.exit(__doc__)
    main(*sys.argv[1:])
