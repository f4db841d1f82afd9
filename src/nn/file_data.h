#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "nn/mapped_file.h"
#include "nn/safetensors_header.h"
#include "nn/step_context.h"

namespace parallm {

// Told of each piece that has been read, in bytes.
using OnRead = std::function<void(size_t bytes)>;

// The data of one .safetensors file, opened when its first tensor is read. All
// tensors share it, and keep it open while they live. Engine thread; what they
// give back at their end, on any.
class FileData : public std::enable_shared_from_this<FileData> {
 public:
  explicit FileData(const TensorFile& file, OnRead on_read = {});
  ~FileData();
  FileData(const FileData&) = delete;
  FileData& operator=(const FileData&) = delete;

  // Lazy. Evaluated, it is the file's own memory where the device and the
  // tensor's place in the file allow it, else a copy. Evaluating throws
  // StartError, which names file and tensor, if they cannot be read.
  mx::array tensor(const TensorInfo& info);

  // Makes `out` that tensor. For tensor()'s primitive.
  void read(const TensorInfo& info, mx::array& out);

 private:
  void open();
  void view(const TensorInfo& info, mx::array& out);
  void copy(const TensorInfo& info, mx::array& out);
  template <class Read>
  void in_pieces(const TensorInfo& info, Read read) const;

  TensorFile file_; // its path and stamp
  OnRead on_read_;
  std::optional<MappedFile> mapped_{};
  std::optional<mx::allocator::Buffer> buffer_{}; // all of the mapping
};

// Whether evaluating this takes memory of its own: false for a tensor that will
// be the file's own memory on the CPU.
bool takes_memory(const mx::array& array);

} // namespace parallm
