#pragma once

#include "config/choices.h"
#include "http/site.h"
#include "metrics/server_metrics.h"

namespace parallm {

// Counts each response, and logs it as --log-requests says: nothing, one line
// without a word of the client's text, or one with the body it sent.
http::ResponseHook make_response_hook(
    RequestLog requests, ServerMetrics& metrics);

} // namespace parallm
