#!/usr/bin/env python3
"""Writes docs/MODELS.md from a run of the golden tests.

Usage: models_test --gtest_filter='*Golden*' --gtest_output=xml:FILE
       models_table.py FILE [OUT]
Each golden checkpoint of tests/data/models is a row of its family's table line:
what was tested, and how far our logits are from those of mlx-lm.
"""
import collections
import json
import pathlib
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / "tests" / "data" / "models"
HEAD = """# Models

Written by `tools/models_table.py` from a run of the golden tests; not by hand.

For each family tiny random checkpoints of awkward sizes, made by
`tools/make_goldens.py`, are compared with mlx-lm 0.32.2 in float32: the logits
of every position of prompts of 1, 7 and 39 tokens, and 64 greedy tokens after
the last, in chunks and beside a neighbour. The error is the largest difference
of a logit, relative to the range of the logits; at most 2e-5 passes.

| model_type | checkpoints | layers | heads / kv heads | largest error | variants | packed as |
|---|---|---|---|---|---|---|
"""


def errors(report):
    """Folder name with _ for - -> its largest relative error."""
    found = {}
    for case in xml.parse(report).iter("testcase"):
        if not case.get("name").startswith("HasTheLogitsOfMlxLm/"):
            continue
        for entry in case.iter("property"):
            if entry.get("name") == "error":
                found[case.get("value_param").strip('"')] = float(
                    entry.get("value"))
    return found


def config_of(folder):
    config = json.loads((folder / "config.json").read_text())
    return config | config.get("text_config", {}) | {
        "model_type": config["model_type"]}


def packing(config):
    block = config.get("quantization") or config.get("quantization_config")
    if not block:
        return None
    mode = block.get("mode") or block.get("quant_method", "affine")
    return mode if mode != "affine" else (
        f"affine {block['bits']} bits, {block['group_size']}")


def span(numbers):
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def row(family, folders, found):
    configs = [config_of(folder) for folder in folders]
    heads = sorted({
        f"{c['num_attention_heads']} / "
        f"{c.get('num_key_value_heads') or c['num_attention_heads']}"
        for c in configs if "num_attention_heads" in c})
    layers = span([c["num_hidden_layers"] for c in configs])
    variants = [f.name.removeprefix(family).lstrip("-") for f in folders]
    packed = sorted({p for p in map(packing, configs) if p})
    worst = max(found[folder.name] for folder in folders)
    return (f"| {family} | {len(folders)} | {layers} | {', '.join(heads)} "
            f"| {worst:.1e} | {', '.join(v for v in variants if v)} "
            f"| {'; '.join(packed)} |\n")


def main(report, out=ROOT / "docs" / "MODELS.md"):
    found = errors(report)
    families = collections.defaultdict(list)
    for folder in sorted(CHECKPOINTS.iterdir()):
        families[config_of(folder)["model_type"]].append(folder)
    rows = [row(family, folders, found)
            for family, folders in sorted(families.items())]
    pathlib.Path(out).write_text(HEAD + "".join(rows))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
