#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors_header.h"
#include "nn/step_context.h"

namespace parallm {

// A checkpoint folder's weight files: model.safetensors, or those that
// model.safetensors.index.json names. Any thread. Throws StartError.
struct WeightFiles {
  struct File {
    std::filesystem::path path;
    std::vector<TensorInfo> tensors;
  };
  std::vector<File> files;

  static WeightFiles find(const std::filesystem::path& folder);

  const TensorInfo* tensor(const std::string& name) const; // or nullptr
};

// A checkpoint being unpacked. Each tensor is taken once, by the name it has
// in the file; what is left at the end is an error, not a surprise. Every
// complaint is a StartError that names the tensor. Engine thread.
class Checkpoint {
 public:
  // With a dtype, float tensors are converted as they are taken; without, f64
  // alone becomes f32.
  Checkpoint(
      const std::filesystem::path& folder, std::optional<mx::Dtype> dtype);

  bool has(const std::string& name) const;

  // A float tensor.
  mx::array take(const std::string& name, const mx::Shape& shape);
  // Packed integers (uint32).
  mx::array take_packed(const std::string& name, const mx::Shape& shape);

  // Forgets tensors that no model of today needs, by the end of their names.
  void drop(std::string_view name_end);

  // Everything must have been taken or dropped. Reads all that was taken from
  // the disk; kExitNoMemory if there is no room for it.
  void finish();

 private:
  struct Tensor {
    mx::array array;
    std::string file;
    std::string dtype; // as in the file
  };

  Tensor extract(const std::string& name, const mx::Shape& shape);
  void expect_empty() const;
  void expect_memory() const;

  std::filesystem::path folder_;
  std::optional<mx::Dtype> dtype_;
  std::map<std::string, Tensor> tensors_;
  std::vector<mx::array> taken_;
};

} // namespace parallm
