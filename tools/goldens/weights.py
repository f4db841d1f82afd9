"""Draws the weights of a model."""
import math
import re
import zlib

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes

SEED = 20261124

# Names and the mean and deviation of what they hold; the first line that
# matches counts. Anything else is a matrix, whose outputs are a little larger
# than its inputs.
SPREADS = [(re.compile(pattern), mean, deviation)
           for pattern, mean, deviation in (
               (r"(model|backbone)\.\w*norm\w*\.weight$", 4, 0.8),
               (r"norm.*weight$", 1, 0.2),
               (r"e_score_correction_bias$", 0, 0.1),
               (r"dt_bias$", -1.5, 0.7),
               (r"A_log$", 0.5, 0.7),
               (r"\.D$", 1, 0.3),
               (r"sinks$", 0, 1),
               # So that gpt_oss has something to clip.
               (r"mlp\.experts\.(gate|up)_proj\.weight$", 0, 0.5),
               (r"bias$", 0, 0.1))]
MATRIX_GAIN = 1.2
# Small beside what the layers add to them, or a tied head would only repeat
# the last token; the last norm, with a mean of 4, makes up for it.
EMBEDDINGS = re.compile(
    r"(embed_tokens|embed_in|embeddings|embed_out|lm_head)\.weight$")
EMBEDDING_GAIN = 0.25


def rng_of(*key):
    """A generator of its own for each thing drawn: none moves another."""
    return np.random.default_rng(
        [SEED, *(zlib.crc32(str(part).encode()) for part in key)])


def spread(name, shape, config):
    for pattern, mean, deviation in SPREADS:
        if pattern.search(name):
            # Gemma multiplies by 1 + weight.
            gemma = "gemma" in config["model_type"] and "norm" in name
            return mean - gemma, deviation
    # The inputs of an output; a convolution has one channel in each group.
    inputs = shape[-1] if shape[-1] > 1 else shape[-2]
    gain = EMBEDDING_GAIN if EMBEDDINGS.search(name) else MATRIX_GAIN
    return 0, gain / math.sqrt(inputs)


def draw(shape, mean, deviation, rng):
    return mx.array(mean + deviation * rng.standard_normal(shape), mx.float32)


def model_of(config):
    """mlx-lm's own model is the list of tensors."""
    model_class, args_class = _get_classes(config)
    return model_class(args_class.from_dict(config))


def random_model(config, dtype, *key):
    model = model_of(config)
    rounds = getattr(model, "cast_predicate", lambda name: True)
    drawn = []
    for name, value in tree_flatten(model.parameters()):
        values = draw(value.shape, *spread(name, value.shape, config),
                      rng_of(*key, name))
        drawn.append((name, values.astype(dtype) if rounds(name) else values))
    model.load_weights(drawn)
    return model


def quantize(model, block):
    def spec(path, module):
        return hasattr(module, "to_quantized") and block.get(path, True)

    nn.quantize(model, block["group_size"], block["bits"],
                mode=block.get("mode", "affine"), class_predicate=spec)
