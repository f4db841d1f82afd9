#!/usr/bin/env python3
"""Makes tests/data/tokenizers/pieces: sentencepiece's manner, in small.

A first blank that the decoder drops, bytes for what the vocabulary lacks, and
a special token that swallows the white space after it.
Usage: make_tiny_tokenizers.py [FOLDER]
"""
import json
import pathlib
import sys

SPACE = "\u2581"
MERGES = ["t h", "th e", f"{SPACE} the", f"{SPACE} a", "n d", f"{SPACE}a nd",
          "i n", "in g", "o u", "\u00e9 e"]
LETTERS = [SPACE, *"abcdefghijklmnopqrstuvwxyzABCDEFGH.,!?<>/|", "\u00e9",
           "\u20ac"]
SPECIAL = ["<unk>", "<s>", "</s>", "<|user|>"]


def vocabulary():
    pieces = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + LETTERS
    pieces += [merge.replace(" ", "") for merge in MERGES]
    return {piece: index for index, piece in enumerate(pieces)}


def tokenizer():
    added = [{"id": index, "content": piece, "single_word": False,
              "lstrip": False, "rstrip": piece == "<|user|>",
              "normalized": False, "special": True}
             for index, piece in enumerate(SPECIAL)]
    replace = {"type": "Replace", "pattern": {"String": " "},
               "content": SPACE}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE}, replace]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": [bos, text],
            "pair": [bos, text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE},
             "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>",
            "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": True, "byte_fallback": True,
            "vocab": vocabulary(), "merges": MERGES},
    }


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def main():
    usual = pathlib.Path(__file__).parent.parent / "tests/data/tokenizers"
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else usual)
    folder = folder / "pieces"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "tokenizer.json", tokenizer())
    content = {"content": "<s>", "lstrip": False, "normalized": False}
    write(folder / "tokenizer_config.json", {"bos_token": content})
    write(folder / "special_tokens_map.json",
          {"bos_token": "<unk>", "eos_token": "</s>"})


if __name__ == "__main__":
    main()
