"""The installed programs find the model that comes with them, and no other."""
import os
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT

MODELS = "share/mlx_parallm/models"


def install(folder):
    subprocess.run(["cmake", "--install", ROOT / "build" / "release",
                    "--prefix", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def bare(tmp_path, installed):
    """An installation that has lost its models."""
    folder = shutil.copytree(installed, tmp_path / "bare")
    shutil.rmtree(folder / MODELS)
    return folder


@pytest.fixture
def foreign(tmp_path, installed):
    """A working directory beside a stranger's models, which are no use."""
    stranger = tmp_path / "foreign"
    shutil.copytree(installed / MODELS, stranger / MODELS)
    (stranger / "here").mkdir()
    return stranger / "here"


def serve(program, *flags, cwd, **more):
    return subprocess.run([program, "serve", *flags], cwd=cwd, env={},
                          capture_output=True, text=True, timeout=30, **more)


def model_path(ended):
    assert (ended.returncode, ended.stderr) == (0, "")
    [line] = [line for line in ended.stdout.splitlines()
              if "model_path" in line]
    return line


def test_the_installed_program_finds_its_model(installed, foreign):
    ended = serve(installed / "bin/parallm", "--print-config", cwd=foreign)
    expected = installed.resolve() / MODELS / "parallm-tiny"
    assert model_path(ended) == f'model_path = "{expected}" # default'


def test_a_link_to_the_program_finds_the_same_model(
        installed, foreign, tmp_path):
    link = tmp_path / "parallm"
    link.symlink_to(installed / "bin/parallm")
    ended = serve(link, "--print-config", cwd=foreign)
    assert str(installed.resolve() / MODELS) in model_path(ended)


def test_without_its_models_the_start_says_what_is_missing(bare, foreign):
    program = bare / "bin/parallm"
    ended = serve(program, "--port", "0", cwd=foreign)
    assert ended.returncode == 64
    assert "--model-path is missing" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="runs an open file")
def test_a_program_that_has_gone_takes_no_stranger_s_model(bare, foreign):
    program = bare / "bin/parallm"
    file = os.open(program, os.O_RDONLY)
    program.unlink()
    ended = serve(f"/proc/self/fd/{file}", "--print-config", cwd=foreign,
                  pass_fds=[file])
    os.close(file)
    assert model_path(ended) == "# model_path is not set"
