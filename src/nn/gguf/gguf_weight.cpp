#include "nn/gguf/gguf_weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <vector>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "nn/gguf/gguf_blocks.h"

namespace parallm {
namespace {

constexpr float kMostHalf = 65504;

struct Rows {
  GgufType type;
  const uint8_t* blocks;
  size_t row_bytes; // in the file, here and below
  uint8_t* codes;
  size_t row_codes;
  char* scales;
  char* biases;
  FloatType scale_type;
  size_t row_groups; // how many
};

bool fits(const AffineGroup& group, FloatType type) {
  return type == FloatType::kF16
             ? std::abs(group.scale) <= kMostHalf &&
                   std::abs(group.bias) <= kMostHalf
             : std::isfinite(group.scale) && std::isfinite(group.bias);
}

// False if a scale does not fit its type.
bool repack_row(
    const Rows& rows, size_t row, std::vector<AffineGroup>& groups) {
  groups.resize(rows.row_groups);
  repack_blocks(
      rows.type, {rows.blocks + row * rows.row_bytes, rows.row_bytes},
      {rows.codes + row * rows.row_codes, rows.row_codes}, groups);
  const size_t bytes = float_bytes(rows.scale_type);
  size_t at = row * rows.row_groups * bytes;
  for (const auto& group : groups) {
    if (!fits(group, rows.scale_type)) {
      return false;
    }
    store_row(rows.scale_type, rows.scales + at, &group.scale, 1);
    store_row(rows.scale_type, rows.biases + at, &group.bias, 1);
    at += bytes;
  }
  return true;
}

bool repack_rows(const Rows& rows, size_t begin, size_t end) {
  std::vector<AffineGroup> groups;
  for (size_t row = begin; row < end; ++row) {
    if (!repack_row(rows, row, groups)) {
      return false;
    }
  }
  return true;
}

// A few threads: unlike reading, this is work.
bool repack_side_by_side(const Rows& rows, size_t count) {
  constexpr size_t kWorkers = 4, kLeastBytes = size_t{1} << 20;
  constexpr auto kThreadIfThereIsOne =
      std::launch::async | std::launch::deferred;
  const size_t least =
      std::max<size_t>(1, kLeastBytes / std::max<size_t>(1, rows.row_bytes));
  const size_t share = std::max(least, (count + kWorkers - 1) / kWorkers);
  std::vector<std::future<bool>> workers;
  for (size_t at = 0; at < count; at += share) {
    const size_t end = std::min(at + share, count);
    workers.push_back(std::async(
        end < count ? kThreadIfThereIsOne : std::launch::deferred,
        [&rows, at, end] { return repack_rows(rows, at, end); }));
  }
  bool fit = true;
  for (auto& worker : workers) {
    fit = worker.get() && fit;
  }
  return fit;
}

// Works on the calling thread, so that what it throws reaches the caller.
class Repack : public CpuPrimitive {
 public:
  Repack(const std::filesystem::path& file, const GgufTensor& tensor)
      : CpuPrimitive(mx::default_stream(mx::Device::cpu), "repack_gguf"),
        file_(file),
        name_(tensor.name),
        type_(tensor.type) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    for (auto& array : out) {
      allocate(array);
    }
    const Rows rows{
        .type = type_,
        .blocks = in[0].data<uint8_t>(),
        .row_bytes = static_cast<size_t>(in[0].shape(-1)),
        .codes = out[0].data<uint8_t>(),
        .row_codes = out[0].shape(-1) * sizeof(uint32_t),
        .scales = out[1].data<char>(),
        .biases = out[2].data<char>(),
        .scale_type = float_type(out[1].dtype()),
        .row_groups = static_cast<size_t>(out[1].shape(-1))};
    if (!repack_side_by_side(rows, in[0].size() / rows.row_bytes)) {
      throw StartError(
          kExitBadData,
          fmt::format(
              "{}: tensor {} has a block whose scale is not finite, or too "
              "large for a weight",
              file_.string(), name_));
    }
  }

 private:
  std::filesystem::path file_;
  std::string name_;
  GgufType type_;
};

mx::Shape with_columns(mx::Shape shape, int columns) {
  shape.back() = columns;
  return shape;
}

} // namespace

GgufWeight repack(
    const std::filesystem::path& file,
    const GgufTensor& tensor,
    const mx::array& bytes,
    mx::Dtype dtype) {
  const auto columns = static_cast<int>(tensor.shape.back());
  const int words = columns / 32 * info_of(tensor.type).bits;
  const auto groups = with_columns(bytes.shape(), columns / kGgufGroup);
  const auto out = mx::array::make_arrays(
      {with_columns(bytes.shape(), words), groups, groups},
      {mx::uint32, dtype, dtype}, std::make_shared<Repack>(file, tensor),
      {bytes});
  return {out[0], out[1], out[2]};
}

} // namespace parallm
