#include "nn/linear.h"

#include <fmt/format.h>

#include "base/check.h"

namespace parallm {
namespace {

using Form = std::variant<mx::array, QuantizedWeight>;

Form take_form(
    Checkpoint& checkpoint,
    const std::string& name,
    int rows,
    int columns,
    const Quantization& quantization) {
  const auto spec = quantization.spec(name, checkpoint.has(name + ".scales"));
  if (!spec) {
    return checkpoint.take(name + ".weight", {rows, columns});
  }
  if (columns % spec->group_size != 0) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "config.json: quantization: {} has {} inputs, expected a multiple "
            "of the group size {}",
            name, columns, spec->group_size));
  }
  const int groups = columns / spec->group_size;
  return QuantizedWeight{
      checkpoint.take_packed(
          name + ".weight", {rows, columns * spec->bits / 32}),
      checkpoint.take(name + ".scales", {rows, groups}),
      checkpoint.take(name + ".biases", {rows, groups}), spec->group_size,
      spec->bits};
}

// What differs between a dense and a packed matrix.
mx::Dtype dtype_of(const mx::array& w) {
  return w.dtype();
}

mx::Dtype dtype_of(const QuantizedWeight& w) {
  return w.scales.dtype();
}

const mx::array& unpack(const mx::array& w) {
  return w;
}

// In float32 and rounded once.
mx::array unpack(const QuantizedWeight& w) {
  const auto wide = mx::dequantize(
      w.packed, mx::astype(w.scales, mx::float32),
      mx::astype(w.biases, mx::float32), w.group_size, w.bits);
  return mx::astype(wide, w.scales.dtype());
}

mx::array rows_of(const mx::array& w, const mx::array& ids) {
  return mx::take(w, ids, 0);
}

mx::array rows_of(const QuantizedWeight& w, const mx::array& ids) {
  return unpack(
      {mx::take(w.packed, ids, 0), mx::take(w.scales, ids, 0),
       mx::take(w.biases, ids, 0), w.group_size, w.bits});
}

std::optional<LoraDelta> take_lora(
    Checkpoint& checkpoint,
    const std::string& name,
    const Linear::Shape& shape,
    const Weight& weight) {
  const auto lora = checkpoint.take_lora(name, shape.inputs, shape.outputs);
  if (!lora) {
    return std::nullopt;
  }
  return LoraDelta(checkpoint, *lora, weight.unpacked());
}

} // namespace

Weight::Weight(
    Checkpoint& checkpoint,
    const std::string& name,
    int rows,
    int columns,
    const Quantization& quantization)
    : form_(take_form(checkpoint, name, rows, columns, quantization)) {
}

mx::Dtype Weight::dtype() const {
  return std::visit([](const auto& form) { return dtype_of(form); }, form_);
}

mx::array Weight::times(
    const mx::array& x,
    const std::optional<mx::array>& bias,
    mx::Dtype out) const {
  return std::visit(
      [&](const auto& form) { return linear(x, form, bias, out); }, form_);
}

mx::array Weight::rows(const mx::array& ids) const {
  return std::visit(
      [&](const auto& form) { return rows_of(form, ids); }, form_);
}

mx::array Weight::unpacked() const {
  return std::visit(
      [](const auto& form) { return mx::array(unpack(form)); }, form_);
}

Linear::Linear(
    Checkpoint& checkpoint,
    const std::string& name,
    const Shape& shape,
    const Quantization& quantization)
    : weight_(checkpoint, name, shape.outputs, shape.inputs, quantization),
      bias_(
          shape.bias == Bias::kRequired
              ? std::optional(checkpoint.take(name + ".bias", {shape.outputs}))
              : std::nullopt),
      lora_(take_lora(checkpoint, name, shape, weight_)) {
}

// LoRA comes after the bias; DoRA scales the outputs before it.
mx::array Linear::adapted(const mx::array& x, mx::Dtype out) const {
  const auto& magnitude = lora_->magnitude();
  if (!magnitude) {
    return weight_.times(x, bias_, out) + (*lora_)(x, out);
  }
  const auto y = mx::astype(*magnitude, out) *
                 (weight_.times(x, std::nullopt, out) + (*lora_)(x, out));
  return bias_ ? y + mx::astype(*bias_, out) : y;
}

} // namespace parallm
