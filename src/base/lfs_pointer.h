#pragma once

#include <string_view>

// Plain values and functions without state: any thread.
namespace parallm {

// A clone without Git LFS has small texts in place of large files.
inline constexpr std::string_view kLfsPointerBegin = "version https://git-lfs.";

inline bool is_lfs_pointer(std::string_view start_of_file) {
  return start_of_file.starts_with(kLfsPointerBegin);
}

inline constexpr auto kLfsPointer =
    "a pointer of Git LFS, not the file itself; git lfs pull fetches it";

} // namespace parallm
