#pragma once

#include <string>
#include <vector>

#include "models/arch_spec.h"
#include "nn/step_context.h"

// Brings the layouts in which the Hub holds weights into ours, before they are
// taken. Lazy: what is made of tensors is made when it is evaluated. The
// checkpoint's thread. Throws StartError that names the tensor.
namespace parallm {

// All tensors whose names end so.
void drop_suffix(Checkpoint& checkpoint, const std::string& end);

// Modules, tensors, or folders of them.
void rename_prefix(
    Checkpoint& checkpoint, const std::string& from, const std::string& to);

// Modules 0 to count - 1 of a pattern with {} become one, with a new first
// axis, tensor by tensor. Nothing happens if there is no module 0.
void stack(
    Checkpoint& checkpoint,
    const std::string& pattern,
    int count,
    const std::string& to);

// The experts of all layers, which the Hub keeps apart as MLP.experts.N.NAME,
// become MLP.switch_mlp's; `names` of gate, up and down.
struct ExpertNames {
  const char* gate;
  const char* up;
  const char* down;
};
void stack_experts(
    Checkpoint& checkpoint,
    const ArchSpec& spec,
    const std::string& mlp,
    const ExpertNames& names);

// Convolutions over time: their weights, (C, K, 1) or (C, 1, K), become (C, K).
void flatten_convolutions(Checkpoint& checkpoint, const ArchSpec& spec);

// Rows of a module that come head by head, with parts of so many rows in each,
// are put part by part: the first part of all heads, then the second; those of
// an adapter likewise. Nothing happens if there is no such module.
void put_part_by_part(
    Checkpoint& checkpoint,
    const std::string& module,
    int heads,
    const std::vector<int>& parts);

// Parts that the model has and we do not build: modules by the name of their
// folder; model.layers.N from this N on. `why` is told to people.
void leave_out(
    Checkpoint& checkpoint, const std::string& folder, const std::string& why);
void leave_out_layers_from(
    Checkpoint& checkpoint, size_t first, const std::string& why);

// Of those that guess the token behind the next, in many families.
inline constexpr const char* kGuessesAhead =
    "guesses tokens ahead, which is not done";

// A tensor whose rows along an axis, counted from the end, are of two kinds:
// their number is even.
mx::array pull_pairs(Checkpoint& checkpoint, const std::string& name, int axis);

// Halves of a module's tensors along an axis, counted from the end, become
// two modules. Nothing happens if there is no such module.
void halve(
    Checkpoint& checkpoint,
    const std::string& module,
    int axis,
    const std::string& first,
    const std::string& second);

} // namespace parallm
