#include "nn/weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

// What numbers count as whose form says nothing of a type: what mx::dequantize
// makes of them.
const mx::Dtype kBytesDtype = mx::bfloat16;

mx::Shape with_columns(mx::Shape shape, int columns) {
  shape.back() = columns;
  return shape;
}

void expect_whole_groups(
    const std::string& name, int columns, const QuantSpec& spec) {
  if (columns % spec.group_size != 0) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "config.json: quantization: {} has {} inputs, expected a multiple "
            "of the group size {}",
            name, columns, spec.group_size));
  }
}

// Converted now, so that no step has to.
mx::array keep_as(
    Checkpoint& checkpoint, const mx::array& array, mx::Dtype dtype) {
  return array.dtype() == dtype
             ? array
             : checkpoint.keep_instead(array, mx::astype(array, dtype));
}

// On the CPU its kernels' own form, made once and held instead.
WeightArrays packed_for_device(
    Checkpoint& checkpoint, const QuantizedWeight& raw) {
  if (!on_cpu(kernel_stream())) {
    return raw;
  }
  const PanelWeight weight = pack(raw, checkpoint.activations());
  checkpoint.keep_instead(raw.packed, weight.panels);
  checkpoint.release(raw.scales);
  if (raw.biases) {
    checkpoint.release(*raw.biases);
  }
  return weight;
}

QuantizedWeight take_affine(
    Checkpoint& checkpoint,
    const std::string& name,
    const mx::array& packed,
    const mx::Shape& groups,
    const QuantSpec& spec) {
  const auto scales = checkpoint.take(name + ".scales", groups);
  const auto biases = checkpoint.take(name + ".biases", groups);
  const auto dtype = mx::promote_types(scales.dtype(), biases.dtype());
  return {
      packed,
      keep_as(checkpoint, scales, dtype),
      keep_as(checkpoint, biases, dtype),
      spec.group_size,
      spec.bits,
      spec.mode};
}

std::optional<mx::array> take_global_scale(
    Checkpoint& checkpoint,
    const std::string& name,
    const mx::Shape& shape,
    const QuantSpec& spec) {
  const std::string tensor = name + ".global_scale";
  if (shape.size() != 3 || spec.mode != QuantMode::kNvfp4 ||
      !checkpoint.has(tensor)) {
    return std::nullopt;
  }
  return checkpoint.take_float32(tensor, {shape[0]});
}

QuantizedWeight take_packed(
    Checkpoint& checkpoint,
    const std::string& name,
    const mx::Shape& shape,
    const QuantSpec& spec) {
  const int columns = shape.back();
  expect_whole_groups(name, columns, spec);
  const auto packed = checkpoint.take_packed(
      name + ".weight", with_columns(shape, columns * spec.bits / 32));
  const auto groups = with_columns(shape, columns / spec.group_size);
  if (spec.mode == QuantMode::kAffine) {
    return take_affine(checkpoint, name, packed, groups, spec);
  }
  return {
      packed,
      checkpoint.take_bytes(name + ".scales", groups),
      std::nullopt,
      spec.group_size,
      spec.bits,
      spec.mode,
      take_global_scale(checkpoint, name, shape, spec)};
}

std::string form(const mx::array& dense) {
  std::ostringstream dtype;
  dtype << dense.dtype();
  return dtype.str();
}

std::string form(const QuantizedWeight& weight) {
  return weight.mode == QuantMode::kAffine ? fmt::format(
                                                 "affine-{}bit in groups of {}",
                                                 weight.bits, weight.group_size)
                                           : name_of(weight.mode);
}

// Of the numbers that a weight stands for.
struct NumbersDtype {
  const Checkpoint& checkpoint;

  mx::Dtype operator()(const mx::array& dense) const { return dense.dtype(); }
  mx::Dtype operator()(const QuantizedWeight& w) const {
    return w.mode == QuantMode::kAffine ? w.scales.dtype() : of_bytes();
  }
  mx::Dtype operator()(const PanelWeight& w) const {
    return is_affine(w.layout.form) ? dtype_of(w.layout.scale_type)
                                    : of_bytes();
  }

 private:
  mx::Dtype of_bytes() const {
    return checkpoint.dtype().value_or(kBytesDtype);
  }
};

mx::array wide(const mx::array& array) {
  return mx::astype(array, mx::float32);
}

mx::array unpack(const mx::array& w, mx::Dtype) {
  return w;
}

// In float32 and rounded once.
mx::array unpack(const QuantizedWeight& w, mx::Dtype dtype) {
  const bool affine = w.mode == QuantMode::kAffine;
  const auto numbers = mx::dequantize(
      w.packed, affine ? wide(w.scales) : w.scales,
      affine ? std::optional(wide(*w.biases)) : std::nullopt, w.group_size,
      w.bits, name_of(w.mode), std::nullopt, mx::float32);
  return mx::astype(numbers, dtype);
}

mx::array unpack(const PanelWeight& w, mx::Dtype dtype) {
  return panel_rows(w, mx::arange(w.layout.outputs, mx::int32), dtype);
}

// That NAME.weight, or the Hub's NAME_blocks, needs beside itself.
bool serves_a_packed_one(const TensorInfo& tensor) {
  return tensor.name.ends_with("scales") || tensor.name.ends_with(".biases") ||
         tensor.name.ends_with("_scale") || tensor.name.ends_with("_scale_inv");
}

// As AWQ, GPTQ and compressed-tensors name words of eight numbers.
bool holds_nibbles(const TensorInfo& tensor) {
  return tensor.dtype == "I32" && (tensor.name.ends_with(".qweight") ||
                                   tensor.name.ends_with(".weight_packed"));
}

