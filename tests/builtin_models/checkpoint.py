"""A shipped folder of weights, run by MLX's own Llama."""
import json
import pathlib

import mlx.core as mx
from mlx_lm.models import llama
from tokenizers import Tokenizer

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"


class Checkpoint:
    """The shipped numbers in float32: on a CPU, MLX is slow with packed ones.
    `extra` holds the tensors that are not the trunk's, such as a score."""

    def __init__(self, name, extra=()):
        self.folder = MODELS / name
        self.config = self.json("config.json")
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        weights = self.unpacked(mx.load(str(self.folder / "model.safetensors")))
        self.extra = {name: weights.pop(name) for name in extra if name in weights}
        self.llama = llama.Model(llama.ModelArgs.from_dict(self.config))
        self.llama.load_weights(list(weights.items()), strict=True)

    def unpacked(self, weights):
        whole = {}
        for name, weight in weights.items():
            stem = name.removesuffix(".weight")
            if f"{stem}.scales" in weights:
                weight = mx.dequantize(weight, weights[f"{stem}.scales"], weights[f"{stem}.biases"], **self.config["quantization"])
            if name.endswith(".weight"):
                whole[name] = weight.astype(mx.float32)
        return whole

    def json(self, path):
        return json.loads((self.folder / path).read_text())

    def forget(self, seed):
        """Random weights in the same shape, for tests of the tests."""
        mx.random.seed(seed)
        self.llama = llama.Model(llama.ModelArgs.from_dict(self.config))

    def tokens(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def hidden(self, text):
        """After the last norm, (tokens, hidden)."""
        states = self.llama.model(mx.array([self.tokens(text)]))[0]
        mx.eval(states)  # one text at a time, not one graph of hundreds
        return states

    def size_bytes(self):
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
