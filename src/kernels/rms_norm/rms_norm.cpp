#include "kernels/rms_norm/rms_norm.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/rms_norm/rms_rows.h"

namespace parallm {
namespace {

// The rows but their memory, and what there is of it beside x.
struct RmsPlan {
  RmsRows rows{};
  bool adds = false;
  bool sizes_y = false;
  bool norms = false;
};

// inputs: x, y, the weight of y, the weight of the norm; outputs: the sum and
// what is normed; all but x if the plan has them
class RmsNorm : public CpuPrimitive {
 public:
  RmsNorm(mx::Stream stream, const RmsPlan& plan)
      : CpuPrimitive(
            stream, plan.adds ? "parallm::AddNorm" : "parallm::RmsNorm"),
        plan_(plan) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    RmsRows rows = plan_.rows;
    rows.sum = plan_.adds ? memory(out.front()) : nullptr;
    rows.normed = plan_.norms ? memory(out.back()) : nullptr;
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch([rows, plan = plan_, count = in[0].shape(0),
                               arrays = std::move(arrays)]() mutable {
      size_t next = 0;
      rows.x = arrays[next++].data();
      rows.y = plan.adds ? arrays[next++].data() : nullptr;
      rows.y_weight.numbers = plan.sizes_y ? arrays[next++].data() : nullptr;
      rows.weight.numbers = plan.norms ? arrays[next++].data() : nullptr;
      in_row_parts(count, rows.width, [&](size_t first, size_t end) {
        rms_rows(rows, first, end);
      });
    });
  }

 private:
  static void* memory(mx::array& out) {
    allocate(out);
    return out.data<char>();
  }

  RmsPlan plan_;
};

// As it is beside numbers of the type.
float rounded(float number, FloatType type) {
  float row[simd::kLanes] = {number};
  round_row(type, row, 1);
  return row[0];
}

// A launch as it is put together.
class RmsLaunch {
 public:
  explicit RmsLaunch(const mx::array& x) : in_{x} {
    PARALLM_CHECK(x.ndim() == 2, "norm of {} axes", x.ndim());
    plan_.rows.type = float_type(x.dtype());
    plan_.rows.width = x.shape(1);
  }

  void add(const Addend& addend) {
    const mx::array& x = in_[0];
    PARALLM_CHECK(
        addend.y.shape() == x.shape() && addend.y.dtype() == x.dtype(),
        "{} numbers added to {}", addend.y.size(), x.size());
    plan_.adds = true;
    plan_.rows.scale = rounded(addend.scale, plan_.rows.type);
    in_.push_back(addend.y);
    if (addend.weight) {
      plan_.sizes_y = true;
      plan_.rows.y_weight = take(*addend.weight, addend.eps);
    }
  }

  void norm(const mx::array& weight, float eps) {
    plan_.norms = true;
    plan_.rows.weight = take(weight, eps);
  }

  std::vector<mx::array> outputs() const {
    const size_t count = (plan_.adds ? 1 : 0) + (plan_.norms ? 1 : 0);
    return mx::array::make_arrays(
        std::vector<mx::Shape>(count, in_[0].shape()),
        std::vector<mx::Dtype>(count, in_[0].dtype()),
        std::make_shared<RmsNorm>(kernel_stream(), plan_), in_);
  }

 private:
  NormWeight take(const mx::array& weight, float eps) {
    PARALLM_CHECK(
        weight.shape() == mx::Shape{plan_.rows.width}, "norm of width {}",
        plan_.rows.width);
    in_.push_back(weight);
    return {nullptr, float_type(weight.dtype()), eps};
  }

  RmsPlan plan_{};
  std::vector<mx::array> in_;
};

} // namespace

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps) {
  if (!on_cpu(kernel_stream())) {
    return rms_norm_reference(x, weight, eps);
  }
  RmsLaunch launch(x);
  launch.norm(weight, eps);
  return launch.outputs()[0];
}

mx::array add(const mx::array& x, const Addend& addend) {
  if (!on_cpu(kernel_stream())) {
    return add_reference(x, addend);
  }
  RmsLaunch launch(x);
  launch.add(addend);
  return launch.outputs()[0];
}

AddedNorm add_rms_norm(
    const mx::array& x,
    const Addend& addend,
    const mx::array& weight,
    float eps) {
  if (!on_cpu(kernel_stream())) {
    const auto sum = add_reference(x, addend);
    return {sum, rms_norm_reference(sum, weight, eps)};
  }
  RmsLaunch launch(x);
  launch.add(addend);
  launch.norm(weight, eps);
  const auto out = launch.outputs();
  return {out[0], out[1]};
}

mx::array rms_norm_reference(
    const mx::array& x, const mx::array& weight, float eps) {
  return mx::fast::rms_norm(x, mx::astype(weight, x.dtype()), eps);
}

mx::array add_reference(const mx::array& x, const Addend& addend) {
  const auto y = addend.weight
                     ? rms_norm_reference(addend.y, *addend.weight, addend.eps)
                     : addend.y;
  return x + (addend.scale == 1 ? y : y * mx::array(addend.scale, y.dtype()));
}

} // namespace parallm
