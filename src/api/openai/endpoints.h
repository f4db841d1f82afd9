#pragma once

#include "api/openai/answering.h"

// The OpenAI handlers; each lives in a file of its name. On any shard; the
// service outlives the server.
// On the shard of its connection.
namespace parallm::openai {

http::Task<> chat_completion(http::Exchange& exchange, const Service& service);
http::Task<> completion(http::Exchange& exchange, const Service& service);
http::Task<> list_models(http::Exchange& exchange, const Service& service);
http::Task<> get_model(http::Exchange& exchange, const Service& service);
http::Task<> tokenize(http::Exchange& exchange, const Service& service);
http::Task<> detokenize(http::Exchange& exchange, const Service& service);

} // namespace parallm::openai
