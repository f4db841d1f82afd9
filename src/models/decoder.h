#pragma once

#include <memory>

#include "models/arch_spec.h"
#include "models/model.h"
#include "nn/checkpoint.h"

namespace parallm {

// Builds the model that a spec describes from a checkpoint's weights, on the
// checkpoint's thread. Throws StartError that names the tensor.
std::unique_ptr<Model> make_decoder(Checkpoint& checkpoint, const ArchSpec&);

} // namespace parallm
