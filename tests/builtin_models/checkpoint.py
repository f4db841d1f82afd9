"""A shipped folder of weights, run by MLX's own Llama."""
import json
import pathlib

import mlx.core as mx
from mlx.utils import tree_unflatten
from mlx_lm.generate import generate_step
from mlx_lm.models import llama
from mlx_lm.tuner.utils import load_adapters
from tokenizers import Tokenizer

from builtin_models.corpus import Renderer

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
                scales, biases = weights[f"{stem}.scales"], weights[f"{stem}.biases"]
                weight = mx.dequantize(weight, scales, biases, **self.config["quantization"])
            if name.endswith(".weight"):
                whole[name] = weight.astype(mx.float32)
        return whole

    def json(self, path):
        return json.loads((self.folder / path).read_text())

    def adapt(self, name):
        """With a shipped adapter, by mlx-lm's layers; fused, or DoRA's norms
        would be computed anew for every token."""
        load_adapters(self.llama, str(MODELS / name))
        adapted = [(path, layer) for path, layer in self.llama.named_modules() if hasattr(layer, "fuse")]
        self.llama.update_modules(tree_unflatten([(path, layer.fuse()) for path, layer in adapted]))

    def forget(self, seed):
        """Random weights in the same shape, for tests of the tests."""
        mx.random.seed(seed)
        self.llama = llama.Model(llama.ModelArgs.from_dict(self.config))

    def shortest(self, samples):
        """The prompt of these samples that costs least, as (sample, tokens)."""
        renderer = Renderer()
        return min(((sample, self.tokens(renderer.prompt(sample))) for sample in samples), key=lambda pair: len(pair[1]))

    def tokens(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def answer(self, prompt, longest):
        """Greedy, up to the end and with it; tokens to tokens. Not in a batch:
        MLX's matrices cost by the token on a CPU, and padding counts too."""
        said = []
        for token, _ in generate_step(mx.array(prompt), self.llama, max_tokens=longest):
            said.append(int(token))
            if said[-1] in self.config["eos_token_id"]:
                break
        return said

    def hidden(self, text):
        """After the last norm, (tokens, hidden)."""
        states = self.llama.model(mx.array([self.tokens(text)]))[0]
        mx.eval(states)  # one text at a time, not one graph of hundreds
        return states

    def size_bytes(self):
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
