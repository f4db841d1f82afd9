#pragma once

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
  explicit Adapter(const AdapterFiles& files);

  // None: the adapter leaves this module alone.
  std::optional<LoraTensors> take(
      const std::string& module, int inputs, int outputs);

  // For a module of a kind that cannot be adapted.
  void expect_none(const std::string& module, std::string_view kind) const;

  void expect_empty() const;

 private:
  AdapterFiles files_;
  TensorStore tensors_;
};

} // namespace parallm
