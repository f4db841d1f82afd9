#pragma once

#include <filesystem>

// Any thread. No MLX here.
namespace parallm {

// Cores that the process may use: those it may run on, or fewer if a control
// group allows it less time. At least 1.
int usable_cores();

// `cores` lowered to the CPU time that Linux grants the process's control
// group and all above it, rounded up: cpu.max of version 2 and cpu.cfs_quota_us
// of version 1, in the files below `root`, which is "/" but in tests. Files
// that are not there limit nothing.
int limited_cores(int cores, const std::filesystem::path& root);

} // namespace parallm
