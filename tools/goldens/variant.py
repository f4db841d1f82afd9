"""What a line of the tables says about a checkpoint."""
from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx

PROMPT_LENGTHS = (1, 7, 39)


def without(config, *keys):
    return {key: value for key, value in config.items() if key not in keys}


def as_mlx_lm_names_them(tensors, config):
    return tensors


@dataclass(frozen=True)
class Variant:
    config: dict
    dtype: mx.Dtype = mx.bfloat16
    # (tensors by mlx-lm's names, config) -> what the file holds
    layout: Callable = as_mlx_lm_names_them
    shards: int = 1
    prompt_lengths: tuple = PROMPT_LENGTHS
    # Entries of config["quantization"] that the file does not have.
    unsaid: tuple = ()
    # Of the same numbers, where mlx-lm cannot load this one.
    equal: "Variant | None" = None

    @property
    def is_of_mlx(self):
        return self.layout is as_mlx_lm_names_them
