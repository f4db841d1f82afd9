#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "nn/adapter_files.h"
#include "nn/tensor_store.h"

namespace parallm {

// What an adapter has for one linear layer, as in its file.
struct LoraTensors {
  mx::array a;                // (inputs, rank)
  mx::array b;                // (rank, outputs)
  std::optional<mx::array> m; // (outputs); DoRA
  float scale = 0;
};

// One adapter being unpacked: each module's tensors are taken once, in the
// types of the file (f64 as f32). Every complaint is a StartError that names
// the tensor. Engine thread.
class Adapter {
 public:
  // `model` is the name of the one that it shall change.
  Adapter(const AdapterFiles& files, const std::string& model);

  // None: the adapter leaves this module alone.
  std::optional<LoraTensors> take(
      const std::string& module, int inputs, int outputs);

  // For a module whose outputs are put in another order, before it is taken:
  // (outputs) int32, from where each comes.
  void reorder(const std::string& module, const mx::array& outputs);

  // For a module of a kind that cannot be adapted.
  void expect_none(const std::string& module, std::string_view kind) const;

  void expect_empty() const;

 private:
  mx::array take_fitting(const std::string& name, const mx::Shape& shape);

  AdapterFiles files_;
  std::string misfit_; // how a complaint ends
  TensorStore tensors_;
  std::map<std::string, mx::array> orders_{}; // of modules' outputs
};

} // namespace parallm
