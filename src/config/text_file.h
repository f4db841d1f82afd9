#pragma once

#include <filesystem>
#include <string>

// Main thread, at the start.
namespace parallm {

// Throws StartError: 66 if there is no such file, 77 if we may not read it.
// `name` is what the message calls it.
std::string read_text_file(
    const std::filesystem::path& path, const std::string& name);

// A file that holds a secret: the same errors, and a warning if others than
// its owner may read it, else "".
std::string check_secret_file(
    const std::filesystem::path& path, const std::string& name);

} // namespace parallm
