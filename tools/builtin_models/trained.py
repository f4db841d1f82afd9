"""A folder of trained weights: safetensors in parts, and train.json, which tells how they came about.

Files stay below 16 MB, which every way of copying takes.
"""
import json
import pathlib

PART_BYTES = 15_000_000  # of numbers; names come on top
STORY = "train.json"


def parts_of(weights):
    """Dictionaries of at most PART_BYTES each, in the order of the names."""
    parts, part_bytes = [{}], 0
    for name, weight in sorted(weights.items()):
        if parts[-1] and part_bytes + weight.nbytes > PART_BYTES:
            parts.append({})
            part_bytes = 0
        parts[-1][name] = weight
        part_bytes += weight.nbytes
    return parts


def write_weights(folder, weights, save_file):
    """`save_file` is safetensors' for the library that the weights are of."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in _files(folder):
        old.unlink()
    for i, part in enumerate(parts_of(weights)):
        save_file(part, folder / f"weights-{i + 1}.safetensors")


def weights_of(folder, load_file):
    """All parts joined; `load_file` is safetensors' or MLX's."""
    weights = {}
    for file in _files(folder):
        weights |= load_file(str(file))
    return weights


def _files(folder):
    return sorted(pathlib.Path(folder).glob("weights-*.safetensors"))


def write_story(folder, options, **story):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STORY).write_text(json.dumps({"options": _recorded(options), **story}, indent=1) + "\n")


def story_of(folder):
    return json.loads((pathlib.Path(folder) / STORY).read_text())


def _recorded(options):
    """Of paths only the names: where they lay is of no use elsewhere."""
    return {name: value.name if isinstance(value, pathlib.PurePath) else value for name, value in vars(options).items()}
