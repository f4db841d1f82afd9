#!/usr/bin/env python3
"""Writes a trained adapter as the folder that mlx-lm and mlx_parallm load.

Usage: python -m builtin_models.export_adapter TRAINED_ADAPTER OUT   (from tools/)
TRAINED_ADAPTER is what train_adapter.py wrote.
"""
import json
import pathlib
import shutil

from .command_line import parser_of, trained_folder
from .trained import story_of

BASE = "parallm-tiny"


def config_of(adapter):
    """The fields that mlx_lm.tuner.utils.load_adapters reads, and whom it is for."""
    return {
        "model": BASE, "fine_tune_type": adapter["kind"], "num_layers": adapter["layers"],
        "lora_parameters": {"rank": adapter["rank"], "scale": adapter["scale"], "dropout": 0.0, "keys": adapter["keys"]}}


def export(trained, out):
    out.mkdir(parents=True, exist_ok=True)
    adapter = story_of(trained)
    (out / "adapter_config.json").write_text(json.dumps(config_of(adapter), indent=2) + "\n")
    # copyfile: without the mode of the source, which may be read-only.
    shutil.copyfile(trained / "adapters.safetensors", out / "adapters.safetensors")
    size = sum((out / name).stat().st_size for name in ("adapter_config.json", "adapters.safetensors"))
    print(f"{out}: {adapter['behaviour']}, {size / 1e6:.2f} MB")


def main():
    parser = parser_of(__doc__)
    parser.add_argument("trained", type=trained_folder)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    export(options.trained, options.out)


if __name__ == "__main__":
    main()
