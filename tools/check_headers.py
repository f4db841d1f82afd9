#!/usr/bin/env python3
"""Sees to it that each header of src/ compiles alone.

Usage: check_headers.py BUILD_DIR [HEADER...]
BUILD_DIR is a configured CMake build. A header that opens its own source file
or its own test has been compiled alone by the build; the others are compiled
here, with the flags of their room. Rooms that the build leaves out for want of
MLX are skipped. HEADERs that are named are compiled in any case.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
NEEDS_MLX = {"kernels", "nn", "models", "kvstore", "sampling", "runner",
             "runtime", "cli"}
FIRST_INCLUDE = re.compile(r'^#include ["<](.+)[">]', re.MULTILINE)


def room_of(path):
    path = pathlib.Path(path).resolve()
    return path.relative_to(SRC).parts[0] if path.is_relative_to(SRC) else None


def opens(source, header):
    if not source.exists():
        return False
    first = FIRST_INCLUDE.search(source.read_text())
    return first is not None and first[1] == str(header)


def built_alone(path):
    header = path.relative_to(SRC)
    test = ROOT / "tests" / header.with_name(f"{header.stem}_test.cpp")
    return opens(path.with_suffix(".cpp"), header) or opens(test, header)


def compiler_call(entry):
    """The command of one source file without the file and its output."""
    words = iter(entry.get("arguments") or shlex.split(entry["command"]))
    call = []
    for word in words:
        if word in ("-o", "-MF", "-MT", "-MQ"):
            next(words)
        elif word not in ("-c", "-MD", "-MMD", entry["file"]) \
                and os.path.basename(word) != "ccache":
            call.append(word)
    return call


def calls_by_room(build):
    calls = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        room = room_of(entry["file"])
        call = compiler_call(entry)
        if room and room not in calls and able(room, call):
            calls[room] = (call, entry["directory"])
    return calls


def able(room, call):
    """Some sources of a room that needs MLX are compiled without."""
    folders = [pathlib.Path(word.removeprefix("-I")) for word in call]
    return room not in NEEDS_MLX or \
        any((folder / "mlx/mlx.h").exists() for folder in folders)


def call_for(room, calls):
    """A room that has headers only borrows the flags of one like it."""
    if room in calls:
        return calls[room]
    like = [r for r in calls if (r in NEEDS_MLX) == (room in NEEDS_MLX)]
    return calls[like[0]] if like else None


def compile_alone(path, call):
    """What the compiler says, or nothing."""
    command, folder = call
    done = subprocess.run(
        [*command, "-fsyntax-only", "-x", "c++", "-"], cwd=folder,
        input=f'#include "{path.relative_to(SRC)}"\n', text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout if done.returncode else ""


def compile_all(paths, calls):
    """The headers that do not compile alone, with what the compiler says."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(
            lambda path: compile_alone(path, call_for(room_of(path), calls)),
            paths))
    return [(path, text) for path, text in zip(paths, said) if text]


def main(build, wanted):
    calls = calls_by_room(pathlib.Path(build))
    headers = [pathlib.Path(header).resolve() for header in wanted] \
        or sorted(SRC.rglob("*.h"))
    able = [path for path in headers if call_for(room_of(path), calls)]
    paths = able if wanted else [p for p in able if not built_alone(p)]
    bad = compile_all(paths, calls)
    for path, text in bad:
        print(f"{path.relative_to(ROOT)} does not compile alone:\n{text}")
    if skipped := {room_of(path) for path in headers} - \
            {room_of(path) for path in able}:
        print(f"headers: without MLX, skipped {', '.join(sorted(skipped))}")
    print(f"headers: {len(able) - len(paths)} open a source file, "
          f"{len(paths) - len(bad)} compiled alone, {len(bad)} did not")
    return bool(bad) or not able


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
