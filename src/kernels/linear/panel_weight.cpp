#include "kernels/linear/panel_weight.h"

#include <span>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/zero_pages.h"

namespace parallm {
namespace {

WeightForm affine_form(int bits) {
  for (const auto form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    if (form_bits(form) == bits) {
      return form;
    }
  }
  throw CheckFailed(fmt::format("affine weights of {} bits", bits));
}

WeightForm form_of(const QuantizedWeight& weight) {
  switch (weight.mode) {
    case QuantMode::kAffine:
      return affine_form(weight.bits);
    case QuantMode::kMxfp4:
      return WeightForm::kMxfp4;
    case QuantMode::kNvfp4:
      return WeightForm::kNvfp4;
    case QuantMode::kMxfp8:
      break;
  }
  return WeightForm::kMxfp8;
}

void expect_consistent(const QuantizedWeight& w) {
  const bool affine = w.mode == QuantMode::kAffine;
  PARALLM_CHECK(
      w.biases.has_value() == affine &&
          (affine ? w.biases->dtype() == w.scales.dtype()
                  : w.scales.dtype() == mx::uint8) &&
          (!w.global_scale || (w.mode == QuantMode::kNvfp4 &&
                               w.global_scale->dtype() == mx::float32)),
      "{} weight of unfit parts", name_of(w.mode));
  PARALLM_CHECK(
      w.bits == form_bits(form_of(w)) &&
          (w.mode == QuantMode::kNvfp4
               ? w.group_size == 16
               : w.group_size == 32 || w.group_size == 64 ||
                     w.group_size == kMostGroup) &&
          w.packed.shape(-1) * 32 == w.scales.shape(-1) * w.group_size * w.bits,
      "{} weight of {} words, {} groups of {}", name_of(w.mode),
      w.packed.shape(-1), w.scales.shape(-1), w.group_size);
}

PanelLayout layout_of(const QuantizedWeight& w) {
  return {
      form_of(w),
      w.mode == QuantMode::kAffine ? float_type(w.scales.dtype())
                                   : FloatType::kF32,
      w.packed.shape(-2), w.scales.shape(-1) * w.group_size, w.group_size};
}

// Panels packed by one task.
constexpr int kPanelsOfTask = 8;

struct PackJob {
  PanelLayout layout;
  int matrices;
  RawWeight raw;
  uint8_t* out;

  RawWeight matrix(int i) const {
    const size_t groups =
        static_cast<size_t>(layout.outputs) * layout.groups() * i;
    const size_t scale_bytes = layout.scale_bytes() / kPanelOutputs;
    const auto at = [](const void* first, size_t bytes) {
      return static_cast<const char*>(first) + bytes;
    };
    return {
        at(raw.codes, groups * layout.group_size * form_bits(layout.form) / 8),
        at(raw.scales, groups * scale_bytes),
        raw.biases != nullptr ? at(raw.biases, groups * scale_bytes) : nullptr};
  }

  void run() const {
    const int panels = layout.panels();
    const int tasks = (panels + kPanelsOfTask - 1) / kPanelsOfTask;
    kernel_pool().run(matrices * tasks, [&](int task) {
      const int index = task / tasks, first = task % tasks * kPanelsOfTask;
      pack_panels(
          layout, matrix(index), first, std::min(first + kPanelsOfTask, panels),
          out + index * layout.bytes() + first * layout.panel_bytes());
    });
  }
};

// inputs: codes, scales and, if affine, biases
class Pack : public CpuPrimitive {
 public:
  Pack(mx::Stream stream, const PanelLayout& layout)
      : CpuPrimitive(stream, "parallm::Pack"), layout_(layout) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate_pages(out[0]);
    const int matrices = in[0].ndim() == 3 ? in[0].shape(0) : 1;
    std::optional<RowMajor> biases;
    if (in.size() > 2) {
      biases.emplace(in[2]);
    }
    encoder(in, out).dispatch(
        [job = PackJob{layout_, matrices, {}, out[0].data<uint8_t>()},
         codes = RowMajor(in[0]), scales = RowMajor(in[1]), biases]() mutable {
          job.raw = {
              codes.data(), scales.data(), biases ? biases->data() : nullptr};
          job.run();
        });
  }

 private:
  PanelLayout layout_;
};

void expect_outputs(const OutputRows& rows, size_t count) {
  for (const int32_t id : std::span(rows.ids, count)) {
    PARALLM_CHECK(
        id >= 0 && id < rows.layout.outputs, "row {} of {}", id,
        rows.layout.outputs);
  }
}

// inputs: panels, ids
class PanelRows : public CpuPrimitive {
 public:
  PanelRows(mx::Stream stream, const PanelLayout& layout)
      : CpuPrimitive(stream, "parallm::PanelRows"), layout_(layout) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch([layout = layout_, panels = RowMajor(in[0]),
                               ids = RowMajor(in[1]), count = in[1].size(),
                               type = float_type(out[0].dtype()),
                               to = out[0].data<char>()]() mutable {
      const OutputRows rows{
          layout, static_cast<const uint8_t*>(panels.data()),
          static_cast<const int32_t*>(ids.data()), type, to};
      expect_outputs(rows, count);
      in_row_parts(count, layout.inputs, [&](size_t first, size_t end) {
        unpack_outputs(rows, first, end);
      });
    });
  }

 private:
  PanelLayout layout_;
};

} // namespace

PanelWeight pack(const QuantizedWeight& weight, Activations activations) {
  expect_consistent(weight);
  const PanelLayout layout = layout_of(weight);
  std::vector<mx::array> in{weight.packed, weight.scales};
  mx::Shape shape{layout.panels(), static_cast<int>(layout.panel_bytes())};
  if (weight.biases) {
    in.push_back(*weight.biases);
  }
  if (weight.packed.ndim() == 3) {
    shape.insert(shape.begin(), weight.packed.shape(0));
  }
  return {
      mx::array(
          std::move(shape), mx::uint8,
          std::make_shared<Pack>(kernel_stream(), layout), std::move(in)),
      layout, activations, weight.global_scale};
}

mx::array panel_rows(
    const PanelWeight& weight, const mx::array& ids, mx::Dtype out) {
  PARALLM_CHECK(
      weight.panels.ndim() == 2 && ids.ndim() == 1 && ids.dtype() == mx::int32,
      "rows of {} axes by ids of {}", weight.panels.ndim(), ids.ndim());
  return mx::array(
      mx::Shape{ids.shape(0), weight.layout.inputs}, out,
      std::make_shared<PanelRows>(kernel_stream(), weight.layout),
      {weight.panels, ids});
}

} // namespace parallm
