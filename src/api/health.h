#pragma once

#include "api/context.h"
#include "http/exchange.h"

// Health and metrics (api.md 14). On any shard.
namespace parallm {

// May the engine still be believed? Reads its heartbeat, which this thread
// does not make.
bool is_stalled(const EngineStatus& status, std::chrono::milliseconds limit);
// Empty: a request sent now would be admitted. Else what is in the way.
std::string_view unready_word(const AppContext& app);

http::Task<> health(http::Exchange& exchange, const AppContext& app);
// With ?probe=1 as health_generate, and for those who may ask that.
http::Task<> health_ready(http::Exchange& exchange, const AppContext& app);
// Generates one token at top priority and looks at its log-probability.
http::Task<> health_generate(http::Exchange& exchange, const AppContext& app);
http::Task<> metrics(http::Exchange& exchange, const AppContext& app);

} // namespace parallm
