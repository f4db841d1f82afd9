#pragma once

#include <string>
#include <vector>

// Plain values and functions without state: any thread.
namespace parallm {

// A weight of the model, and how it is kept in memory.
struct TakenWeight {
  std::string module{}; // "model.layers.0.mlp.up_proj"
  std::string form{};   // "affine-4bit in groups of 64", "mxfp4", "bfloat16"
};

// For people, in a few lines: "FORM: layers 0-9: self_attn.q_proj, ...", each
// with the modules of the same form in the same layers; those of no layer by
// their names.
std::vector<std::string> text_of(const std::vector<TakenWeight>& weights);

} // namespace parallm
