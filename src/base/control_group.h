#pragma once

#include <filesystem>
#include <string>
#include <vector>

// Linux' control groups, which bound what a container may use. Any thread.
namespace parallm {

// The folders of the process's group and of all above it, whose limits hold
// as well; its own first. `root` is "/" but in tests, `folder` the one of all
// groups below it, `controller` as proc/self/cgroup names it: "memory", or ""
// for version 2.
std::vector<std::filesystem::path> control_groups(
    const std::filesystem::path& root,
    const std::string& folder,
    const std::string& controller);

} // namespace parallm
