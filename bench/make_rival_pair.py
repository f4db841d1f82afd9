#!/usr/bin/env python3
"""Makes a random model twice with the same weights, a folder for MLX and a file for llama.cpp, to measure both servers
side by side: FOLDER/NAME and FOLDER/NAME.gguf, of the shapes that make_random_models.py has.

64 neighbours of a matrix are d (code - 8), which both formats hold exactly: MLX as 4 bits in groups of 64 with the bias
-8 d, GGUF as two blocks of Q4_0 with the same d; 4.5 bits a number in both. What chooses experts is not packed, as in
public checkpoints. Tokens that are no plain words hardly have a chance, so that a greedy answer neither ends early
nor has halves of characters: a token is a piece of the stream.

Usage: make_rival_pair.py FOLDER NAME TOKENIZER     (with mlx-lm, from anywhere; TOKENIZER: a folder with the
tokenizer.json of Llama 2 for the experts, of Phi-3 for Phi-3's layers)
"""
import argparse
import json
import pathlib
import re
import shutil
import sys

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten

from make_random_models import LARGER_MODELS, SMALL_ONES

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import make_gguf  # noqa: E402
from goldens.checkpoint import write_json  # noqa: E402
from goldens.weights import model_of, rng_of  # noqa: E402

GROUP = 64
CODES = 16
CODE_DEVIATION = np.sqrt(np.mean((np.arange(CODES) - 8) ** 2))
EMBEDDING_DEVIATION = 0.02  # as models begin their training with
# Of the rows of a token that is no word. A power of two, which rounds nothing; with a smaller one float16 would lose
# digits of the scales.
UNLIKELY = 1 / 64
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
                   "added_tokens.json")


def config_of(name):
    golden, larger = LARGER_MODELS[name]
    # llama.cpp has no window for Phi-3.
    return SMALL_ONES[golden].config | larger | {"torch_dtype": "bfloat16", "sliding_window": None}


# -- the tokenizer -----------------------------------------------------------

def read_tokenizer(folder, vocab_size):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    count = 1 + max(*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer["added_tokens"]))
    if not tokenizer["model"].get("byte_fallback") or count > vocab_size:
        sys.exit(f"make_rival_pair: {folder}: not of a sentencepiece model with at most {vocab_size} tokens")
    return tokenizer


def pieces_of(tokenizer, vocab_size):
    """The text of each token; those that the tokenizer has no text for are [PADi]."""
    pieces = [f"[PAD{i}]" for i in range(vocab_size)]
    for piece, i in tokenizer["model"]["vocab"].items():
        pieces[i] = piece
    for token in tokenizer["added_tokens"]:
        pieces[token["id"]] = token["content"]
    return pieces


def types_of(tokenizer, pieces):
    added = {token["content"]: make_gguf.CONTROL if token["special"] else make_gguf.USER_DEFINED
             for token in tokenizer["added_tokens"]} | {"<unk>": make_gguf.UNKNOWN}

    def type_of(piece):
        if re.fullmatch(r"<0x[0-9A-F]{2}>", piece):
            return make_gguf.BYTE
        unused = re.fullmatch(r"\[PAD\d+\]", piece)
        return added.get(piece, make_gguf.UNUSED if unused else make_gguf.NORMAL)

    return [type_of(piece) for piece in pieces]


def begins_with_bos(tokenizer):
    return "SpecialToken" in tokenizer["post_processor"]["single"][0]


def vocabulary_of(tokenizer, pieces, config):
    """sentencepiece joins the pair with the best score first: of words the one with the lowest id."""
    key = "tokenizer.ggml."
    return {
        key + "model": (make_gguf.STRING, "llama"), key + "tokens": (make_gguf.STRING, pieces),
        key + "scores": (make_gguf.FLOAT, [-float(i) for i in range(len(pieces))]),
        key + "token_type": (make_gguf.INT32, types_of(tokenizer, pieces)),
        key + "add_bos_token": (make_gguf.BOOL, begins_with_bos(tokenizer)),
        key + "bos_token_id": (make_gguf.UINT32, config["bos_token_id"]),
        key + "eos_token_id": (make_gguf.UINT32, config["eos_token_id"])}


# -- the weights -------------------------------------------------------------

