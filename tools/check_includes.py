#!/usr/bin/env python3
"""Fails when a file includes a room or a library it may not know about.

Usage: check_includes.py SRC_DIR. The table repeats the rooms of CMakeLists.txt
(compared here) and section 2 of docs/ARCHITECTURE.md: change all three.
"""
import pathlib
import re
import sys

# Room -> rooms it may include. Every room may include itself and base.
MAY_KNOW = {
    "base": "",
    "core": "",
    "metrics": "",
    "text": "core",
    "http": "metrics",
    "delivery": "text core metrics",
    "api": "http text core metrics",
    "cache": "core",
    "engine": "cache core",
    "kernels": "",
    "nn": "kernels core",
    "models": "nn kernels core",
    "kvstore": "nn kernels core",
    "sampling": "kernels nn core",
    "runner": "models kvstore sampling nn kernels engine core",
    "config": "",
    "runtime": "*",
    "cli": "*",
}

# Library, as its include path begins -> rooms that may include it. What is
# not named here (the standard library, fmt/format.h, POSIX) is open to all.
LIBRARIES = {
    "mlx": "kernels nn models kvstore sampling runner",
    "boost/asio": "http",
    "boost/beast": "http",
    "boost/json": "api config nn",
    "openssl": "http",
    "parallm_bridge.h": "text",
    "spdlog": "base",
    "CLI": "cli config",
    "toml++": "config",
}

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')
ROOM = re.compile(r"^\s*parallm_room\((\w+)(?:\s+ROOMS\s+([\w ]+?))?"
                  r"(?:\s+LIBS\s[^)]*)?\)", re.M)


def complaint(room, header):
    """Why `room` may not include `header`, or None."""
    for library, rooms in LIBRARIES.items():
        if header == library or header.startswith(library + "/"):
            return None if room in rooms.split() else library
    other = header.split("/")[0]
    known = MAY_KNOW[room].split() + ["base", room]
    if other in MAY_KNOW and "/" in header:
        return None if other in known or "*" in known else other + "/"
    return None


def check_file(path, room):
    bad = 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        wrong = match and complaint(room, match[1])
        if wrong:
            print(f"{path}:{number}: {room}/ may not include {wrong}")
            bad += 1
    return bad


def includes_of(path):
    return [match[1] for match in map(INCLUDE.match,
                                      path.read_text().splitlines()) if match]


def reaches_mlx(path, root):
    """Whether a file includes MLX, itself or through a header of `root`."""
    return any(header.startswith("mlx/") or
               ((root / header).exists() and reaches_mlx(root / header, root))
               for header in includes_of(path))


def promises_no_mlx(path, root):
    """A header that says so, or a source that opens such a header."""
    if path.suffix == ".h":
        return "No MLX here" in path.read_text()
    header = root / next(iter(includes_of(path)), "")
    return header.is_file() and promises_no_mlx(header, root)


def check_promises(paths, root):
    bad = [path for path in paths
           if promises_no_mlx(path, root) and reaches_mlx(path, root)]
    for path in bad:
        print(f"{path}: its header says that there is no MLX, and there is")
    return len(bad)


def check_sources(root):
    bad = 0
    paths = sorted(p for p in root.rglob("*") if p.suffix in (".h", ".cpp"))
    for path in paths:
        room = path.relative_to(root).parts[0]
        if room in MAY_KNOW:
            bad += check_file(path, room)
        else:
            print(f"{path}: {room}/ is not a room; add it to the table")
            bad += 1
    return bad + check_promises(paths, root)


def check_cmake(lists):
    """The linker must know the same walls."""
    bad = 0
    linked = {name: set((rooms or "").split()) - {"base"}
              for name, rooms in ROOM.findall(lists.read_text())}
    for room in sorted(MAY_KNOW.keys() | linked.keys()):
        may = MAY_KNOW.get(room)
        if may == "*" and room in linked:
            continue
        if may is None or room not in linked or set(may.split()) != linked[room]:
            print(f"{lists}: {room} knows {sorted(linked.get(room, []))}, "
                  f"the table says {may!r}")
            bad += 1
    return bad


def main(root):
    bad = check_sources(root)
    lists = root.parent / "CMakeLists.txt"
    if lists.exists():
        bad += check_cmake(lists)
    print(f"includes: {bad} complaints" if bad else "includes: ok")
    return bool(bad)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
