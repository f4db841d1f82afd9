"""Trained weights in bfloat16, from a model and back into one (PyTorch)."""
import torch
from safetensors.torch import load_file, save_file

from .llama import Shape
from .trained import story_of, weights_of, write_story, write_weights


def save(model, options, **story):
    """Into the folder options.out, with the shape, the options and `story`."""
    weights = {name: weight.detach().to(torch.bfloat16).cpu().contiguous() for name, weight in model.named_parameters()}
    write_weights(options.out, weights, save_file)
    write_story(options.out, options, shape=model.shape.__dict__, **story)


def load(make, folder, device):
    """`make` takes the shape: Llama, or another module with the same names."""
    model = make(Shape(**story_of(folder)["shape"]))
    model.load_state_dict(weights_of(folder, load_file))
    return model.to(device)
