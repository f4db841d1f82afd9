#include "kernels/activation/activation.h"

#include "base/check.h"
#include "kernels/activation/activation_numbers.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"

namespace parallm {
namespace {

// inputs: gate and, if there is one, up
class Activate : public CpuPrimitive {
 public:
  Activate(mx::Stream stream, const Formula& formula)
      : CpuPrimitive(stream, "parallm::Activate"), formula_(formula) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    ActivationNumbers numbers{
        .formula = formula_,
        .type = float_type(out[0].dtype()),
        .out = out[0].data<char>()};
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch(
        [numbers, size = out[0].size(), arrays = std::move(arrays)]() mutable {
          numbers.gate = arrays[0].data();
          numbers.up = arrays.size() > 1 ? arrays[1].data() : nullptr;
          in_parts(size, kPartNumbers, [&](size_t first, size_t end) {
            activate_numbers(numbers, first, end);
          });
        });
  }

 private:
  Formula formula_;
};

mx::array on_cpu_kernel(const Formula& formula, std::vector<mx::array> in) {
  PARALLM_CHECK(
      in[0].shape() == in.back().shape() && in[0].dtype() == in.back().dtype(),
      "{} gates for {} numbers", in[0].size(), in.back().size());
  const auto shape = in[0].shape();
  const auto dtype = in[0].dtype();
  return mx::array(
      shape, dtype, std::make_shared<Activate>(kernel_stream(), formula),
      std::move(in));
}

} // namespace

mx::array activate(Activation activation, const mx::array& x) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel({.activation = activation}, {x})
             : activate_reference(activation, x);
}

mx::array gated(
    Activation activation, const mx::array& gate, const mx::array& up) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel({.activation = activation}, {gate, up})
             : gated_reference(activation, gate, up);
}

mx::array clipped_swiglu(
    const mx::array& gate, const mx::array& up, float alpha, float limit) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel(
                   {.kind = Formula::Kind::kClippedSwiglu,
                    .alpha = alpha,
                    .limit = limit},
                   {gate, up})
             : clipped_swiglu_reference(gate, up, alpha, limit);
}

mx::array softcap(const mx::array& x, float limit) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel(
                   {.kind = Formula::Kind::kSoftcap, .limit = limit}, {x})
             : softcap_reference(x, limit);
}

} // namespace parallm
