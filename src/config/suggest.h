#pragma once

#include <string>
#include <string_view>
#include <vector>

// Main thread, at the start.
namespace parallm {

// The name that was probably meant; "" if none is close.
std::string closest(
    std::string_view name, const std::vector<std::string>& names);

// "; did you mean --port?", or "".
std::string did_you_mean(
    std::string_view name, const std::vector<std::string>& names);

} // namespace parallm
