#pragma once

#include <string>
#include <string_view>

namespace parallm {

// The name that a llama or qwen has in a checkpoint folder, as
// model.layers.0.self_attn.q_proj.weight, for blk.0.attn_q.weight; "" for one
// that is not known. `experts` is what modules with experts begin with, as
// GgufArchitecture has it; "": there are none. Any thread.
std::string checkpoint_name(
    const std::string& gguf_name, std::string_view experts);

// The factors by which a llama's turns are slowed; they belong to the config.
inline constexpr const char* kRopeFactors = "rope_freqs.weight";

// Whether a name is a query's or key's, whose rows a llama has in another
// order.
bool is_query(const std::string& gguf_name);
bool is_key(const std::string& gguf_name);

// Whether it is the gate of a shared expert: one row, which is a vector in the
// file.
bool is_shared_gate(const std::string& gguf_name);

} // namespace parallm
