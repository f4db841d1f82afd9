#!/usr/bin/env python3
"""Makes tests/data/gguf: tiny GGUF files, written from the format's text.

NAME.gguf of a folder NAME of tests/data/models, and tiny-chat.gguf, hold what
the folder holds, and are tested against it. packed-*.gguf have random blocks of every packed
type; NAME.safetensors beside one has the logits of a prompt, computed by mlx-lm
from the numbers that the blocks stand for. Needs mlx-lm 0.32.2.
Usage: make_gguf.py [FOLDER]
"""
import json
import pathlib
import struct
import sys
import tempfile

import mlx.core as mx
import numpy as np

from goldens.reference import load, logits
from goldens.weights import rng_of

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
COPIES = ("llama-f32", "llama-f16-tied", "llama-bf16-biases",
          "llama-llama3-rope", "llama-linear-rope", "qwen2", "qwen3-f32",
          "mixtral", "qwen2_moe", "qwen3_moe")
ALIGNMENT = 32
TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7,
         "Q8_0": 8, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "BF16": 30}
UINT32, INT32, FLOAT, BOOL, STRING, LIST = 4, 5, 6, 7, 8, 9
# the types of tokens
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

MODULES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm",
           "lm_head": "output"}
LAYER_MODULES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    # Phi-3 has them joined, and llama.cpp calls gate and up so.
    "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"}
for experts in ("mlp", "block_sparse_moe"):
    LAYER_MODULES |= {
        f"{experts}.gate": "ffn_gate_inp",
        f"{experts}.shared_expert_gate": "ffn_gate_inp_shexp"}
    for part in ("gate", "up", "down"):
        LAYER_MODULES |= {
            f"{experts}.switch_mlp.{part}_proj": f"ffn_{part}_exps",
            f"{experts}.shared_expert.{part}_proj": f"ffn_{part}_shexp"}
ARCHITECTURES = {"mixtral": "llama", "qwen2_moe": "qwen2moe",
                 "qwen3_moe": "qwen3moe"}


def gguf_name(name):
    module, _, tensor = name.rpartition(".")
    if module in MODULES:
        return f"{MODULES[module]}.{tensor}"
    number, _, rest = module.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{LAYER_MODULES[rest]}.{tensor}"


# -- packed types: random blocks, and what they stand for --------------------

def halves(rng, count, scale):
    """As bytes and as numbers."""
    values = (scale * (0.5 + rng.random((count, 1)))).astype(np.float16)
    return values.view(np.uint8), values.astype(np.float32)


def nibbles(packed):
    """(B, n) bytes -> (B, 2 n): the low halves, then the high ones"""
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)


def draw_bytes(rng, count, size):
    return rng.integers(0, 256, (count, size), dtype=np.uint8)


def q4_0(rng, count, spread):
    raw, d = halves(rng, count, spread / 4.6)
    packed = draw_bytes(rng, count, 16)
    return [raw, packed], d * (nibbles(packed) - 8)


def q4_1(rng, count, spread):
    raw, d = halves(rng, count, spread / 4.6)
    low, m = halves(rng, count, -7.5 * spread / 4.6)
    packed = draw_bytes(rng, count, 16)
    return [raw, low, packed], d * nibbles(packed) + m


def fifth_bits(packed):
    """(B, 4) bytes, a bit a number, low bits first -> (B, 32)"""
    return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32)


def q5_0(rng, count, spread):
    raw, d = halves(rng, count, spread / 9.2)
    fifth, packed = draw_bytes(rng, count, 4), draw_bytes(rng, count, 16)
    codes = nibbles(packed) + 16 * fifth_bits(fifth)
    return [raw, fifth, packed], d * (codes - 16)


def q5_1(rng, count, spread):
    raw, d = halves(rng, count, spread / 9.2)
    low, m = halves(rng, count, -15.5 * spread / 9.2)
    fifth, packed = draw_bytes(rng, count, 4), draw_bytes(rng, count, 16)
    codes = nibbles(packed) + 16 * fifth_bits(fifth)
    return [raw, low, fifth, packed], d * codes + m


def q8_0(rng, count, spread):
    raw, d = halves(rng, count, spread / 74)
    codes = draw_bytes(rng, count, 32)
    return [raw, codes], d * codes.view(np.int8).astype(np.float32)


