"""What the real binary says without serving, and ./serve before there is one."""
import os
import shutil
import subprocess

import pytest

from conftest import ADAPTERS, BINARY, ENVIRONMENT, ROOT, TINY

PROGRAM = BINARY.with_name("parallm")
MODELS = ROOT / "models"


def run(*arguments):
    """-> (exit code, standard output, standard error)"""
    ended = subprocess.run([PROGRAM, *map(str, arguments)], env=ENVIRONMENT,
                           cwd=ROOT / "tests", capture_output=True, text=True,
                           timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("arguments", [["inspect"],
                                       ["inspect", "--dtype", "f32"]])
def test_inspect_without_path_takes_the_built_in_model(arguments):
    code, text, complaint = run(*arguments)
    assert (code, complaint) == (0, "")
    assert "parallm-tiny (llama" in text


def test_inspect_takes_a_path_and_flags():
    code, text, complaint = run(
        "inspect", TINY, "--lora-path", ADAPTERS / "tiny-chat-lora")
    assert (code, complaint) == (0, "")
    assert "tiny-chat (llama, 3 layers, lora of rank 4 in 7 modules" in text


@pytest.mark.parametrize("arguments", [["--help"], ["-h"],
                                       ["--dtype", "f32", "--help"]])
def test_the_help_of_inspect_says_that_a_path_may_be_left_out(arguments):
    code, text, _ = run("inspect", *arguments)
    assert code == 0
    assert "parallm inspect [PATH]" in text
    assert "without PATH: the built-in model" in text


def test_inspect_counts_the_parameters():
    code, text, _ = run("inspect")
    assert code == 0
    [line] = [line for line in text.splitlines() if "parameters" in line]
    assert line.split() == ["parameters", "8.4", "M"]


def test_inspect_tells_one_thing_after_the_other():
    code, text, _ = run("inspect", TINY)
    assert code == 0
    assert [line[:17].strip() for line in text.splitlines()] == [
        "model", "parameters", "width", "vocabulary", "attention",
        "feed-forward", "weights", "", "numerics", "context", "memory",
        "weights", "keys and values", "working memory", "answers", "heap",
        "room", "tokenizer", "end tokens", "chat template"]


def test_inspect_tells_what_a_model_is_made_of_that_does_not_fit():
    code, text, complaint = run("inspect", TINY, "--kv-memory", "1")
    assert code == 71
    assert "\nattention          6 heads of 8, 2 of keys and values\n" in text
    assert text.splitlines()[-1].startswith("numerics ")
    assert "bytes are too few" in complaint


def test_inspect_reads_a_gguf_and_its_tokenizer():
    code, text, _ = run("inspect", ROOT / "tests/data/gguf/tiny-chat.gguf")
    assert code == 0
    assert "tiny-chat.gguf (llama, 3 layers)" in text
    assert "\ntokenizer          380 tokens\n" in text


def test_inspect_ends_with_what_serve_ends_with(tmp_path):
    """What the weights say is told before."""
    folder = shutil.copytree(TINY, tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    code, text, complaint = run("inspect", folder)
    assert text.splitlines()[-1].startswith("room ")
    assert code == 66
    assert (code, complaint) == run("serve", "--port", "0", "--model-path",
                                    folder)[::2]


def test_inspect_tells_of_a_model_that_cannot_chat(tmp_path):
    folder = shutil.copytree(TINY, tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    code, text, _ = run("inspect", folder)
    assert code == 0
    assert text.splitlines()[-1].startswith("chat template      none: ")


@pytest.mark.parametrize("flags, code", [
    (["--numerics", "fast"], 78),
    (["--max-batch-size", "9", "--max-batch-tokens", "8"], 78),
    (["--max-model-len", "1000000"], 78),
    (["--kv-memory", "1"], 71),
    (["--api-key-file", "no/where"], 66),
    (["--chat-template", "no/where"], 66)])
def test_inspect_refuses_the_settings_that_serve_refuses(flags, code):
    served = run("serve", "--model-path", TINY, "--port", "0", *flags)
    inspected = run("inspect", TINY, *flags)
    assert served[0] == inspected[0] == code
    assert served[2] == inspected[2]


# serve opens no port before that: --print-config shares its way there.
@pytest.mark.parametrize("subcommand", [["inspect"],
                                        ["serve", "--port", "0"],
                                        ["serve", "--print-config"]])
@pytest.mark.parametrize("folder, kind", [
    ("parallm-tiny-embedding", "an embedding model"),
    ("parallm-tiny-reward", "a reward model"),
    ("parallm-tiny-pirate", "an adapter")])
def test_a_folder_that_generates_nothing_ends_with_65(
        subcommand, folder, kind):
    code, _, complaint = run(*subcommand, "--model-path", MODELS / folder)
    assert code == 65
    *start, error = complaint.splitlines()
    assert f"{folder}: {kind}" in error
    advice = "--lora-path" if kind == "an adapter" else "parallm-tiny"
    assert advice in error.split("expected")[1]
    assert not [line for line in start if "listening" in line]


@pytest.mark.parametrize("subcommand", [["inspect"],
                                        ["serve", "--port", "0"]])
def test_a_model_given_as_an_adapter_ends_with_65(subcommand):
    code, _, complaint = run(*subcommand, "--lora-path", TINY)
    assert code == 65
    assert complaint.splitlines()[-1].endswith(
        "tiny-chat: a model (config.json, no adapter_config.json), "
        "expected an adapter; give it as --model-path")


def test_doctor_finds_every_kernel_right_and_tells_what_it_found():
    code, text, complaint = run("doctor")
    assert (code, complaint) == (0, "")
    machine, kernels, speed = (
        {line[:19].strip(): line[19:] for line in part.splitlines()}
        for part in text.split("\n\n"))
    assert list(machine) == ["cpu", "cores", "instruction sets",
                             "kernel threads", "memory", "mlx"]
    assert machine["cores"].split()[0] == machine["kernel threads"]
    sets = machine["instruction sets"].split("; ")[0].split(", ")
    assert {"attention", "int8 product", "rms norm", "sampling"} <= {*kernels}
    for verdict in kernels.values():
        right, in_use = verdict.removeprefix("ok with ").split("; in use: ")
        assert {*right.split(", ")} <= {*sets}
        assert in_use == right.split(", ")[-1]
    assert float(speed["memory read"].split()[0]) > 0
    assert float(speed["decoding, at most"].split()[0]) > 0


def test_doctor_has_a_help_and_takes_nothing_else():
    assert run("doctor", "--help")[0] == 0
    code, _, complaint = run("doctor", "--fast")
    assert code == 64
    assert "doctor takes no `--fast`" in complaint


@pytest.fixture
def tree(tmp_path):
    """A clone with ./serve, one source and a build that does nothing."""
    shutil.copy(ROOT / "serve", tmp_path)
    shutil.copy(ROOT / "test", tmp_path)
    for folder in ("src", "bridge", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src/main.cpp").touch()
    program(tmp_path / "scripts/build", "touch was_built")
    return tmp_path


def program(path, line, seconds=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    os.utime(path, (seconds, seconds))


def build(tree, seconds):
    for name in ("parallm", "mlx_parallm_serve"):
        program(tree / "build/release/bin" / name, 'echo "served $@"', seconds)


def serve_script(tree, *arguments):
    """-> (exit code, standard output, whether it built)"""
    ended = subprocess.run([tree / "serve", *arguments], cwd=tree,
                           env=ENVIRONMENT, capture_output=True, text=True,
                           timeout=60)
    return ended.returncode, ended.stdout, (tree / "was_built").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"],
                                       ["--port", "0", "--help"]])
def test_the_help_of_the_script_builds_nothing(tree, arguments):
    code, text, was_built = serve_script(tree, *arguments)
    assert (code, was_built) == (0, False)
    assert "Usage: ./serve" in text
    assert "docs/API.md" in text


def test_the_help_of_an_old_server_is_that_of_the_script(tree):
    build(tree, seconds=1)
    code, text, was_built = serve_script(tree, "--help")
    assert (code, was_built) == (0, False)
    assert "Usage: ./serve" in text


def test_the_help_of_a_new_server_is_its_own(tree):
    build(tree, seconds=2)
    os.utime(tree / "src/main.cpp", (1, 1))
    assert serve_script(tree, "--help") == (0, "served --help\n", True)


def test_the_script_builds_and_serves(tree):
    build(tree, seconds=1)
    assert serve_script(tree, "--port", "0") == (0, "served --port 0\n", True)


@pytest.mark.parametrize("arguments, code, start", [
    (["--help"], 0, "Installs what is missing"),
    (["dev", "-h"], 0, "Installs what is missing"),
    (["dev", "no"], 64, "test: no stage no (")])
def test_the_help_of_the_tests_sets_nothing_up(tree, arguments, code, start):
    program(tree / "scripts/setup", "touch was_set_up")
    ended = subprocess.run([tree / "test", *arguments], cwd=tree,
                           env=ENVIRONMENT, capture_output=True, text=True,
                           timeout=60)
    assert ended.returncode == code
    assert (ended.stdout + ended.stderr).startswith(start)
    assert not (tree / "was_set_up").exists()
    assert not (tree / "was_built").exists()


@pytest.mark.parametrize("subcommand", ["serve", "config", "inspect",
                                        "tokenize"])
def test_help_is_a_word_as_well(subcommand):
    code, text, complaint = run("help", subcommand)
    assert (code, complaint) == (0, "")
    assert (code, text, complaint) == run(subcommand, "--help")
    assert f"Usage: parallm {subcommand} " in text


def test_help_alone_lists_the_subcommands():
    assert run("help") == run("--help")
    assert run("help")[0] == 0
    assert run("help", "serv")[::2] == (
        64, "parallm: no subcommand `serv`; did you mean serve?\n")


@pytest.mark.parametrize("arguments, file", [
    (["inspect", MODELS], "config.json"),
    (["tokenize", MODELS, "text"], "tokenizer.json")])
def test_a_folder_of_models_names_them(arguments, file):
    code, text, complaint = run(*arguments)
    assert (code, text) == (66, "")
    assert f"models: no {file} in it; expected the folder of an MLX " in complaint
    assert "parallm-tiny-draft" in complaint.split("look like models: ")[1]
    assert "parallm-tiny-pirate" not in complaint  # an adapter


@pytest.mark.parametrize("subcommand", ["inspect", "tokenize"])
def test_a_path_to_nothing_is_told_what_was_expected(subcommand):
    code, text, complaint = run(subcommand, "no/where")
    assert (code, text) == (66, "")
    assert "no/where: not a folder; expected the folder of an MLX" in complaint


def test_an_adapter_of_another_model_names_both():
    code, _, complaint = run("inspect", TINY, "--lora-path",
                             MODELS / "parallm-tiny-pirate")
    assert code == 65
    assert complaint.endswith("the adapter, made for parallm-tiny, does not "
                              "fit tiny-chat\n")


def test_inspect_tells_its_version():
    assert run("inspect", "--version") == run("--version")


@pytest.mark.parametrize("wrong, rest", [
    ("serv", "; did you mean serve?"),
    ("tokenise", "; did you mean tokenize?"),
    ("x", "; parallm --help lists them")])
def test_an_unknown_subcommand_suggests_the_nearest(wrong, rest):
    code, text, complaint = run(wrong)
    assert (code, text) == (64, "")
    assert complaint == f"parallm: no subcommand `{wrong}`{rest}\n"
