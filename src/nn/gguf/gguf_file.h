#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nn/gguf/gguf_type.h"
#include "nn/gguf/gguf_value.h"
#include "nn/mapped_file.h"

namespace parallm {

struct GgufTensor {
  std::string name{};
  GgufType type = GgufType::kF32;
  std::vector<int64_t> shape{}; // rows first: (N, K); the file has (K, N)
  size_t bytes = 0;
  uint64_t begin = 0; // in the file
};

// The head of a .gguf file, versions 2 and 3, little-endian. A plain value.
struct GgufFile {
  std::filesystem::path path{};
  std::map<std::string, GgufValue> metadata{};
  std::vector<GgufTensor> tensors{}; // in the order in which they lie
  FileStamp stamp{};                 // of the file when its head was read

  const GgufTensor* find(const std::string& name) const;
};

// Checked against the file's size: tensors of known types lie one behind the
// other, without overlap or other gaps than those of alignment, up to the end.
// Never takes more memory than a small multiple of what the file holds. Any
// thread. Throws StartError that names the file, and the key or tensor.
GgufFile read_gguf(const std::filesystem::path& file);

// Where a model's path is a .gguf, or a folder with one and no config.json:
// that file. Any thread. Throws StartError if a folder has several of them.
std::optional<std::filesystem::path> find_gguf(
    const std::filesystem::path& model);

} // namespace parallm