def six_bits(packed):
    """12 bytes -> scales and minima of eight groups"""
    low, middle, high = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate(
        [low & 63, (high & 15) | (low >> 6) << 4], axis=1)
    minima = np.concatenate(
        [middle & 63, (high >> 4) | (middle >> 6) << 4], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def q4_k(rng, count, spread):
    raw, d = halves(rng, count, spread / 165)
    low, dmin = halves(rng, count, 7.5 * spread / 165)
    packed, codes = draw_bytes(rng, count, 12), draw_bytes(rng, count, 128)
    scales, minima = six_bits(packed)
    numbers = np.concatenate(
        [nibbles(codes[:, 32 * i:32 * i + 32]) for i in range(4)], axis=1)
    numbers = ((d * scales)[..., None] * numbers.reshape(count, 8, 32)
               - (dmin * minima)[..., None])
    return [raw, low, packed, codes], numbers.reshape(count, 256)


def q5_k(rng, count, spread):
    raw, d = halves(rng, count, spread / 330)
    low, dmin = halves(rng, count, 15.5 * spread / 330)
    packed, fifth = draw_bytes(rng, count, 12), draw_bytes(rng, count, 32)
    codes = draw_bytes(rng, count, 128)
    scales, minima = six_bits(packed)
    fours = [nibbles(codes[:, 32 * i:32 * i + 32]) for i in range(4)]
    numbers = np.concatenate(fours, axis=1).reshape(count, 8, 32)
    numbers += 16 * np.stack([fifth >> j & 1 for j in range(8)], axis=1)
    numbers = ((d * scales)[..., None] * numbers
               - (dmin * minima)[..., None])
    return [raw, low, packed, fifth, codes], numbers.reshape(count, 256)


def q6_k(rng, count, spread):
    low, high = draw_bytes(rng, count, 128), draw_bytes(rng, count, 64)
    scales = draw_bytes(rng, count, 16)
    scales[::3] &= 0xf0  # of some blocks they have much in common
    scales[::5, 1::2] = scales[::5, ::2]
    raw, d = halves(rng, count, spread / 1360)
    parts = []
    for half in range(2):
        lows = low[:, 64 * half:64 * half + 64]
        highs = high[:, 32 * half:32 * half + 32]
        fours = [lows[:, :32] & 15, lows[:, 32:] & 15, lows[:, :32] >> 4,
                 lows[:, 32:] >> 4]
        parts += [four | (highs >> 2 * i & 3) << 4
                  for i, four in enumerate(fours)]
    codes = np.concatenate(parts, axis=1).astype(np.float32) - 32
    each = np.repeat(scales.view(np.int8).astype(np.float32), 16, axis=1)
    return [low, high, scales, raw], d * each * codes


BLOCKS = {"Q4_0": (32, q4_0), "Q4_1": (32, q4_1), "Q5_0": (32, q5_0),
          "Q5_1": (32, q5_1), "Q8_0": (32, q8_0), "Q4_K": (256, q4_k),
          "Q5_K": (256, q5_k), "Q6_K": (256, q6_k)}


def draw(kind, shape, spread, rng):
    """Bytes of a file, and the numbers, (N, K) or (X, N, K)."""
    if kind == "F32":
        numbers = (1 + 0.2 * rng.standard_normal(shape)).astype(np.float32)
        return numbers.tobytes(), numbers
    size, blocks = BLOCKS[kind]
    count = np.prod(shape) // size
    parts, numbers = blocks(rng, count, spread)
    return (np.concatenate(parts, axis=1).tobytes(),
            numbers.astype(np.float32).reshape(shape))


# -- the file ---------------------------------------------------------------

def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, item):
    """The type, then the value; lists by their first item."""
    if isinstance(item, list):
        return struct.pack("<IIQ", LIST, kind, len(item)) + b"".join(
            value(kind, one)[4:] for one in item)
    raw = (text(item) if kind == STRING else
           struct.pack({UINT32: "<I", INT32: "<i", FLOAT: "<f", BOOL: "<?"}
                       [kind], item))
    return struct.pack("<I", kind) + raw


def padding(size):
    return bytes(-size % ALIGNMENT)


def write_gguf(path, metadata, tensors):
    """tensors: name -> (kind, shape with rows first, bytes)"""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, (kind, item) in metadata.items():
        head += text(key) + value(kind, item)
    data = bytearray()
    for name, (kind, shape, raw) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", TYPES[kind], len(data))
        data += raw + padding(len(raw))
    path.write_bytes(head + padding(len(head)) + data)


# -- a model ----------------------------------------------------------------

def is_router(name):
    return name.endswith((".mlp.gate.weight", ".block_sparse_moe.gate.weight"))


def architecture_of(config):
    return ARCHITECTURES.get(config["model_type"], config["model_type"])