def factors_of(pieces):
    """(vocabulary, 1): of the rows of tables of tokens."""
    factors = [1 if re.fullmatch("▁?[A-Za-z]+", piece) else UNLIKELY for piece in pieces]
    return np.array(factors, np.float32)[:, None]


def rounded(numbers):
    """To bfloat16, as float32. float16 has more digits, and holds these and 8 times them too."""
    return np.array(mx.array(numbers, mx.float32).astype(mx.bfloat16).astype(mx.float32))


def draw_scales(rng, shape, deviation):
    signs = rng.choice(np.array([-1, 1], np.float32), shape)
    return rounded(signs * rng.uniform(0.75, 1.25, shape) * deviation / CODE_DEVIATION)


def draw_matrix(rng, key, shape, pieces):
    """Codes, and a scale for each 64 of them."""
    of_tokens = "embed_tokens" in key or "lm_head" in key
    deviation = EMBEDDING_DEVIATION if of_tokens else 1 / np.sqrt(shape[-1])
    codes = rng.integers(0, CODES, shape, dtype=np.uint8)
    scales = draw_scales(rng, (*shape[:-1], shape[-1] // GROUP), deviation)
    if of_tokens:
        scales = scales * factors_of(pieces)
    assert np.array_equal(scales.astype(np.float16).astype(np.float32), scales), key
    return codes, scales


def packed_as_affine(codes, scales):
    words = np.ascontiguousarray(codes[..., 0::2] | codes[..., 1::2] << 4).view(np.uint32)
    floats = {"scales": mx.array(scales), "biases": mx.array(-8 * scales)}
    return {"weight": mx.array(words)} | {part: rows.astype(mx.bfloat16) for part, rows in floats.items()}


def packed_as_q4_0(codes, scales):
    """Blocks of 32: the scale, then 16 bytes, each with a code of the first and one of the second half."""
    halves = codes.reshape(-1, 2, 16)
    raw_scales = np.repeat(scales.astype(np.float16).reshape(-1, 1), GROUP // 32, axis=0)
    return np.concatenate([raw_scales.view(np.uint8), halves[:, 0] | halves[:, 1] << 4], axis=1).tobytes()


def draw_rows(rng, shape):
    """Of norms, and of what chooses experts."""
    if len(shape) == 1:
        return mx.ones(shape, mx.bfloat16)
    return mx.array(rng.standard_normal(shape) / np.sqrt(shape[-1]), mx.float32).astype(mx.bfloat16)


def draw_tensor(name, key, shape, pieces):
    """As MLX's tensors by name, and as one of GGUF."""
    rng = rng_of(name, key)
    if len(shape) == 1 or make_gguf.is_router(key):
        rows = draw_rows(rng, shape)
        return {key: rows}, ("F32", shape, np.array(rows.astype(mx.float32)).tobytes())
    codes, scales = draw_matrix(rng, key, shape, pieces)
    module = key.removesuffix("weight")
    tensors = {module + part: array for part, array in packed_as_affine(codes, scales).items()}
    return tensors, ("Q4_0", shape, packed_as_q4_0(codes, scales))


# -- the files ---------------------------------------------------------------

def copy_tokenizer(source, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)


def write_pair(folder, name, source):
    config = config_of(name)
    tokenizer = read_tokenizer(source, config["vocab_size"])
    pieces = pieces_of(tokenizer, config["vocab_size"])
    of_mlx, of_gguf = {}, {}
    for key, array in tree_flatten(model_of(config).parameters()):
        tensors, of_gguf[make_gguf.gguf_name(key)] = draw_tensor(name, key, array.shape, pieces)
        of_mlx |= tensors
    copy_tokenizer(source, folder / name)
    write_json(folder / name / "config.json", config)
    mx.save_safetensors(str(folder / name / "model.safetensors"), of_mlx, metadata={"format": "mlx"})
    vocabulary = vocabulary_of(tokenizer, pieces, config)
    make_gguf.write_gguf(folder / f"{name}.gguf", make_gguf.metadata_of(config, vocabulary), of_gguf)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("name", choices=[name for name in LARGER_MODELS if "quantization" in LARGER_MODELS[name][1]])
    parser.add_argument("tokenizer", type=pathlib.Path)
    options = parser.parse_args()
    write_pair(options.folder, options.name, options.tokenizer)


if __name__ == "__main__":
    main()
