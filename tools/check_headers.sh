#!/usr/bin/env bash
# Compiles each header of src/ alone, with the flags of its room.
#   check_headers.sh BUILD_DIR [HEADER...]
# BUILD_DIR is a configured CMake build; rooms that it leaves out for want of
# MLX are skipped. Without HEADERs: all of them.
set -euo pipefail
build=${1:?usage: check_headers.sh BUILD_DIR [HEADER...]}
build=$(cd "$build" && pwd)
cd "$(dirname "$0")/.."
shift
exec python3 - "$build" "$@" <<'PYTHON'
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path.cwd()
NEEDS_MLX = {"kernels", "nn", "models", "kvstore", "sampling", "runner",
             "runtime", "cli"}


def room_of(path):
    try:
        return pathlib.Path(path).resolve().relative_to(ROOT / "src").parts[0]
    except ValueError:
        return None


def compiler_call(entry):
    """The command of one source file without the file and its output."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    if os.path.basename(words[0]) == "ccache":
        words = words[1:]
    call = []
    skip = False
    for word in words:
        if skip or word in ("-c", entry["file"]):
            skip = False
        elif word in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif word not in ("-MD", "-MMD"):
            call.append(word)
    return call


def calls_by_room(build):
    calls = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        room = room_of(entry["file"])
        if room and room not in calls:
            calls[room] = (compiler_call(entry), entry["directory"])
    return calls


def call_for(room, calls):
    """A room that has headers only borrows the flags of one like it."""
    if room in calls:
        return calls[room]
    like = [r for r in calls if (r in NEEDS_MLX) == (room in NEEDS_MLX)]
    return calls[like[0]] if like else None


def compile_alone(header, call):
    command, folder = call
    done = subprocess.run(
        [*command, "-fsyntax-only", "-x", "c++", "-"], cwd=folder,
        input=f'#include "{header.relative_to(ROOT / "src")}"\n', text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return header, done.returncode, done.stdout


def main(build, wanted):
    calls = calls_by_room(pathlib.Path(build))
    headers = [pathlib.Path(h).resolve() for h in wanted] \
        or sorted((ROOT / "src").rglob("*.h"))
    jobs, skipped, bad = [], set(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header in headers:
            room = room_of(header)
            call = call_for(room, calls)
            if call:
                jobs.append(pool.submit(compile_alone, header, call))
            else:
                skipped.add(room)
        for job in jobs:
            header, code, output = job.result()
            if code != 0:
                bad += 1
                print(f"{header.relative_to(ROOT)} does not compile alone:\n"
                      f"{output}")
    if skipped:
        print(f"headers: without MLX, skipped {', '.join(sorted(skipped))}")
    print(f"headers: {bad} of {len(jobs)} do not compile alone" if bad
          else f"headers: {len(jobs)} ok")
    return bool(bad) or not jobs


sys.exit(main(sys.argv[1], sys.argv[2:]))
PYTHON
