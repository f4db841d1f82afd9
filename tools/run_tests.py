#!/usr/bin/env python3
"""Runs the built tests and adds up what they report.

Usage: run_tests.py STAGE...   (checks, dev, tsan, release, arm; see ./test)
Each program writes a JUnit-style report; the last line is the sum.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ_SECONDS = int(os.environ.get("PARALLM_FUZZ_SECONDS", "10"))
PROGRAM_LIMIT_S = 1200

SANITIZERS = {
    # Apple's AddressSanitizer knows no leaks.
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks="
    + str(int(sys.platform == "linux")),
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.skips = []

    def add_case(self, name, case):
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(name)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            self.skipped += 1
            self.skips.append(name)
        else:
            self.passed += 1

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips


def run(command, report, label):
    """Runs one program; its report tells the cases, its exit code the rest."""
    start = time.monotonic()
    count = Count()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **SANITIZERS},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=PROGRAM_LIMIT_S)
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = -1, f"{late.stdout}\n{label} ran past {PROGRAM_LIMIT_S} s"
    if report and report.exists() and report.stat().st_size:
        for case in ET.parse(report).iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            count.add_case(f"{label}: {name}", case)
    elif not report and code == 0:
        count.passed += 1
    # pytest says 5 when it found nothing to run: that is a failure here too.
    if code != 0 and not count.failed:
        count.fail(f"{label} (exit code {code})")
    shown = output[-12000:] + "\n" if count.failed else ""
    seconds = time.monotonic() - start
    verdict = "FAILED" if count.failed else "ok"
    print(f"{shown}{verdict:7} {label:40} {seconds:6.1f} s\n", end="",
          flush=True)
    return count


def run_side_by_side(runs, count):
    """(command, report, label) each; one a processor."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(lambda each: run(*each), runs):
            count.add(part)


def checks(count, _):
    for name in ("check_includes.py src", "check_format.sh",
                 "check_headers.py build/dev"):
        tool, *rest = name.split()
        path = ROOT / "tools" / tool
        prefix = [sys.executable] if tool.endswith(".py") else ["bash"]
        count.add(run([*prefix, str(path), *rest], None, f"checks/{tool}"))


# One thread each and minutes long under ThreadSanitizer; dev runs them.
ONLY_IN_DEV = {"text_test": "-*Real*:TokenizerGoldens.*:ChatTemplateGoldens.*"}


def program_run(stage, program, folder):
    report = folder / f"{stage}-{program.name}.xml"
    left_out = ONLY_IN_DEV.get(program.name) if stage == "tsan" else None
    return ([str(program), f"--gtest_output=xml:{report}",
             f"--gtest_filter={left_out or '*'}"], report,
            f"{stage}/{program.name}")


# Begun first, so that no processor waits for them at the end.
LONGEST = ("models_test", "runner_test")


def program_runs(stage, folder):
    found = (ROOT / "build" / stage / "bin").glob("*_test")
    order = sorted(found, key=lambda each: (each.name not in LONGEST, each.name))
    return [program_run(stage, program, folder) for program in order]


# Arm processors, and the best instruction set of our kernels that each has.
ARM_PROCESSORS = {"cortex-a53": "baseline", "neoverse-n1": "neon-dotprod",
                  "max": "neon-i8mm"}
ARM_LIBRARIES = "/usr/aarch64-linux-gnu"


def arm_run(processor, program, folder):
    report = folder / f"arm-{processor}-{program.name}.xml"
    best = f"PARALLM_EMULATED_SET={ARM_PROCESSORS[processor]}"
    return (["qemu-aarch64-static", "-L", ARM_LIBRARIES, "-cpu", processor,
             "-E", best, str(program), f"--gtest_output=xml:{report}"], report,
            f"arm/{processor}/{program.name}")


def suite_run(suite, folder):
    report = folder / f"{suite}.xml"
    return ([sys.executable, "-m", "pytest", "-q", f"tests/{suite}",
             f"--junitxml={report}", "-p", "no:cacheprovider"], report,
            f"release/{suite}")


def fuzzers(count):
    found = sorted((ROOT / "build/dev/bin").glob("*_fuzz"))
    run_side_by_side(
        [([str(program), "--seconds", str(FUZZ_SECONDS)], None,
          f"dev/{program.name}") for program in found], count)


def dev(count, folder):
    run_side_by_side(program_runs("dev", folder), count)
    fuzzers(count)


def tsan(count, folder):
    run_side_by_side(program_runs("tsan", folder), count)


def models_table(count, folder):
    """docs/MODELS.md against the report that the golden tests have left."""
    report = folder / "release-models_test.xml"
    if report.exists():
        count.add(run([sys.executable, "tools/models_table.py", "--check",
                       str(report)], None, "release/models_table"))


def release(count, folder):
    suites = [suite_run(suite, folder) for suite in ("server", "builtin_models")]
    run_side_by_side(suites + program_runs("release", folder), count)
    models_table(count, folder)


def arm(count, folder):
    programs = sorted((ROOT / "build/aarch64/bin").glob("*_test"))
    run_side_by_side([arm_run(processor, program, folder)
                      for processor in ARM_PROCESSORS
                      for program in programs], count)


def main(stages):
    count = Count()
    with tempfile.TemporaryDirectory() as folder:
        for stage in stages:
            {"checks": checks, "dev": dev, "tsan": tsan,
             "release": release, "arm": arm}[stage](count, pathlib.Path(folder))
    for name in count.skips:
        print(f"skipped {name}")
    for name in count.failures:
        print(f"FAILED  {name}")
    print(f"{count.passed} passed, {count.failed} failed, "
          f"{count.skipped} skipped")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
