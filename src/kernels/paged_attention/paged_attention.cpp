#include "kernels/paged_attention/paged_attention.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/paged_attention/attend.h"

namespace parallm {
namespace {

// inputs: q, key pool, value pool, tables, token rows, positions
class PagedAttentionCpu : public CpuPrimitive {
 public:
  PagedAttentionCpu(mx::Stream stream, const PagedAttentionOptions& options)
      : CpuPrimitive(stream, "parallm::PagedAttention"), options_(options) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch([args = args(in, out[0]), q = RowMajor(in[0]),
                               tables = RowMajor(in[3]), rows = RowMajor(in[4]),
                               positions = RowMajor(in[5])]() mutable {
      args.q = q.data();
      args.tables = static_cast<const int32_t*>(tables.data());
      args.token_rows = static_cast<const int32_t*>(rows.data());
      args.positions = static_cast<const int32_t*>(positions.data());
      attend(args);
    });
  }

 private:
  AttendArgs args(const std::vector<mx::array>& in, mx::array& out) const {
    const auto& q = in[0];
    const auto& pool = in[1];
    AttendArgs a;
    a.end_token = q.shape(0);
    a.heads = q.shape(1);
    a.kv_heads = pool.shape(2);
    a.width = q.shape(2);
    a.q_type = float_type(q.dtype());
    a.key_pool = in[1].data<char>();
    a.value_pool = in[2].data<char>();
    a.pool_type = float_type(pool.dtype());
    a.block_tokens = pool.shape(1);
    a.table_width = in[3].shape(1);
    a.scale = options_.scale;
    a.window = options_.window;
    a.out = out.data<char>();
    return a;
  }

  PagedAttentionOptions options_;
};

} // namespace

mx::array paged_attention(
    const mx::array& q,
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedStep& step,
    const PagedAttentionOptions& options) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return paged_attention_reference(q, key_pool, value_pool, step, options);
  }
  PARALLM_CHECK(
      q.ndim() == 3 && q.shape(1) % key_pool.shape(2) == 0 &&
          q.shape(2) == key_pool.shape(3) &&
          step.positions.shape() == mx::Shape{q.shape(0)} &&
          step.token_rows.shape() == step.positions.shape(),
      "attention of {} tokens, {} positions", q.shape(0),
      step.positions.size());
  return mx::array(
      q.shape(), q.dtype(),
      std::make_shared<PagedAttentionCpu>(stream, options),
      {q, key_pool, value_pool, step.tables, step.token_rows, step.positions});
}

} // namespace parallm
