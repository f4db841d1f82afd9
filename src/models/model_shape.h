#pragma once

#include "models/arch_spec.h"
#include "models/model.h"

namespace parallm {

// What the rest of the engine must know of a spec; `dtype` of the hidden
// states. Any thread.
ModelShape model_shape(const ArchSpec& spec, mx::Dtype dtype);

} // namespace parallm
