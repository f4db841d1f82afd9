#include "kernels/kv_write/kv_arrays.h"

#include <fmt/ranges.h>

#include "base/check.h"
#include "kernels/float_type.h"
#include "kernels/kv_write/stored_rows.h"

namespace parallm {

void check_kv_write(
    const mx::array& pool, const mx::Shape& rows, const mx::array& slots) {
  PARALLM_CHECK(
      pool.ndim() == 4 && slots.ndim() == 1 && slots.dtype() == mx::int32 &&
          rows ==
              (mx::Shape{slots.shape(0), pool.shape(1), stored_width(pool)}),
      "{} slots for rows ({})", slots.size(), fmt::join(rows, ", "));
}

KvWriteArgs kv_write_args(
    mx::array& pool, mx::Dtype row_type, const mx::array& slots) {
  return {
      .row_type = float_type(row_type),
      .count = slots.shape(0),
      .heads = pool.shape(1),
      .width = stored_width(pool),
      .pool = pool.data<char>(),
      .pool_type = stored_type_of(pool.dtype()),
      .blocks = static_cast<size_t>(pool.shape(0)),
      .block_tokens = pool.shape(2)};
}

} // namespace parallm
