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

mx::array rows_of(const mx::array& w, const mx::array& ids) {
  return mx::take(w, ids, 0);
}

// Unpacked in float32 and rounded once.
mx::array rows_of(const QuantizedWeight& w, const mx::array& ids) {
  const auto scales = mx::take(w.scales, ids, 0);
  const auto wide = mx::dequantize(
      mx::take(w.packed, ids, 0), mx::astype(scales, mx::float32),
      mx::astype(mx::take(w.biases, ids, 0), mx::float32), w.group_size,
      w.bits);
  return mx::astype(wide, scales.dtype());
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

Linear::Linear(
    Checkpoint& checkpoint,
    const std::string& name,
    const Shape& shape,
    const Quantization& quantization)
    : weight_(checkpoint, name, shape.outputs, shape.inputs, quantization),
      bias_(
          shape.bias == Bias::kRequired
              ? std::optional(checkpoint.take(name + ".bias", {shape.outputs}))
              : std::nullopt) {
}

} // namespace parallm
