#!/usr/bin/env python3
"""Writes docs/MODELS.md from a run of the golden tests, or checks it.

Usage: models_test --gtest_filter='*Golden*' --gtest_output=xml:FILE
       models_table.py [--check] FILE
Each golden checkpoint of tests/data/models is a row of its family's table line:
what was tested, and how far our logits are from those of mlx-lm.
"""
import collections
import difflib
import json
import pathlib
import re
import sys
import textwrap
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / "tests" / "data" / "models"
OUT = ROOT / "docs" / "MODELS.md"
HEAD = """# Models

Written by `tools/models_table.py` from a run of the golden tests; not by hand.
`./test` checks that it still says what they find.

For each family tiny random checkpoints of awkward sizes, made by
`tools/make_goldens.py`, are compared with mlx-lm 0.32.2 in float32: the logits
of every position of prompts of 1, 7 and 39 tokens (one of 270 for mamba2: more
than mlx-lm scans at once), and 64 greedy tokens after the last, in chunks and
beside a neighbour. The error is the largest difference of a logit, relative to
the range of the logits; at most 2e-5 passes.

Heads are those of queries / of keys and values × numbers in each; what is
packed is told as bits × group size, those of single layers among it.
{derived}

| model_type | checkpoints | layers | hidden size | heads | vocabulary \
| largest error | variants | packed as |
|---|---|---|---|---|---|---|---|---|
"""
DERIVED = ("These have hidden size / heads numbers in a head in each "
           "checkpoint, since mlx-lm knows no other size: ")
FOOT = """
## Where ours differs from mlx-lm on purpose

Where mlx-lm passes over what a checkpoint's authors do, answers in use would be
wrong, and we are with the authors (section 12 of
[ARCHITECTURE.md](ARCHITECTURE.md)). In the first three `tools/goldens/corrections.py`
does the same to mlx-lm's model, so that these are compared too.

| family | config.json | mlx-lm | ours |
|---|---|---|---|
| mistral, mixtral, phi3, phimoe, gemma2, qwen2, qwen3 and their MoE, starcoder2 \
| `sliding_window` without `layer_types` | sees all positions | slides |
| gpt_oss | `truncate` of YaRN is false | rounds the ramp's ends in any case \
| does not |
| mamba2 | `n_groups` above 1 | one norm of all groups | a norm for each |
| granitemoehybrid | no `time_step_limit` | clips to [0.001, 100] \
| clips nothing |
| granitemoehybrid | no `position_embedding_type` | turns heads | does not |
| qwen3_next | `layer_types` | reads `full_attention_interval` only \
| reads it first |
| lfm2 | `tie_embedding` is false | ties in any case | does not |
| any | GPTQ's own layout, inputs in any order (`desc_act`) | refuses | reads |

## Adding a family

One file, one line, one golden. OLMoE was this:

```
src/models/families/olmoe.cpp  | 28 ++++++  config.json -> ArchSpec
src/models/registry.h          |  1 +       FAMILY("olmoe", read_olmoe)
tools/goldens/moe.py           | 13 +++     a tiny config.json and two variants
```

1. `src/models/families/NAME.cpp` has one function that reads config.json into
   an `ArchSpec`: begin with the relative that it resembles most (`read_llama`)
   and say what differs. Weights that lie otherwise in the file are tidied there.
2. `src/models/registry.h` gets its line.
3. `tools/goldens/` gets a config of awkward sizes and a variant for each thing
   that files may say; `tools/make_goldens.py tests/data/models NAME` asks mlx-lm.
   The golden tests find the folder by themselves.
4. `build/release/bin/models_test --gtest_filter='*Golden*' --gtest_output=xml:FILE`,
   then `tools/models_table.py FILE`.
"""
STALE = """docs/MODELS.md is not what the golden tests found. Renew it:
build/release/bin/models_test --gtest_filter='*Golden*' \
--gtest_output=xml:build/golden.xml
tools/models_table.py build/golden.xml"""


def errors(report):
    """Folder name -> its largest relative error."""
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
    """(method, bits, group size) of the whole and of layers; bits may be None."""
    block = config.get("quantization") or config.get("quantization_config")
    if not block:
        return set()
    if method := block.get("quant_method"):
        return {(method, None, None)}
    blocks = [block, *(b for b in block.values() if isinstance(b, dict))]
    return {(b.get("mode", "affine"), b["bits"], b["group_size"])
            for b in blocks}


def packings(configs):
    groups = collections.defaultdict(set)
    for method, bits, group_size in set().union(*map(packing, configs)):
        affine = method == "affine"
        groups[method, group_size if affine else 0].add(bits)
    return "; ".join(
        f"affine {', '.join(map(str, sorted(bits)))} × {group_size}"
        if group_size else method
        for (method, group_size), bits in sorted(groups.items()))


def head_size(config):
    if "qk_nope_head_dim" in config:
        return config["qk_nope_head_dim"] + config["qk_rope_head_dim"]
    return config.get("head_dim") or (
        config["hidden_size"] // config["num_attention_heads"])


def heads(config):
    if "num_attention_heads" not in config:  # mamba2
        return f"{config['num_heads']} × {config['head_dim']}"
    queries = config["num_attention_heads"]
    keys = config.get("num_key_value_heads") or queries
    return f"{queries} / {keys} × {head_size(config)}"


def derives_heads(configs):
    return all("num_attention_heads" in c and head_size(c) ==
               c["hidden_size"] / c["num_attention_heads"] for c in configs)


def span(numbers):
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def listed(values):
    return ", ".join(map(str, sorted(set(values))))


def row(family, folders, configs, found):
    variants = [f.name.removeprefix(family).lstrip("-_") for f in folders]
    cells = (
        family, len(folders), span([c["num_hidden_layers"] for c in configs]),
        listed(c["hidden_size"] for c in configs), listed(map(heads, configs)),
        listed(c["vocab_size"] for c in configs),
        f"{max(found[f.name] for f in folders):.1e}",
        ", ".join(v for v in variants if v), packings(configs))
    return f"| {' | '.join(map(str, cells))} |\n"


def document(found):
    families = collections.defaultdict(list)
    for folder in sorted(CHECKPOINTS.iterdir()):
        families[config_of(folder)["model_type"]].append(folder)
    rows, derived = "", []
    for family, folders in sorted(families.items()):
        configs = list(map(config_of, folders))
        rows += row(family, folders, configs, found)
        derived += [family] * derives_heads(configs)
    derived = textwrap.fill(DERIVED + ", ".join(derived) + ".", 80,
                            break_on_hyphens=False)
    return HEAD.format(derived=derived) + rows + FOOT


def without_errors(text):
    """Their digits are other ones on another processor; that they are small
    enough is what the golden tests themselves check."""
    return re.sub(r"\b\d\.\de-\d\d\b", "…", text).splitlines()


def check(text):
    changes = list(difflib.unified_diff(
        without_errors(OUT.read_text()), without_errors(text),
        "docs/MODELS.md", "the golden tests", lineterm="", n=0))
    if changes:
        sys.exit("\n".join([*changes, STALE]))


def main(report, then=OUT.write_text):
    found = errors(report)
    silent = [f.name for f in CHECKPOINTS.iterdir() if f.name not in found]
    if silent:
        sys.exit(f"{report} has no error of {listed(silent)}")
    then(document(found))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    elif sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        main(sys.argv[2], then=check)
    else:
        sys.exit(__doc__)
