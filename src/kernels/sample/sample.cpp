#include "kernels/sample/sample.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/array_text.h"
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

// Where each row's processed values go; null for a row that wants none.
std::vector<float*> processed_places(
    const DrawRows& rows, int vocab, float* next) {
  std::vector<float*> places;
  for (const DrawRow& row : rows) {
    places.push_back(row.wants_processed ? next : nullptr);
    next += row.wants_processed ? vocab : 0;
  }
  return places;
}

void draw_all(
    const float* logits, int vocab, const DrawRows& rows, Destination to) {
  const auto processed = processed_places(rows, vocab, to.processed);
  for_rows(static_cast<int>(rows.size()), [&](int r, KernelPool* pool) {
    const auto at = static_cast<size_t>(r);
    const auto drawn = draw_row(
        {.logits = logits + at * static_cast<size_t>(vocab),
         .vocab = vocab,
         .pool = pool},
        rows[at], processed[at]);
    to.ids[r] = drawn.id;
    to.status[r] = static_cast<int32_t>(drawn.status);
  });
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
  PARALLM_CHECK(
      logits.ndim() == 2 && logits.shape(0) == count &&
          logits.dtype() == mx::float32,
      "draws from logits {}, expected float32 ({}, V)", array_text(logits),
      count);
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
