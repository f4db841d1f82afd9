#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace parallm {

// "fp_" and 12 hex digits: the same for the same checkpoint, adapter, settings
// and build. `adapter` is its folder; empty: none. Of each weight file its size
// and both ends are looked at, so that a fine-tune of the same shape differs
// and a start stays quick. Any thread.
std::string system_fingerprint(
    const std::filesystem::path& folder,
    const std::filesystem::path& adapter,
    std::string_view settings);

} // namespace parallm
