#pragma once

#include <functional>
#include <string>
#include <thread>

namespace parallm {

// A thread with a name that debuggers and `top` show (at most 15 bytes) and
// with every signal blocked, so that only main sees them. Joins when it dies.
std::jthread start_thread(const std::string& name, std::function<void()> run);

} // namespace parallm
