#pragma once

#include <mlx/mlx.h>

#include "kernels/kv_write/kv_rows.h"

// Rows to store, as inputs of a primitive. Engine thread only.
namespace parallm {

namespace mx = mlx::core;

// Throws CheckFailed unless rows of this shape fit the pool and the slots.
void check_kv_write(
    const mx::array& pool, const mx::Shape& rows, const mx::array& slots);

// Once they are evaluated; nobody has said yet where rows and slots are.
KvWriteArgs kv_write_args(
    mx::array& pool, mx::Dtype row_type, const mx::array& slots);

} // namespace parallm
