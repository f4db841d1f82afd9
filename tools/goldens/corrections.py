"""What configs ask for and mlx-lm passes over, done to its models."""
import mlx.core as mx
import numpy as np
from mlx_lm.models.base import create_causal_mask
from mlx_lm.models.nemotron_h import MambaRMSNormGated


def windows(config):
    """Of each layer; None where mlx-lm and the config already agree."""
    config = config.get("text_config", config)
    window, layers = config.get("sliding_window"), config["num_hidden_layers"]
    if not window or "layer_types" in config:
        return [None] * layers
    match config["model_type"]:
        case "mistral" | "mixtral" | "phi3" | "phimoe" | "starcoder2":
            return [window] * layers
        case "gemma2":
            return [None if i % 2 else window for i in range(layers)]
        case "qwen2" | "qwen2_moe" | "qwen3" | "qwen3_moe" as kind:
            limit = config["max_window_layers"]
            slides = {"qwen2_moe": lambda i: i % 2 == 0 and i < limit,
                      "qwen3_moe": lambda i: True}.get(
                          kind, lambda i: i >= limit)
            return [window if config["use_sliding_window"] and slides(i)
                    else None for i in range(layers)]
    return [None] * layers


class Sliding:
    """A layer that looks back `window` tokens, its own among them."""

    use_sliding = False  # llama asks, to choose the mask not used here

    def __init__(self, layer, window):
        self.layer, self.window = layer, window

    def __call__(self, x, mask, cache):
        seen = create_causal_mask(x.shape[1], window_size=self.window)
        return self.layer(x, seen, cache)


def let_yarn_be_exact(rope, base, scaling):
    """Where config says so, the ramp's ends stay between two frequencies."""
    pairs = np.arange(rope.dims // 2)

    def pair_that_turns(times):
        turns = scaling["original_max_position_embeddings"] / (
            2 * np.pi * times)
        return rope.dims * np.log(turns) / (2 * np.log(base))

    low = max(pair_that_turns(scaling["beta_fast"]), 0)
    high = min(pair_that_turns(scaling["beta_slow"]), rope.dims - 1)
    slowed = np.clip((pairs - low) / (high - low), 0, 1)
    freqs = base ** (2 * pairs / rope.dims)
    rope._freqs = mx.array(
        freqs / (slowed / scaling["factor"] + 1 - slowed), mx.float32)


def norm_by_groups(mixer, eps, groups):
    size = mixer.norm.weight.size
    norm = MambaRMSNormGated(size, eps, size // groups)
    norm.weight, mixer.norm = mixer.norm.weight, norm


def correct(model, config):
    for i, window in enumerate(windows(config)):
        if window:
            model.model.layers[i] = Sliding(model.model.layers[i], window)
    scaling = config.get("rope_scaling") or {}
    for layer in model.layers:
        if scaling.get("truncate") is False:
            let_yarn_be_exact(layer.self_attn.rope, config["rope_theta"],
                              scaling)
        if config["model_type"] == "mamba2" and config["n_groups"] > 1:
            norm_by_groups(layer.mixer, config["layer_norm_epsilon"],
                           config["n_groups"])
