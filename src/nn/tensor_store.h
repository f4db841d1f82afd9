#pragma once

#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "nn/safetensors_header.h"
#include "nn/step_context.h"

namespace parallm {

// The tensors of .safetensors files while they are unpacked: each is taken
// once, by the name it has in its file. What is taken is lazy: the numbers are
// read when it is evaluated. Every complaint is a StartError that names the
// tensor. Engine thread.
class TensorStore {
 public:
  // `folder` is where a tensor is missed.
  TensorStore(
      const std::filesystem::path& folder,
      const std::vector<TensorFile>& files);

  bool has(const std::string& name) const;

  // A float tensor. With a dtype, converted; without, f64 alone becomes f32.
  mx::array take(
      const std::string& name,
      const mx::Shape& shape,
      std::optional<mx::Dtype> dtype);
  // Packed integers (uint32).
  mx::array take_packed(const std::string& name, const mx::Shape& shape);
  // Scales that are a byte each (uint8).
  mx::array take_bytes(const std::string& name, const mx::Shape& shape);

  // For whoever makes other tensors of them: all names, a tensor as it is, and
  // one under a new name.
  std::vector<std::string> names() const;
  mx::array pull(const std::string& name);
  void put(const std::string& name, const mx::array& array);

  // Forgets tensors by the end of their names.
  void drop(std::string_view name_end);

  // Everything must have been taken or dropped. `why` ends the complaint.
  void expect_empty(std::string_view why = "") const;

 private:
  struct Tensor {
    mx::array array;
    std::string file;
    std::string dtype; // as in the file
  };

  [[noreturn]] void miss(
      const std::string& name, const std::string& expected) const;
  Tensor extract(const std::string& name, const mx::Shape& shape);
  mx::array take_whole_numbers(
      const std::string& name, const mx::Shape& shape, mx::Dtype dtype);

  std::filesystem::path folder_;
  std::map<std::string, Tensor> tensors_{};
};

// What MLX threw while it read: the machine's fault, or the file's.
StartError unreadable(
    const std::filesystem::path& path, const std::exception& error);

} // namespace parallm
