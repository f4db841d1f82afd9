#pragma once

#include <string>

namespace parallm {

// The name that a llama or qwen has in a checkpoint folder, as
// model.layers.0.self_attn.q_proj.weight, for blk.0.attn_q.weight; "" for one
// that is not known. Any thread.
std::string checkpoint_name(const std::string& gguf_name);

// The factors by which a llama's turns are slowed; they belong to the config.
inline constexpr const char* kRopeFactors = "rope_freqs.weight";

// Whether a name is a query's or key's, whose rows a llama has in another
// order.
bool is_query(const std::string& gguf_name);
bool is_key(const std::string& gguf_name);

} // namespace parallm
