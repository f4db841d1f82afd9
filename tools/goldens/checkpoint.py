"""Writes a checkpoint as mlx-lm or the Hub would."""
import json
import shutil
import struct

import mlx.core as mx
from mlx.utils import tree_flatten

from .variant import without
from .weights import quantize, random_model


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def mark_float8(file, tensors):
    """MLX has no 8-bit floats and would call them U8."""
    float8 = [name for name in tensors if f"{name}_scale_inv" in tensors]
    if not float8:
        return
    data = file.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:begin])
    for name in float8:
        header[name]["dtype"] = "F8_E4M3"
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[begin:])


def write_shards(folder, tensors, shards, meta):
    names, weight_map = sorted(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        mx.save_safetensors(str(folder / file), part, metadata=meta)
        weight_map |= dict.fromkeys(part, file)
    total = sum(value.nbytes for value in tensors.values())
    write_json(folder / "model.safetensors.index.json", {
        "metadata": {"total_size": total},
        "weight_map": dict(sorted(weight_map.items()))})


def write_checkpoint(folder, variant, attempt):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = variant.config | {
        "torch_dtype": str(variant.dtype).rpartition(".")[-1]}
    model = random_model(config, variant.dtype, folder.name, attempt)
    if "quantization" in config:
        quantize(model, config["quantization"])
        config["quantization"] = without(
            config["quantization"], *variant.unsaid)
    tensors = dict(tree_flatten(model.parameters()))
    tensors = variant.layout(tensors, config)
    write_json(folder / "config.json", config)
    meta = {"format": "mlx" if variant.is_of_mlx else "pt"}
    if variant.shards > 1:
        write_shards(folder, tensors, variant.shards, meta)
    else:
        file = folder / "model.safetensors"
        mx.save_safetensors(str(file), tensors, metadata=meta)
        mark_float8(file, tensors)
