#include "nn/gguf/gguf_checkpoint.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "nn/file_data.h"
#include "nn/gguf/gguf_architecture.h"
#include "nn/gguf/gguf_blocks.h"
#include "nn/gguf/gguf_keys.h"
#include "nn/gguf/gguf_names.h"
#include "nn/gguf/gguf_weight.h"

namespace parallm {
namespace {

// As the file has it: packed ones as bytes, row by row.
TensorInfo tensor_info(const GgufTensor& tensor) {
  TensorInfo info{
      .name = tensor.name,
      .dtype = std::string(info_of(tensor.type).name),
      .shape = tensor.shape,
      .bytes = tensor.bytes,
      .begin = tensor.begin};
  if (is_packed(tensor.type)) {
    info.dtype = "U8";
    const auto& type = info_of(tensor.type);
    info.shape.back() =
        tensor.shape.back() / type.block_numbers * type.block_bytes;
  }
  return info;
}

// The embedding's type is that of all that is computed: float32, as where the
// format comes from. Others keep the halves of blocks that are one group; those
// of several have products of halves.
mx::Dtype scale_type(const GgufTensor& tensor) {
  const bool exact = info_of(tensor.type).block_numbers == kGgufGroup;
  return exact && tensor.name != "token_embd.weight" ? mx::float16
                                                     : mx::float32;
}

OnRead meter(const GgufFile& file, const OnProgress& on_progress) {
  if (!on_progress) {
    return {};
  }
  size_t all = 0;
  for (const auto& tensor : file.tensors) {
    all += tensor.bytes;
  }
  return [on_progress, all, read = size_t{0}](size_t bytes) mutable {
    on_progress(read += bytes, all);
  };
}

class Filler {
 public:
  Filler(const GgufFile& file, Checkpoint& checkpoint, const OnRead& on_read)
      : file_(file),
        checkpoint_(checkpoint),
        data_(std::make_shared<FileData>(
            TensorFile{.path = file.path, .stamp = file.stamp}, on_read)) {
    const GgufKeys keys(file);
    const auto& architecture = gguf_architecture(keys);
    experts_ = architecture.experts;
    const std::string name(architecture.name);
    if (name == "llama") {
      heads_ = read_heads(keys, name + ".attention.head_count");
      kv_heads_ = keys.has(name + ".attention.head_count_kv")
                      ? read_heads(keys, name + ".attention.head_count_kv")
                      : heads_;
    }
  }

  void put(const GgufTensor& tensor) {
    const auto bytes = data_->tensor(tensor_info(tensor));
    const std::string name = checkpoint_name(tensor.name, experts_);
    if (!is_packed(tensor.type)) {
      put(tensor, name, bytes);
      return;
    }
    const auto module = name.substr(0, name.rfind('.'));
    const auto weight = repack(file_.path, tensor, bytes, scale_type(tensor));
    put(tensor, name, weight.packed);
    put(tensor, module + ".scales", weight.scales);
    put(tensor, module + ".biases", weight.biases);
  }

 private:
  static int read_heads(const GgufKeys& keys, const std::string& key) {
    return static_cast<int>(keys.integer(key, 1, 1 << 20));
  }

  void put(
      const GgufTensor& tensor, const std::string& name, const mx::array& a) {
    const int heads = is_query(tensor.name) ? heads_
                      : is_key(tensor.name) ? kv_heads_
                                            : 0;
    checkpoint_.put(
        name, heads > 0 ? halves_first(tensor, a, heads)
              : is_shared_gate(tensor.name) && a.ndim() == 1
                  ? mx::expand_dims(a, 0)
                  : a);
  }

  // The two numbers that turn together are neighbours in the file; our family
  // has them half a head apart.
  mx::array halves_first(
      const GgufTensor& tensor, const mx::array& rows, int heads) const {
    if (rows.shape(0) % (2 * heads) != 0) {
      throw StartError(
          kExitBadData, fmt::format(
                            "{}: tensor {} has {} rows, expected a multiple of "
                            "{} for {} heads",
                            file_.path.string(), tensor.name, rows.shape(0),
                            2 * heads, heads));
    }
    const int pairs = rows.shape(0) / heads / 2;
    const auto apart = mx::reshape(rows, {heads, pairs, 2, -1});
    return mx::reshape(mx::swapaxes(apart, 1, 2), rows.shape());
  }

  const GgufFile& file_;
  Checkpoint& checkpoint_;
  std::shared_ptr<FileData> data_;
  std::string_view experts_{}; // as in GgufArchitecture
  int heads_ = 0;              // of a llama, or 0
  int kv_heads_ = 0;
};

} // namespace

Checkpoint open_gguf(
    const GgufFile& file,
    std::optional<mx::Dtype> dtype,
    std::optional<Adapter> adapter,
    const OnProgress& on_progress) {
  Checkpoint checkpoint(file.path, {}, dtype, std::move(adapter), {});
  Filler filler(file, checkpoint, meter(file, on_progress));
  for (const auto& tensor : file.tensors) {
    if (tensor.name != kRopeFactors) {
      filler.put(tensor);
    }
  }
  return checkpoint;
}

size_t count_numbers(const GgufFile& file) {
  size_t numbers = 0;
  for (const auto& tensor : file.tensors) {
    const auto& type = info_of(tensor.type);
    numbers += tensor.name == kRopeFactors
                   ? 0
                   : tensor.bytes / type.block_bytes * type.block_numbers;
  }
  return numbers;
}

} // namespace parallm
