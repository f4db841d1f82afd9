"""The folders as they are shipped: sizes, and copies that are to stay alike."""
import json
import pathlib

import pytest

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
CHAT = MODELS / "parallm-tiny"
TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "tools/builtin_models/chat_template.jinja"
TEN_MB, TWENTY_MB = 10_000_000, 20_000_000

FOLDERS = sorted(path for path in MODELS.iterdir() if path.is_dir())
WITH_TOKENIZER = [path for path in FOLDERS if not (path / "adapter_config.json").exists()]


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_family_is_complete():
    names = {path.name.removeprefix("parallm-tiny") for path in FOLDERS}
    assert names == {"", "-draft", "-telegram", "-json", "-pirate", "-reward", "-embedding"}


def test_chat_and_all_are_small_enough_for_git():
    assert size(CHAT) <= TEN_MB
    assert size(MODELS) <= TWENTY_MB


@pytest.mark.parametrize("folder", WITH_TOKENIZER, ids=lambda folder: folder.name)
def test_all_speak_the_same_tokens(folder):
    assert (folder / "tokenizer.json").read_bytes() == (CHAT / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("folder", WITH_TOKENIZER, ids=lambda folder: folder.name)
def test_every_copy_of_the_template_is_the_one_of_the_tools(folder):
    config = json.loads((folder / "tokenizer_config.json").read_text())
    copies = [config["chat_template"]] if "chat_template" in config else []
    if (folder / "chat_template.jinja").exists():
        copies.append((folder / "chat_template.jinja").read_text())
    assert copies or folder.name == "parallm-tiny-embedding"
    assert all(copy == TEMPLATE.read_text() for copy in copies)


def test_every_folder_is_in_the_model_card():
    card = (MODELS / "README.md").read_text()
    assert not [folder.name for folder in FOLDERS if f"`{folder.name}`" not in card]
