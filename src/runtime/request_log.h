#pragma once

#include "config/choices.h"
#include "http/site.h"
#include "metrics/server_metrics.h"

// Made on main; the hook is called on each shard.
namespace parallm {

// Counts each response, and logs it as --log-requests says: nothing, one line
// without prompt and answer, or one with the body that the client sent.
http::ResponseHook make_response_hook(
    RequestLog requests, ServerMetrics& metrics);

} // namespace parallm
