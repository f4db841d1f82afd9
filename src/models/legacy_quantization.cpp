#include "models/legacy_quantization.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu_primitive.h"
#include "models/tidy.h"

namespace parallm {
namespace {

constexpr int kNibblesPerWord = 8;
constexpr int kMostNibble = 15;
constexpr int kMiddle = 8; // what stands for zero where none is stored

mx::array byte(int value) {
  return mx::array(value, mx::uint8);
}

std::string text_of(const mx::Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

std::vector<std::string> modules_with(
    const Checkpoint& ck, const std::string& tensor) {
  std::vector<std::string> modules;
  for (const auto& name : ck.names()) {
    if (name.ends_with(tensor)) {
      modules.push_back(name.substr(0, name.size() - tensor.size()));
    }
  }
  return modules;
}

mx::array pull_shaped(
    Checkpoint& ck, const std::string& name, const mx::Shape& shape) {
  const auto array = ck.pull(name);
  if (array.shape() != shape) {
    ck.refuse(
        name, fmt::format(
                  "has shape {}, expected {}", text_of(array.shape()),
                  text_of(shape)));
  }
  return array;
}

// Packed words, whose sign means nothing.
mx::array as_words(
    const Checkpoint& ck, const std::string& name, const mx::array& array) {
  if (array.ndim() != 2 ||
      (array.dtype() != mx::int32 && array.dtype() != mx::uint32)) {
    ck.refuse(
        name, fmt::format(
                  "has shape {} and numbers of {} bytes, expected a matrix of "
                  "I32",
                  text_of(array.shape()), array.itemsize()));
  }
  return mx::view(array, mx::uint32);
}

mx::array pull_scales(Checkpoint& ck, const std::string& name) {
  const auto scales = ck.pull(name);
  if (scales.ndim() != 2 || !mx::issubdtype(scales.dtype(), mx::floating)) {
    ck.refuse(
        name, fmt::format(
                  "has shape {}, expected a matrix of F16, BF16 or F32",
                  text_of(scales.shape())));
  }
  return scales;
}

// (R, C) words -> (R, 8 C) bytes that hold a nibble each, low bits first
mx::array nibbles(const mx::array& words) {
  const auto bytes = mx::view(words, mx::uint8);
  const auto pairs =
      mx::stack({bytes & byte(kMostNibble), bytes >> byte(4)}, -1);
  return mx::reshape(pairs, {words.shape(0), -1});
}

// The eight outputs of an AWQ word lie in the order 0, 2, 4, 6, 1, 3, 5, 7: the
// lowest bit of an output's number is the highest of its place. `each` (R, 8 C)
// has them in that order -> (8 C, R) in their own.
mx::array awq_outputs(const mx::array& each) {
  const int rows = each.shape(0), outputs = each.shape(1);
  const auto bits =
      mx::reshape(each, {rows, outputs / kNibblesPerWord, 2, 2, 2});
  return mx::reshape(
      mx::contiguous(mx::transpose(bits, {1, 3, 4, 2, 0})), {outputs, rows});
}

// Two inputs are joined into a byte before anything is transposed, so that no
// form on the way is larger than what is held. words (K, N / 8) -> (N, K / 8)
mx::array awq_weight(const mx::array& words) {
  const auto rows = mx::unflatten(mx::view(words, mx::uint8), 0, {-1, 2});
  const auto even = mx::take(rows, 0, 1), odd = mx::take(rows, 1, 1);
  const auto low = (even & byte(kMostNibble)) | (odd << byte(4));
  const auto high = (even >> byte(4)) | (odd & byte(kMostNibble << 4));
  const auto pairs =
      mx::reshape(mx::stack({low, high}, -1), {rows.shape(0), -1});
  return mx::view(awq_outputs(pairs), mx::uint32);
}

// (K), the group of each input; a file may hold anything.
mx::array pull_index(Checkpoint& ck, const std::string& name, int inputs) {
  const auto index = pull_shaped(ck, name, {inputs});
  if (index.dtype() != mx::int32) {
    ck.refuse(
        name,
        fmt::format("has numbers of {} bytes, expected I32", index.itemsize()));
  }
  return index;
}

// codes (N, K) as numbers, each input by its own of the groups, whose zeros and
// scales are (N, G).
mx::array unpacked(
    const mx::array& codes,
    const mx::array& zeros,
    const mx::array& scales,
    const mx::array& index) {
  const auto group_of =
      mx::clip(index, mx::array(0), mx::array(scales.shape(1) - 1));
  const auto of_inputs = [&](const mx::array& groups) {
    return mx::take(groups, group_of, 1);
  };
  const auto steps =
      mx::astype(codes, mx::int8) - of_inputs(mx::astype(zeros, mx::int8));
  return mx::astype(steps, scales.dtype()) * of_inputs(scales);
}

// Gives scales on once the file's g_idx has been seen to say nothing: without
// desc_act neighbours share a group. What this throws names no folder; the
// checkpoint does.
class ExpectNeighbours : public CpuPrimitive {
 public:
  ExpectNeighbours(std::string index, int group_size)
      : CpuPrimitive(mx::default_stream(mx::Device::cpu), "expect_neighbours"),
        index_(std::move(index)),
        group_size_(group_size) {}

  // The index is there: tensors of a file are read at once, on this thread.
  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    const int32_t* groups = in[1].data<int32_t>();
    for (int i = 0; i < static_cast<int>(in[1].size()); ++i) {
      if (groups[i] != i / group_size_) {
        throw std::runtime_error(fmt::format(
            "tensor {} has input {} in group {}, expected {}, as desc_act is "
            "false",
            index_, i, groups[i], i / group_size_));
      }
    }
    out[0].copy_shared_buffer(in[0]);
  }

 private:
  std::string index_;
  int group_size_;
};

mx::array expect_neighbours(
    const mx::array& scales,
    const mx::array& index,
    const std::string& name,
    int group_size) {
  return mx::array(
      scales.shape(), scales.dtype(),
      std::make_shared<ExpectNeighbours>(name, group_size), {scales, index});
}

// A module's tensors as AWQ and GPTQ name them.
class NibbleModule {
 public:
  NibbleModule(
      Checkpoint& ck, const std::string& at, const Quantization& quantization)
      : ck_(ck),
        at_(at),
        legacy_(quantization.legacy()),
        words_(as_words(ck, at + ".qweight", ck.pull(at + ".qweight"))),
        scales_(pull_scales(ck, at + ".scales")),
        interleaved_(words_.shape(1) * kNibblesPerWord == scales_.shape(1)) {
    expect_shapes();
    if (const auto spec = quantization.spec(at, true)) {
      const int size = legacy_.one_group ? inputs() : spec->group_size;
      expect_groups(size);
      expect_no_order(size);
      parts_ = size / spec->group_size;
    }
  }

