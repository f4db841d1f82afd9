#pragma once

#include <filesystem>

// Any thread.
namespace parallm {

// The folder of parallm-tiny, which comes with the program: found beside it, as
// installed or as built. Empty where it is not there.
std::filesystem::path builtin_model();

} // namespace parallm
