#!/usr/bin/env bash
# Fails when a C++ file is not as clang-format would write it.
#   check_format.sh         names the files
#   check_format.sh --fix   formats them
set -euo pipefail
cd "$(dirname "$0")/.."

# Other versions break lines elsewhere, so that 14 comes first.
format=$(command -v clang-format-14 || command -v clang-format) ||
  { echo "check_format: needs clang-format-14" >&2; exit 1; }
case $("$format" --version) in
  *"version 14."*) ;;
  *) echo "check_format: $("$format" --version); the project is formatted" \
    "with version 14, complaints may be false" >&2 ;;
esac

folders=()
for folder in src tests bench bridge/include; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
list() { find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cpp' \) -print0; }

case ${1:-} in
  --fix) list | xargs -0 -n 16 -P 2 "$format" -i ;;
  "")
    report=$(list | xargs -0 -n 16 -P 2 "$format" --dry-run 2>&1) ||
      { printf '%s\n' "$report" >&2; exit 1; }
    # One line a file is enough to find it.
    bad=$(sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: .*\[-Wclang-format-violations\]$/\1/p' \
      <<<"$report" | sort -u)
    if [ -n "$bad" ]; then
      printf '%s\n' "$bad"
      echo "format: the files above differ; tools/check_format.sh --fix"
      exit 1
    fi
    echo "format: ok"
    ;;
  *) echo "usage: check_format.sh [--fix]" >&2; exit 64 ;;
esac