  void repack() {
    const auto zeros = in_parts(pull_zeros());
    const auto scales = in_parts(mx::transpose(scales_));
    const auto biases = mx::negative(mx::astype(zeros, mx::float32)) * scales;
    ck_.put(
        at_ + ".weight",
        interleaved_ ? awq_weight(words_) : mx::transpose(words_));
    ck_.put(at_ + ".scales", scales);
    ck_.put(at_ + ".biases", mx::astype(biases, scales.dtype()));
  }

  void unpack() {
    expect_gptq();
    const auto index = pull_index(ck_, at_ + ".g_idx", inputs());
    const auto codes = nibbles(mx::contiguous(mx::transpose(words_)));
    ck_.put(
        at_ + ".weight",
        unpacked(codes, pull_zeros(), mx::transpose(scales_), index));
  }

 private:
  int inputs() const {
    return words_.shape(0) * (interleaved_ ? 1 : kNibblesPerWord);
  }
  int groups() const { return scales_.shape(0); }
  int outputs() const { return scales_.shape(1); }

  // (N, G) of stored groups -> of those that MLX has
  mx::array in_parts(const mx::array& groups) const {
    return parts_ == 1 ? groups : mx::repeat(groups, parts_, 1);
  }

  void expect_shapes() const {
    const bool fits = interleaved_ || words_.shape(1) == outputs();
    if (!fits || inputs() % kNibblesPerWord != 0 || inputs() == 0 ||
        outputs() % kNibblesPerWord != 0 || outputs() == 0 || groups() == 0) {
      ck_.refuse(
          at_ + ".qweight",
          fmt::format(
              "has shape {}, expected (inputs, outputs / 8) or (inputs / 8, "
              "outputs), multiples of 8, as the scales have shape {}",
              text_of(words_.shape()), text_of(scales_.shape())));
    }
  }

