#pragma once

#include "api/openai/job.h"
#include "api/openai/writer.h"
#include "http/exchange.h"

// On the shard of its connection.
namespace parallm::openai {

using Prepare =
    Result<Prepared, ApiError> (*)(std::string_view body, const Service&);

// One request from body to last byte; returns when all is written, or when
// the client has gone, which cancels what is left.
http::Task<> answer_request(
    http::Exchange& exchange,
    const Service& service,
    Prepare prepare,
    const Dialect& dialect);

} // namespace parallm::openai
