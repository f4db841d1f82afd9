#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "nn/gguf/gguf_reader.h"

namespace parallm {

// A value of the metadata. Whole numbers are int64, those beyond it doubles.
// Lists of lists, which no key of ours has, are checked and forgotten.
using GgufValue = std::variant<
    std::monostate,
    bool,
    int64_t,
    double,
    std::string,
    std::vector<int64_t>,
    std::vector<double>,
    std::vector<std::string>>;

// From where the value's type stands. Throws StartError that names the file,
// and what the reader is about. One thread.
GgufValue read_gguf_value(GgufReader& in);

} // namespace parallm
