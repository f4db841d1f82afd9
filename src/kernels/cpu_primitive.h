#pragma once

#include <mlx/backend/cpu/encoder.h>
#include <mlx/mlx.h>
#include <mlx/primitives.h>

#include <vector>

// How our own kernels join MLX's graph on the CPU. A kernel is a primitive
// whose eval_cpu hands a function to the stream's thread; MLX keeps the inputs
// alive until it has run. Engine thread, but for what is handed over.
namespace parallm {

namespace mx = mlx::core;

// The stream that kernels are put on: the calling thread's default.
mx::Stream kernel_stream();

// Whether that stream is served by the CPU kernels of these folders.
bool on_cpu(const mx::Stream& stream);

class CpuPrimitive : public mx::Primitive {
 public:
  CpuPrimitive(mx::Stream stream, const char* name)
      : mx::Primitive(stream), name_(name) {}

  void eval_gpu(
      const std::vector<mx::array>&, std::vector<mx::array>&) override;
  const char* name() const override { return name_; }
  bool is_equivalent(const mx::Primitive&) const override { return false; }

 protected:
  // For eval_cpu: the stream's queue, told what the kernel reads and writes.
  // The outputs have their memory.
  mx::cpu::CommandEncoder& encoder(
      const std::vector<mx::array>& in, std::vector<mx::array>& out);

 private:
  const char* name_;
};

// Memory for an output, row by row. Throws if there is none.
void allocate(mx::array& out);

// The elements of an evaluated array in row-major order. Made in eval_cpu,
// read on the stream's thread; copies only what is not row-major already.
class RowMajor {
 public:
  explicit RowMajor(const mx::array& array);

  const void* data();

 private:
  void gather(size_t axis, const char* from);

  const char* first_;
  size_t item_bytes_;
  bool contiguous_;
  mx::Shape shape_;
  mx::Strides strides_; // in elements
  std::vector<char> copy_;
};

} // namespace parallm
