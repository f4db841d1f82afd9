#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nn/step_context.h"

namespace parallm {

struct TensorInfo {
  std::string name;
  std::string dtype; // as in the file: "F32", "BF16", "U32"
  std::vector<int64_t> shape;
  size_t bytes = 0;
};

struct TensorFile {
  std::filesystem::path path;
  std::vector<TensorInfo> tensors;
};

// The head of one .safetensors file, checked against the file's size, so that
// a truncated download is found before anything is loaded. Any thread.
// Throws StartError that names the file.
std::vector<TensorInfo> read_safetensors_header(
    const std::filesystem::path& file);

// Whether a tensor counts as float: F64, F32, F16 or BF16.
bool is_float(const TensorInfo& tensor);

// The type of a float tensor once it is loaded: f64 becomes f32.
mx::Dtype float_dtype(const TensorInfo& tensor);

// What a tensor takes in memory; a float one as `dtype`, if there is one.
size_t loaded_bytes(
    const TensorInfo& tensor, std::optional<mx::Dtype> dtype = std::nullopt);

} // namespace parallm
