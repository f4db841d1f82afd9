#include "kernels/sample/sample.h"

#include <algorithm>

#include "kernels/cpu_primitive.h"

namespace parallm {
namespace {

int processed_rows(const DrawRows& rows) {
  return static_cast<int>(std::count_if(
      rows.begin(), rows.end(), [](auto& row) { return row.wants_processed; }));
}

struct Destination {
  int32_t* ids;
  int32_t* status;
  float* processed; // null if no row wants it
};

void draw_all(
    const float* logits, int vocab, const DrawRows& rows, Destination to) {
  std::vector<float> scratch;
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool keep = rows[r].wants_processed;
    const auto drawn = draw_row(
        logits + r * static_cast<size_t>(vocab), vocab, rows[r], scratch,
        keep ? to.processed : nullptr);
    to.ids[r] = drawn.id;
    to.status[r] = static_cast<int32_t>(drawn.status);
    to.processed += keep ? vocab : 0;
  }
}

// input: logits (R, V); outputs as in Draws. One task for the whole step, and
// the rows' settings never become arrays.
class DrawTokens : public CpuPrimitive {
 public:
  DrawTokens(mx::Stream stream, std::shared_ptr<const DrawRows> rows)
      : CpuPrimitive(stream, "DrawTokens"), rows_(std::move(rows)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    std::for_each(out.begin(), out.end(), allocate);
    const Destination to{
        out[0].data<int32_t>(), out[1].data<int32_t>(),
        out.size() > 2 ? out[2].data<float>() : nullptr};
    encoder(in, out).dispatch([logits = RowMajor(in[0]), vocab = in[0].shape(1),
                               rows = rows_, to]() mutable {
      draw_all(static_cast<const float*>(logits.data()), vocab, *rows, to);
    });
  }

 private:
  std::shared_ptr<const DrawRows> rows_;
};

Draws draw_on_cpu(
    const mx::array& logits, std::shared_ptr<const DrawRows> rows) {
  const int count = static_cast<int>(rows->size());
  std::vector<mx::Shape> shapes{{count}, {count}};
  std::vector<mx::Dtype> types{mx::int32, mx::int32};
  if (const int processed = processed_rows(*rows)) {
    shapes.push_back({processed, logits.shape(1)});
    types.push_back(mx::float32);
  }
  auto out = mx::array::make_arrays(
      shapes, types,
      std::make_shared<DrawTokens>(kernel_stream(), std::move(rows)), {logits});
  Draws draws{out[0], out[1]};
  if (out.size() > 2) {
    draws.processed = out[2];
  }
  return draws;
}

} // namespace

Draws draw(const mx::array& logits, std::shared_ptr<const DrawRows> rows) {
  return on_cpu(kernel_stream()) ? draw_on_cpu(logits, std::move(rows))
                                 : draw_reference(logits, *rows);
}

} // namespace parallm
