"""Trained weights in a folder: bfloat16 in small files, and how they came about."""
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

from .llama import Shape

PARTS = 2  # so that no file is large


def save(model, folder, **story):
    """weights-N.safetensors, and train.json with the shape and `story`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().to(torch.bfloat16).cpu().contiguous() for name, weight in model.named_parameters()}
    names = sorted(weights)
    for i in range(PARTS):
        save_file({name: weights[name] for name in names[i::PARTS]}, folder / f"weights-{i + 1}.safetensors", {"format": "pt"})
    (folder / "train.json").write_text(json.dumps({"shape": model.shape.__dict__, **story}, indent=1) + "\n")


def load(make, folder, device):
    """`make` takes the shape: Llama, or another module with the same names."""
    folder = pathlib.Path(folder)
    model = make(Shape(**json.loads((folder / "train.json").read_text())["shape"]))
    weights = {}
    for part in sorted(folder.glob("weights-*.safetensors")):
        weights |= load_file(part)
    model.load_state_dict(weights)
    return model.to(device)
