#pragma once

#include <functional>

#include "api/fields.h"
#include "api/openai/request.h"

// The messages of a chat (api.md 5.1).
// Plain values and functions without state: any thread.
namespace parallm::openai {

// Checks them and stores them in the form that templates read: content as
// one string or null, call arguments as objects where they parse.
std::function<Check(const Value&, ChatPrompt&)> messages_reader(
    UnknownFields unknown);

} // namespace parallm::openai
