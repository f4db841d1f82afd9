#!/usr/bin/env python3
"""Makes a random model twice with the same weights, a folder for MLX and a file for llama.cpp, to measure both servers
side by side: FOLDER/NAME and FOLDER/NAME.gguf, of the shapes that make_random_models.py has.

64 neighbours of a matrix are d (code - 8), which both formats hold exactly: MLX as 4 bits in groups of 64 with the bias
-8 d, GGUF as two blocks of Q4_0 with the same d; 4.5 bits a number in both. What gates experts is not packed, as in
public checkpoints. Tokens that are no plain words hardly have a chance, so that a greedy answer neither ends early
nor has halves of characters: a token is a piece of the stream.

Usage: make_rival_pair.py FOLDER NAME TOKENIZER     (with mlx-lm, from anywhere; TOKENIZER: a folder with a
tokenizer.json that was a sentencepiece model, as those of Llama 2 and Phi-3 were)
"""
import argparse
import json
import pathlib
import re
import shutil

import mlx.core as mx
import numpy as np
from make_random_models import LARGER_MODELS, SMALL_ONES
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes

import make_gguf  # noqa: E402  (found by make_random_models)
from goldens.checkpoint import write_json  # noqa: E402
from goldens.weights import rng_of  # noqa: E402

GROUP = 64
CODES = 16
CODE_DEVIATION = np.sqrt(np.mean((np.arange(CODES) - 8) ** 2))
EMBEDDING_DEVIATION = 0.02
UNLIKELY = 1 / 64
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6  # the types of GGUF's tokens


def config_of(name):
    golden, larger = LARGER_MODELS[name]
    return SMALL_ONES[golden].config | larger | {"torch_dtype": "bfloat16"}


def shapes_of(config):
    """mlx-lm's own model is the list of tensors."""
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(config))
    return {name: array.shape for name, array in tree_flatten(model.parameters())}


# -- the tokenizer -----------------------------------------------------------

def pieces_of(tokenizer, vocab_size):
    """The text of each token; those that the tokenizer has no text for are [PADi]."""
    pieces = [f"[PAD{i}]" for i in range(vocab_size)]
    for piece, i in tokenizer["model"]["vocab"].items():
        pieces[i] = piece
    for token in tokenizer["added_tokens"]:
        pieces[token["id"]] = token["content"]
    return pieces


def types_of(tokenizer, pieces):
    special = {token["content"] for token in tokenizer["added_tokens"]}

    def type_of(piece):
        if piece == "<unk>":
            return UNKNOWN
        if piece in special:
            return CONTROL
        if re.fullmatch(r"<0x[0-9A-F]{2}>", piece):
            return BYTE
        return UNUSED if re.fullmatch(r"\[PAD\d+\]", piece) else NORMAL

    return [type_of(piece) for piece in pieces]


def begins_with_bos(tokenizer):
    return "SpecialToken" in tokenizer["post_processor"]["single"][0]


def vocabulary_of(tokenizer, pieces, config):
    """sentencepiece joins the pair with the best score first, which is the one with the lowest id."""
    key = "tokenizer.ggml."
    return {
        key + "model": (make_gguf.STRING, "llama"), key + "tokens": (make_gguf.STRING, pieces),
        key + "scores": (make_gguf.FLOAT, [-float(i) for i in range(len(pieces))]),
        key + "token_type": (make_gguf.INT32, types_of(tokenizer, pieces)),
        key + "add_bos_token": (make_gguf.BOOL, begins_with_bos(tokenizer)),
        key + "bos_token_id": (make_gguf.UINT32, config["bos_token_id"]),
        key + "eos_token_id": (make_gguf.UINT32, config["eos_token_id"])}


# -- the weights -------------------------------------------------------------

def chances_of(pieces):
    """(vocabulary, 1)"""
    chances = [1 if re.fullmatch("▁?[A-Za-z]+", piece) else UNLIKELY for piece in pieces]
    return np.array(chances, np.float32)[:, None]


def draw_scales(rng, shape, deviation):
    """Of half the digits of float16, so that bfloat16 and -8 d are exact too."""
    signs = rng.choice(np.array([-1, 1], np.float32), shape)
    drawn = signs * rng.uniform(0.75, 1.25, shape) * deviation / CODE_DEVIATION
    return np.array(mx.array(drawn, mx.float32).astype(mx.bfloat16).astype(mx.float32))


def draw_matrix(rng, name, shape, pieces):
    """Codes, and a scale for each 64 of them."""
    of_tokens = "embed_tokens" in name or "lm_head" in name
    deviation = EMBEDDING_DEVIATION if of_tokens else 1 / np.sqrt(shape[-1])
    codes = rng.integers(0, CODES, shape, dtype=np.uint8)
    scales = draw_scales(rng, (*shape[:-1], shape[-1] // GROUP), deviation)
    if of_tokens:
        scales = scales * chances_of(pieces)
    assert np.array_equal(scales.astype(np.float16).astype(np.float32), scales), name
    return codes, scales


def packed_by_mlx(codes, scales):
    words = np.ascontiguousarray(codes[..., 0::2] | codes[..., 1::2] << 4).view(np.uint32)
    scales = mx.array(scales)
    return {"weight": mx.array(words), "scales": scales.astype(mx.bfloat16), "biases": (-8 * scales).astype(mx.bfloat16)}


def packed_as_q4_0(codes, scales):
    """Blocks of 32: the scale, then 16 bytes, each with a code of the first and one of the second half."""
    halves = codes.reshape(-1, 2, 16)
    raw_scales = np.repeat(scales.astype(np.float16).reshape(-1, 1), GROUP // 32, axis=0)
    return np.concatenate([raw_scales.view(np.uint8), halves[:, 0] | halves[:, 1] << 4], axis=1).tobytes()


def draw_rows(rng, shape):
    """Of norms and of what gates experts, which bfloat16 holds exactly."""
    if len(shape) == 1:
        return mx.ones(shape, mx.bfloat16)
    return mx.array(rng.standard_normal(shape) / np.sqrt(shape[-1]), mx.float32).astype(mx.bfloat16)


def draw_tensor(key, shape, pieces, folder_name):
    """As MLX's tensors by name, and as one of GGUF."""
    rng = rng_of(folder_name, key)
    if len(shape) == 1 or make_gguf.is_router(key):
        rows = draw_rows(rng, shape)
        return {key: rows}, ("F32", shape, np.array(rows.astype(mx.float32)).tobytes())
    codes, scales = draw_matrix(rng, key, shape, pieces)
    module = key.removesuffix("weight")
    tensors = {module + part: array for part, array in packed_by_mlx(codes, scales).items()}
    return tensors, ("Q4_0", shape, packed_as_q4_0(codes, scales))


# -- the files ---------------------------------------------------------------

def write_pair(folder, name, source):
    config = config_of(name)
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    pieces = pieces_of(tokenizer, config["vocab_size"])
    of_mlx, of_gguf = {}, {}
    for key, shape in shapes_of(config).items():
        tensors, of_gguf[make_gguf.gguf_name(key)] = draw_tensor(key, shape, pieces, name)
        of_mlx |= tensors
    (folder / name).mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        shutil.copyfile(file, folder / name / file.name)
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
