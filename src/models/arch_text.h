#pragma once

#include <vector>

#include "base/report.h"
#include "models/arch_spec.h"

namespace parallm {

// What a decoder is made of, for people: "attention" and "8 heads of 64, 2 of
// keys and values", and how many layers are so, where they differ. Any thread.
std::vector<ReportLine> text_of(const ArchSpec& spec);

} // namespace parallm