  void expect_groups(int group_size) const {
    if (groups() * group_size != inputs()) {
      ck_.refuse(
          at_ + ".scales",
          fmt::format(
              "has shape {}, expected as many rows as there are groups of {} "
              "in {} inputs",
              text_of(scales_.shape()), group_size, inputs()));
    }
  }

  // (N, G) of uint8. Without any, all are the middle.
  mx::array pull_zeros() {
    const auto name = at_ + ".qzeros";
    if (!ck_.has(name)) {
      return mx::full({outputs(), groups()}, kMiddle, mx::uint8);
    }
    const auto words = as_words(
        ck_, name,
        pull_shaped(ck_, name, {groups(), outputs() / kNibblesPerWord}));
    if (interleaved_) {
      return awq_outputs(nibbles(words));
    }
    return mx::transpose(
        (nibbles(words) + byte(legacy_.zero_offset)) & byte(kMostNibble));
  }

  void expect_gptq() const {
    if (interleaved_) {
      ck_.refuse(
          at_ + ".qweight",
          fmt::format(
              "has shape {}, expected (inputs / 8, {}) beside desc_act",
              text_of(words_.shape()), outputs()));
    }
  }

  void expect_no_order(int group_size) {
    const auto name = at_ + ".g_idx";
    if (ck_.has(name)) {
      const auto index = pull_index(ck_, name, inputs());
      scales_ = expect_neighbours(scales_, index, name, group_size);
    }
  }