bool holds_float8(const TensorInfo& tensor) {
  return tensor.dtype == "F8_E4M3" && tensor.name.ends_with(".weight");
}

std::string module_of(const TensorInfo& tensor) {
  return tensor.name.substr(0, tensor.name.rfind('.'));
}

// Whole numbers of other types are no weights but tables, as of positions.
size_t packed_numbers(const TensorInfo& tensor, const Quantization& all) {
  if (holds_float8(tensor)) {
    return tensor.bytes;
  }
  if (holds_nibbles(tensor)) {
    return tensor.bytes * 2;
  }
  const bool packed = tensor.dtype == "U32" || tensor.dtype == "U8";
  const auto spec = all.spec(module_of(tensor), packed);
  return packed && spec ? tensor.bytes * 8 / spec->bits : 0;
}

size_t numbers_of(const TensorInfo& tensor, const Quantization& all) {
  const bool any_packed = all.present() || all.legacy().present;
  if (any_packed && serves_a_packed_one(tensor)) {
    return 0;
  }
  return is_float(tensor) ? tensor.bytes / dtype_of(tensor).size()
                          : packed_numbers(tensor, all);
}

mx::array rows_of(const mx::array& w, const mx::array& ids, mx::Dtype) {
  return mx::take(w, ids, 0);
}

mx::array rows_of(
    const QuantizedWeight& w, const mx::array& ids, mx::Dtype dtype) {
  return unpack(
      QuantizedWeight{
          mx::take(w.packed, ids, 0), mx::take(w.scales, ids, 0),
          w.biases ? std::optional(mx::take(*w.biases, ids, 0)) : std::nullopt,
          w.group_size, w.bits, w.mode},
      dtype);
}

mx::array rows_of(const PanelWeight& w, const mx::array& ids, mx::Dtype dtype) {
  return panel_rows(w, ids, dtype);
}

std::vector<WeightArrays> split(
    Checkpoint& checkpoint,
    const PanelWeight& whole,
    const std::vector<int>& rows) {
  std::vector<int> panels;
  for (const int count : rows) {
    panels.push_back(count / kPanelOutputs);
  }
  std::vector<WeightArrays> parts;
  for (const auto& array : checkpoint.keep_split(whole.panels, panels)) {
    PanelWeight part = whole;
    part.panels = array;
    part.layout.outputs = rows[parts.size()];
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<WeightArrays> split(
    Checkpoint& checkpoint,
    const mx::array& whole,
    const std::vector<int>& rows) {
  const auto parts = checkpoint.keep_split(whole, rows);
  return {parts.begin(), parts.end()};
}

std::vector<WeightArrays> split(
    Checkpoint& checkpoint,
    const QuantizedWeight& whole,
    const std::vector<int>& rows) {
  const auto packed = checkpoint.keep_split(whole.packed, rows);
  const auto scales = checkpoint.keep_split(whole.scales, rows);
  const auto biases = whole.biases ? checkpoint.keep_split(*whole.biases, rows)
                                   : std::vector<mx::array>{};
  std::vector<WeightArrays> parts;
  for (size_t i = 0; i < rows.size(); ++i) {
    QuantizedWeight part = whole;
    part.packed = packed[i];
    part.scales = scales[i];
    part.biases = biases.empty() ? std::nullopt : std::optional(biases[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

} // namespace

WeightArrays take_weight(
    Checkpoint& checkpoint,
    const std::string& name,
    const mx::Shape& shape,
    const Quantization& quantization) {
  const auto spec =
      quantization.spec(name, checkpoint.has(name + ".scales"), shape.back());
  if (!spec) {
    const auto dense = checkpoint.take(name + ".weight", shape);
    checkpoint.tell({name, form(dense)});
    return dense;
  }
  const auto raw = take_packed(checkpoint, name, shape, *spec);
  checkpoint.tell({name, form(raw)});
  return packed_for_device(checkpoint, raw);
}

size_t count_numbers(
    const WeightFiles& files, const Quantization& quantization) {
  size_t numbers = 0;
  for (const auto& file : files.files) {
    for (const auto& tensor : file.tensors) {
      numbers += numbers_of(tensor, quantization);
    }
  }
  return numbers;
}

Weight::Weight(
    Checkpoint& checkpoint,
    const std::string& name,
    int rows,
    int columns,
    const Quantization& quantization)
    : arrays_(take_weight(checkpoint, name, {rows, columns}, quantization)),
      dtype_(std::visit(NumbersDtype{checkpoint}, arrays_)) {
}

mx::array Weight::times(
    const mx::array& x,
    const std::optional<mx::array>& bias,
    mx::Dtype out) const {
  return std::visit(
      [&](const auto& arrays) { return linear(x, arrays, bias, out); },
      arrays_);
}

mx::array Weight::rows(const mx::array& ids) const {
  return std::visit(
      [&](const auto& arrays) { return rows_of(arrays, ids, dtype_); },
      arrays_);
}

bool Weight::splits_at(const std::vector<int>& rows) const {
  return !std::holds_alternative<PanelWeight>(arrays_) ||
         std::ranges::all_of(
             rows, [](int count) { return count % kPanelOutputs == 0; });
}

std::vector<Weight> Weight::split(
    Checkpoint& checkpoint, const std::vector<int>& rows) const {
  const auto parts = std::visit(
      [&](const auto& arrays) {
        return parallm::split(checkpoint, arrays, rows);
      },
      arrays_);
  std::vector<Weight> weights;
  for (const auto& part : parts) {
    weights.push_back(Weight(part, dtype_));
  }
  return weights;
}

mx::array Weight::unpacked() const {
  return std::visit(
      [&](const auto& arrays) { return unpack(arrays, dtype_); }, arrays_);
}

} // namespace parallm
