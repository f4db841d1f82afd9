#pragma once

#include <string>
#include <vector>

#include "api/context.h"
#include "http/route.h"

// Main thread, at the start.
namespace parallm {

// The whole HTTP surface. `app` must outlive the server.
std::vector<http::Route> make_routes(const AppContext& app);

// How http/ writes what it refuses itself.
http::FailureBody make_failure_body();

// Every field of every endpoint with its type, range, default and outcome, as
// JSON: {endpoint: [{name, type, range, default, outcome, required}]}.
std::string field_table_json();

} // namespace parallm
