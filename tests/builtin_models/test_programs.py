"""The programs that made the models, as far as they run without PyTorch."""
import json
import os
import subprocess
import sys

import pytest

from checkpoint import MODELS
from conftest import ROOT

PROGRAMS = ["evaluate", "export", "export_adapter", "export_companions", "train_tokenizer"]


def run(folder, name, *arguments):
    return subprocess.run([sys.executable, "-m", f"builtin_models.{name}", *map(str, arguments)], cwd=folder,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "tools")}, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_is_printed_and_nothing_done(name, tmp_path):
    ended = run(tmp_path, name, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "usage:" in ended.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [("export", "no", "no", "out"), ("export_adapter", "no", "out"),
                                       ("export_companions", "reward", "no", "no", "out")])
def test_a_folder_without_weights_is_named(arguments, tmp_path):
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 2
    assert "no: holds no train.json" in ended.stderr


def test_a_server_that_does_not_answer_is_named(tmp_path):
    ended = run(tmp_path, "evaluate", "--url", "http://127.0.0.1:1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("http://127.0.0.1:1: no server answers there")


def test_an_adapter_is_exported_from_its_weights_and_story(tmp_path):
    """A story without `held_out`: the check that ends the training was cut short."""
    trained, out = tmp_path / "trained", tmp_path / "out"
    trained.mkdir()
    shipped = MODELS / "parallm-tiny-pirate"
    config = json.loads((shipped / "adapter_config.json").read_text())
    parameters = config["lora_parameters"]
    (trained / "train.json").write_text(json.dumps({
        "behaviour": "parallm-tiny-pirate", "kind": config["fine_tune_type"], "layers": config["num_layers"],
        "rank": parameters["rank"], "scale": parameters["scale"], "keys": parameters["keys"], "log": []}))
    (trained / "adapters.safetensors").write_bytes((shipped / "adapters.safetensors").read_bytes())
    ended = run(tmp_path, "export_adapter", trained, out)
    assert ended.returncode == 0, ended.stderr
    for file in ("adapter_config.json", "adapters.safetensors"):
        assert (out / file).read_bytes() == (shipped / file).read_bytes()