def sizes_of_experts(config):
    keys = {"num_experts": "expert_count",
            "num_local_experts": "expert_count",
            "num_experts_per_tok": "expert_used_count",
            "moe_intermediate_size": "expert_feed_forward_length",
            "shared_expert_intermediate_size":
                "expert_shared_feed_forward_length"}
    return {keys[key]: config[key] for key in keys if key in config}


def metadata_of(config, vocabulary):
    name = architecture_of(config)
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    sizes = {
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": heads,
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "rope.dimension_count": head_dim} | sizes_of_experts(config)
    made = {"general.architecture": (STRING, name),
            "general.name": (STRING, "random"),
            "general.alignment": (UINT32, ALIGNMENT)}
    made |= {f"{name}.{key}": (UINT32, size) for key, size in sizes.items()}
    made[f"{name}.attention.layer_norm_rms_epsilon"] = (
        FLOAT, config["rms_norm_eps"])
    made[f"{name}.rope.freq_base"] = (FLOAT, config["rope_theta"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("type") == "linear":
        made[f"{name}.rope.scaling.type"] = (STRING, "linear")
        made[f"{name}.rope.scaling.factor"] = (FLOAT, scaling["factor"])
    return made | vocabulary


def rope_factors(config):
    """How much slower each pair turns: Llama 3.1's rule."""
    scaling = config["rope_scaling"]
    factor, original = scaling["factor"], (
        scaling["original_max_position_embeddings"])
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    pairs = np.arange(0, config["head_dim"], 2) / config["head_dim"]
    turns = original / (2 * np.pi * config["rope_theta"] ** pairs)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def neighbours(rows, heads):
    """The numbers that turn together, from half a head apart to neighbours."""
    apart = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return apart.swapaxes(1, 2).reshape(rows.shape)


def in_order_of_gguf(name, rows, config):
    """A model of rope_traditional has neighbours already."""
    apart = not config.get("rope_traditional")
    if architecture_of(config) == "llama" and apart:
        if ".q_proj." in name:
            return neighbours(rows, config["num_attention_heads"])
        if ".k_proj." in name:
            return neighbours(rows, config["num_key_value_heads"])
    return rows


def tensor_of(name, array, config):
    """As converters write it: in float32 vectors and what gates experts."""
    if name.endswith("shared_expert_gate.weight"):
        array = array.flatten()
    kind = "F32" if array.ndim == 1 or is_router(name) else {
        mx.float32: "F32", mx.float16: "F16", mx.bfloat16: "BF16"}[array.dtype]
    if kind == "F32":
        rows = np.array(array.astype(mx.float32))
    else:
        rows = np.array(array.view(mx.uint16))
    rows = in_order_of_gguf(name, rows, config)
    return kind, rows.shape, np.ascontiguousarray(rows).tobytes()


def copy(source, folder, vocabulary=None):
    name = source.name
    config = json.loads((source / "config.json").read_text())
    arrays = mx.load(str(source / "model.safetensors"))
    tensors = {gguf_name(key): tensor_of(key, array, config)
               for key, array in sorted(arrays.items())
               if "rotary_emb" not in key}
    if (config.get("rope_scaling") or {}).get("rope_type") == "llama3":
        factors = rope_factors(config)
        tensors["rope_freqs.weight"] = ("F32", factors.shape, factors.tobytes())
    end = {"tokenizer.ggml.eos_token_id": (UINT32, config["eos_token_id"])}
    write_gguf(folder / f"{name}.gguf",
               metadata_of(config, end | (vocabulary or {})), tensors)


def byte_level_vocabulary(source):
    """Of a tokenizer.json that is byte-level BPE with GPT-2's words."""
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    ids = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"]}
    pieces = sorted(ids, key=ids.get)
    merges = [pair if isinstance(pair, str) else " ".join(pair)
              for pair in tokenizer["model"]["merges"]]
    key = "tokenizer.ggml."
    return {
        key + "model": (STRING, "gpt2"), key + "pre": (STRING, "gpt-2"),
        key + "tokens": (STRING, pieces),
        key + "token_type": (
            INT32, [CONTROL if piece in special else NORMAL
                    for piece in pieces]),
        key + "merges": (STRING, merges),
        key + "bos_token_id": (UINT32, 0), key + "eos_token_id": (UINT32, 1),
        key + "add_bos_token": (BOOL, True),
        "tokenizer.chat_template": (
            STRING, (source / "chat_template.jinja").read_text())}


EXPERTS = {
    "mixtral": {"head_dim": 64, "num_local_experts": 3,
                "num_experts_per_tok": 2, "num_hidden_layers": 1},
    "qwen3_moe": {"num_experts": 3, "num_experts_per_tok": 2,
                  "moe_intermediate_size": 64, "norm_topk_prob": True,
                  "decoder_sparse_step": 1, "mlp_only_layers": []}}


def packed_config(model_type):
    return {"model_type": model_type, "hidden_size": 256,
            "intermediate_size": 256, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2,
            "head_dim": 32, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "vocab_size": 67,
            "tie_word_embeddings": False} | EXPERTS.get(model_type, {})


def shapes_of_mlp(config):
    width = config["hidden_size"]
    inner = config.get("moe_intermediate_size", config["intermediate_size"])
    count = config.get("num_experts", config.get("num_local_experts"))
    if count is None:
        return {"mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width),
                "mlp.down_proj": (width, inner)}
    at = "block_sparse_moe" if config["model_type"] == "mixtral" else "mlp"
    return {f"{at}.gate": (count, width),
            f"{at}.switch_mlp.gate_proj": (count, inner, width),
            f"{at}.switch_mlp.up_proj": (count, inner, width),
            f"{at}.switch_mlp.down_proj": (count, width, inner)}


def shapes_of(config):
    width = config["hidden_size"]
    q = config["num_attention_heads"] * config["head_dim"]
    kv = config["num_key_value_heads"] * config["head_dim"]
    layer = {"input_layernorm": (width,), "self_attn.q_proj": (q, width),
             "self_attn.k_proj": (kv, width), "self_attn.v_proj": (kv, width),
             "self_attn.o_proj": (width, q),
             "post_attention_layernorm": (width,)}
    layer |= shapes_of_mlp(config)
    if config["model_type"].startswith("qwen3"):
        layer |= {f"self_attn.{x}_norm": (config["head_dim"],) for x in "qk"}
    shapes = {"model.embed_tokens": (config["vocab_size"], width),
              "model.norm": (width,), "lm_head": (config["vocab_size"], width)}
    for i in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{i}.{name}": shape
                   for name, shape in layer.items()}
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def kind_of(name, shape, kinds):
    """The types go round; rows of 128 have no room for a block of 256."""
    if len(shape) == 1 or is_router(name):
        return "F32"
    fitting = [kind for kind in kinds if shape[-1] % BLOCKS[kind][0] == 0]
    number = int(name.split(".")[2]) if name.startswith("model.layers") else 0
    return fitting[(sum(name.encode()) + number) % len(fitting)]


def pack(name, model_type, kinds, folder):
    config, tensors, numbers = packed_config(model_type), {}, {}
    for key, shape in shapes_of(config).items():
        kind = kind_of(key, shape, kinds)
        spread = 1.2 / np.sqrt(shape[-1])
        raw, rows = draw(kind, shape, spread, rng_of(name, key))
        tensors[gguf_name(key)] = (kind, shape, raw)
        # The blocks are random: what they mean is in the file's order.
        heads = {".q_proj.": 4, ".k_proj.": 2}
        for part, count in heads.items():
            if part in key and architecture_of(config) == "llama":
                rows = rows.reshape(count, -1, 2, shape[1]).swapaxes(
                    1, 2).reshape(shape)
        numbers[key] = mx.array(np.ascontiguousarray(rows))
    write_gguf(folder / f"{name}.gguf", metadata_of(config, {}), tensors)
    write_logits(folder / f"{name}.safetensors", config, numbers)


def write_logits(path, config, numbers):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "config.json").write_text(json.dumps(config))
        mx.save_safetensors(str(scratch / "model.safetensors"), numbers)
        model = load(scratch, config, mx.float32)
        tokens = rng_of(path.stem, "tokens").integers(
            0, config["vocab_size"], 23).tolist()
        mx.save_safetensors(str(path), {
            "tokens": mx.array(tokens, mx.int32),
            "logits": logits(model, tokens)})


def main(folder):
    mx.set_default_device(mx.cpu)
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIES:
        copy(DATA / "models" / name, folder)
    chat = DATA / "tiny-chat"
    copy(chat, folder, byte_level_vocabulary(chat))
    pack("packed-llama", "llama", ("Q4_0", "Q4_1", "Q8_0", "Q4_K"), folder)
    pack("packed-q5", "llama", ("Q5_0", "Q5_1", "Q5_K"), folder)
    pack("packed-qwen3", "qwen3", ("Q8_0", "Q4_K", "Q4_0"), folder)
    pack("packed-q6k", "llama", ("Q6_K", "Q8_0"), folder)
    pack("packed-mixtral", "mixtral", ("Q4_0", "Q5_K", "Q8_0"), folder)
    pack("packed-qwen3_moe", "qwen3_moe", ("Q8_0", "Q4_K", "Q5_0"), folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "gguf")