  Checkpoint& ck_;
  const std::string& at_;
  const LegacyPacking& legacy_;
  mx::array words_;  // of qweight
  mx::array scales_; // (G, N)
  bool interleaved_; // as AWQ has them
  int parts_ = 1;    // of a stored group
};

void repack_nibbles(Checkpoint& ck, const Quantization& quantization) {
  for (const auto& at : modules_with(ck, ".qweight")) {
    NibbleModule module(ck, at, quantization);
    if (quantization.legacy().any_order) {
      module.unpack();
    } else {
      module.repack();
    }
  }
}

// Those of mxfp4 and nvfp4. (N, K / 2) bytes -> (N, K / 8)
mx::array words_of_bytes(
    const Checkpoint& ck, const std::string& name, const mx::array& bytes) {
  constexpr int kBytesPerWord = 4;
  if (bytes.ndim() != 2 || bytes.shape(1) % kBytesPerWord != 0) {
    ck.refuse(
        name, fmt::format(
                  "has shape {}, expected a matrix with a multiple of {} "
                  "columns",
                  text_of(bytes.shape()), kBytesPerWord));
  }
  return mx::view(bytes, mx::uint32);
}

// Of weights that were rounded in another order than that of the inputs. A
// negative index stands for what the order would have been.
void unpack_ordered(
    Checkpoint& ck,
    const std::string& at,
    const mx::array& words,
    const mx::array& scales) {
  const int inputs = words.shape(1) * kNibblesPerWord;
  const int groups = scales.shape(1);
  if (scales.shape(0) != words.shape(0) || groups == 0 ||
      inputs % groups != 0) {
    ck.refuse(
        at + ".weight_scale",
        fmt::format(
            "has shape {}, expected {} rows and a divisor of {} columns",
            text_of(scales.shape()), words.shape(0), inputs));
  }
  const auto index = pull_index(ck, at + ".weight_g_idx", inputs);
  const auto neighbours =
      mx::floor_divide(mx::arange(inputs), mx::array(inputs / groups));
  ck.put(
      at + ".weight",
      unpacked(
          nibbles(words), mx::full(scales.shape(), kMiddle, mx::uint8), scales,
          mx::where(mx::less(index, mx::array(0)), neighbours, index)));
}

void repack_compressed(Checkpoint& ck, const std::string& at) {
  const auto name = at + ".weight_packed";
  const auto packed = ck.pull(name);
  if (packed.dtype() == mx::uint8) {
    ck.put(at + ".weight", words_of_bytes(ck, name, packed));
    ck.rename(at + ".weight_scale", at + ".scales");
    return;
  }
  const auto words = as_words(ck, name, packed);
  const auto scales = pull_scales(ck, at + ".weight_scale");
  if (ck.has(at + ".weight_g_idx")) {
    unpack_ordered(ck, at, words, scales);
    return;
  }
  ck.put(at + ".weight", words);
  ck.put(at + ".scales", scales);
  ck.put(at + ".biases", scales * mx::array(-kMiddle, scales.dtype()));
}

void repack_compressed(Checkpoint& ck) {
  const auto modules = modules_with(ck, ".weight_packed");
  for (const auto& at : modules) {
    repack_compressed(ck, at);
  }
  if (!modules.empty()) {
    drop_suffix(ck, ".weight_shape");
  }
}

int blocks_of(int size, int block) {
  return (size + block - 1) / block;
}

// numbers (N, K) times the scale of their block; those of the last row and
// column of blocks may be cut off
mx::array scale_blocks(
    const mx::array& numbers,
    const mx::array& scales,
    const std::array<int, 2>& block) {
  const int rows = numbers.shape(0), columns = numbers.shape(1);
  const mx::Shape whole{scales.shape(0), block[0], scales.shape(1), block[1]};
  const int more_rows = whole[0] * block[0] - rows;
  const int more_columns = whole[2] * block[1] - columns;
  const auto padded =
      more_rows == 0 && more_columns == 0
          ? numbers
          : mx::pad(numbers, {{0, more_rows}, {0, more_columns}});
  const auto scaled =
      mx::reshape(padded, whole) * mx::expand_dims(scales, {1, 3});
  return mx::slice(
      mx::reshape(scaled, {rows + more_rows, columns + more_columns}), {0, 0},
      {rows, columns});
}

mx::array pull_float8(Checkpoint& ck, const std::string& name) {
  const auto bytes = ck.pull(name);
  if (bytes.ndim() != 2 || bytes.dtype() != mx::uint8) {
    ck.refuse(
        name, fmt::format(
                  "has shape {} and numbers of {} bytes, expected a matrix of "
                  "F8_E4M3, as it has a scale beside it",
                  text_of(bytes.shape()), bytes.itemsize()));
  }
  return mx::from_fp8(bytes, mx::bfloat16);
}

void unpack_float8(
    Checkpoint& ck,
    const std::string& at,
    const std::string& scale,
    const std::array<int, 2>& block) {
  const auto numbers = pull_float8(ck, at + ".weight");
  const auto scales = ck.pull(at + scale);
  const mx::Shape blocks{
      blocks_of(numbers.shape(0), block[0]),
      blocks_of(numbers.shape(1), block[1])};
  const bool has_one = scales.size() == 1;
  if (!mx::issubdtype(scales.dtype(), mx::floating) ||
      (!has_one && scales.shape() != blocks)) {
    ck.refuse(
        at + scale,
        fmt::format(
            "has shape {}, expected one float, or {}, one for each {} x {} "
            "block",
            text_of(scales.shape()), text_of(blocks), block[0], block[1]));
  }
  const auto scaled = has_one ? numbers * mx::reshape(scales, mx::Shape{})
                              : scale_blocks(numbers, scales, block);
  ck.put(at + ".weight", mx::astype(scaled, mx::bfloat16));
}

void unpack_float8(
    Checkpoint& ck, const std::string& scale, const LegacyPacking& legacy) {
  const auto modules = modules_with(ck, scale);
  for (const auto& at : modules) {
    unpack_float8(ck, at, scale, legacy.block);
  }
  if (!modules.empty()) { // of inputs, which stay as they are
    drop_suffix(ck, ".activation_scale");
    drop_suffix(ck, ".input_scale");
  }
}

} // namespace

void repack_legacy(Checkpoint& ck, const Quantization& quantization) {
  if (quantization.legacy().nibbles) {
    repack_nibbles(ck, quantization);
  }
  repack_compressed(ck);
  for (const char* scale : {".weight_scale_inv", ".weight_scale"}) {
    unpack_float8(ck, scale, quantization.legacy());
  }
}

void drop_spare_biases(Checkpoint& ck, const Quantization& quantization) {
  if (!quantization.legacy().nibbles) {
    return;
  }
  for (const auto& at : modules_with(ck, ".bias")) {
    ck.drop_zeros(at + ".bias");
  }
}

} // namespace parallm
