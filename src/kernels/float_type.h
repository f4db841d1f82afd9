#pragma once

#include <mlx/mlx.h>

#include "base/check.h"
#include "kernels/floats.h"

// Plain values and functions without state: any thread.
namespace parallm {

inline FloatType float_type(mlx::core::Dtype dtype) {
  PARALLM_CHECK(
      dtype == mlx::core::float32 || dtype == mlx::core::float16 ||
          dtype == mlx::core::bfloat16,
      "kernels take f32, f16 and bf16");
  return dtype == mlx::core::float32   ? FloatType::kF32
         : dtype == mlx::core::float16 ? FloatType::kF16
                                       : FloatType::kBF16;
}

inline mlx::core::Dtype dtype_of(FloatType type) {
  return type == FloatType::kF32   ? mlx::core::float32
         : type == FloatType::kF16 ? mlx::core::float16
                                   : mlx::core::bfloat16;
}

} // namespace parallm
