"""The subcommands that serve nothing, through the real binary."""
import subprocess

import pytest

from conftest import ADAPTERS, BINARY, ENVIRONMENT, ROOT, TINY

PROGRAM = BINARY.with_name("parallm")


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
