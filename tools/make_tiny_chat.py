#!/usr/bin/env python3
"""Makes tests/data/tiny-chat: a random Llama with a tokenizer of its own.

It answers nonsense, but it has every part of a real checkpoint, so that the
server tests run from a clone alone. Needs numpy, safetensors, tokenizers.
Usage: make_tiny_chat.py [FOLDER]
"""
import json
import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models
from tokenizers import pre_tokenizers, processors, trainers

SEED = 20261124
WIDTH, HEADS, KV_HEADS, HEAD, FFN, LAYERS = 48, 6, 2, 8, 80, 3
SPECIAL = ["<|bos|>", "<|eos|>", "<|im_start|>", "<|im_end|>"]

# Our own words; enough for a few dozen merges.
WORDS = ("the quick small robot walks over a bridge and counts seven stones "
         "while rain falls on the old harbour where boats wait for morning "
         "light one two three four five six seven eight nine ten once upon "
         "a time there was tell me story about sea wind and stars").split()

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + "
    "message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}")


def make_tokenizer():
    rng = np.random.default_rng(SEED)
    lines = [" ".join(rng.choice(WORDS, 12)) for _ in range(200)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=380, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True) for text in SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", 0)])
    return tokenizer


def make_weights(vocab):
    rng = np.random.default_rng(SEED)

    def normal(*shape, scale):
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    tensors = {"model.embed_tokens.weight": normal(vocab, WIDTH, scale=1.0),
               "model.norm.weight": np.ones(WIDTH, np.float32),
               "lm_head.weight": normal(vocab, WIDTH, scale=0.35)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{norm}.weight"] = np.ones(WIDTH, np.float32)
        for name, out, inner in (
                ("self_attn.q_proj", HEADS * HEAD, WIDTH),
                ("self_attn.k_proj", KV_HEADS * HEAD, WIDTH),
                ("self_attn.v_proj", KV_HEADS * HEAD, WIDTH),
                ("self_attn.o_proj", WIDTH, HEADS * HEAD),
                ("mlp.gate_proj", FFN, WIDTH), ("mlp.up_proj", FFN, WIDTH),
                ("mlp.down_proj", WIDTH, FFN)):
            tensors[f"{at}{name}.weight"] = normal(out, inner, scale=0.3)
    return tensors


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    vocab = tokenizer.get_vocab_size()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(make_weights(vocab), folder / "model.safetensors",
              metadata={"format": "mlx"})

    def write(name, value):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")

    write("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_size": WIDTH, "intermediate_size": FFN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": HEAD,
        "max_position_embeddings": 1024, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": False,
        "torch_dtype": "float32", "vocab_size": vocab,
        "bos_token_id": 0, "eos_token_id": 1})
    write("generation_config.json", {"eos_token_id": [1, 3]})
    write("special_tokens_map.json",
          {"bos_token": "<|bos|>", "eos_token": "<|eos|>"})
    write("tokenizer_config.json", {
        "bos_token": "<|bos|>", "eos_token": "<|eos|>",
        "clean_up_tokenization_spaces": False, "model_max_length": 1024,
        "tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "chat_template.jinja").write_text(TEMPLATE)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1
         else here / "tests" / "data" / "tiny-chat")
