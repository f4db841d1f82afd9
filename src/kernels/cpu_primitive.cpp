#include "kernels/cpu_primitive.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "kernels/allocation.h"

namespace parallm {

namespace {

[[noreturn]] void refuse(size_t bytes) {
  throw std::runtime_error(fmt::format("[malloc] {} bytes are refused", bytes));
}

} // namespace

mx::Stream kernel_stream() {
  return mx::to_stream(mx::StreamOrDevice{});
}

bool on_cpu(const mx::Stream& stream) {
  return stream.device == mx::Device::cpu;
}

void CpuPrimitive::eval_gpu(
    const std::vector<mx::array>&, std::vector<mx::array>&) {
  throw std::logic_error(fmt::format("[{}] is a kernel for the CPU", name_));
}

mx::cpu::CommandEncoder& CpuPrimitive::encoder(
    const std::vector<mx::array>& in, std::vector<mx::array>& out) {
  auto& encoder = mx::cpu::get_command_encoder(stream());
  for (const auto& array : in) {
    encoder.set_input_array(array);
  }
  for (auto& array : out) {
    encoder.set_output_array(array);
  }
  return encoder;
}

void allocate(mx::array& out) {
  // Asking costs microseconds, and what is small is not refused alone.
  constexpr size_t kMuch = size_t{32} << 20;
  const size_t bytes = out.nbytes();
  if (bytes >= kMuch && !can_allocate(bytes)) {
    refuse(bytes);
  }
  auto data = mx::allocator::malloc(bytes);
  if (data.buffer().ptr() == nullptr) {
    refuse(bytes);
  }
  out.set_data(std::move(data));
}

RowMajor::RowMajor(const mx::array& array)
    : first_(array.data<char>()),
      item_bytes_(array.itemsize()),
      contiguous_(array.flags().row_contiguous),
      shape_(array.shape()),
      strides_(array.strides()) {
}

const void* RowMajor::data() {
  if (contiguous_) {
    return first_;
  }
  if (copy_.empty()) {
    gather(0, first_);
  }
  return copy_.data();
}

void RowMajor::gather(size_t axis, const char* from) {
  if (axis == shape_.size()) {
    copy_.insert(copy_.end(), from, from + item_bytes_);
    return;
  }
  if (axis + 1 == shape_.size() && strides_[axis] == 1) { // columns of a matrix
    copy_.insert(copy_.end(), from, from + shape_[axis] * item_bytes_);
    return;
  }
  for (int i = 0; i < shape_[axis]; ++i) {
    gather(
        axis + 1,
        from + i * strides_[axis] * static_cast<int64_t>(item_bytes_));
  }
}

} // namespace parallm
