"""The folder of an MLX checkpoint of 8 bits: what the exporters have in common."""
import json
import sys

import mlx.core as mx

from .corpus import END_OF_TEXT, FOLDER

BITS, GROUP = 8, 64
END_TOKENS = ["<|im_end|>", END_OF_TEXT]


def quantised(weights):
    """Matrices become weight, scales and biases; vectors stay bfloat16."""
    out = {}
    for name, weight in weights.items():
        if weight.ndim == 1:
            out[name] = weight
            continue
        packed, scales, biases = mx.quantize(weight, group_size=GROUP, bits=BITS)
        stem = name.removesuffix(".weight")
        out |= {name: packed, f"{stem}.scales": scales, f"{stem}.biases": biases}
    return out


def write_weights(out, weights):
    mx.save_safetensors(str(out / "model.safetensors"), weights, {"format": "mlx"})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def special_ids(tokenizer):
    """Of a folder's tokenizer: text -> id."""
    added = json.loads((tokenizer / "tokenizer.json").read_text())["added_tokens"]
    return {token["content"]: token["id"] for token in added}


def end_tokens_of(tokenizer):
    """The first ends a turn; an answer may end with either."""
    ids = special_ids(tokenizer)
    return [ids[text] for text in END_TOKENS]


def config_of(shape, tokenizer, architecture):
    return {
        "architectures": [architecture], "model_type": "llama", "hidden_act": "silu",
        "vocab_size": shape["vocab"], "hidden_size": shape["hidden"], "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"], "num_key_value_heads": shape["kv_heads"], "head_dim": shape["head_dim"],
        "intermediate_size": shape["mlp"], "max_position_embeddings": shape["positions"],
        "rope_theta": shape["rope_theta"], "rms_norm_eps": shape["eps"], "tie_word_embeddings": True,
        "attention_bias": False, "mlp_bias": False, "torch_dtype": "bfloat16",
        "eos_token_id": end_tokens_of(tokenizer), "pad_token_id": special_ids(tokenizer)[END_OF_TEXT],
        "quantization": {"group_size": GROUP, "bits": BITS}}


def write_tokenizer(tokenizer, out, *, template=True):
    """Also where both are one folder. Some programs read the template from its
    own file and some from the configuration: it is written to both."""
    (out / "tokenizer.json").write_bytes((tokenizer / "tokenizer.json").read_bytes())
    configuration = json.loads((tokenizer / "tokenizer_config.json").read_text())
    configuration.pop("chat_template", None)
    if template:
        text = (FOLDER / "chat_template.jinja").read_text()
        (out / "chat_template.jinja").write_text(text)
        configuration["chat_template"] = text
    write_json(out / "tokenizer_config.json", configuration)


def expect_at_most(limit_bytes, out):
    """Ends the program where the folder holds more."""
    held = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {held / 1e6:.2f} MB")
    if held > limit_bytes:
        sys.exit(f"that is more than {limit_bytes / 1e6:.0f} MB")
