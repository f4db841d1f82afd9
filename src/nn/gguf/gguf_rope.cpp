#include "nn/gguf/gguf_rope.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/gguf/gguf_keys.h"
#include "nn/gguf/gguf_names.h"

namespace parallm {
namespace {

namespace json = boost::json;

constexpr int64_t kMostPositions = 1 << 30;
constexpr double kLeastFactor = 1e-6, kMostFactor = 1e6;

class RopeReader {
 public:
  RopeReader(
      const GgufFile& file, const std::string& architecture, int64_t head_dim)
      : file_(file),
        keys_(file),
        architecture_(architecture),
        head_dim_(head_dim) {}

  json::object read() {
    const std::string type = scaling_type();
    if (type == "linear") {
      scale_rope_linearly("rope.scaling.factor");
    } else if (type == "yarn") {
      scale_rope(yarn());
    } else if (type != "none") {
      keys_.refuse(
          key("rope.scaling.type"),
          fmt::format("is {}, expected none, linear or yarn", type));
    }
    if (has_setting("rope.scale_linear")) {
      scale_rope_linearly("rope.scale_linear");
    }
    if (const GgufTensor* tensor = file_.find(kRopeFactors)) {
      scale_rope_by(*tensor);
    }
    return std::move(scaling_);
  }

 private:
  std::string key(const std::string& name) const {
    return architecture_ + "." + name;
  }

  bool has_setting(const std::string& name) const {
    return keys_.has(key(name));
  }

  int64_t positions(const std::string& name) const {
    return keys_.integer(key(name), 1, kMostPositions);
  }

  double factor(const std::string& name) const {
    return keys_.number(key(name), kLeastFactor, kMostFactor);
  }

  // By the format, a factor of no type is a linear one.
  std::string scaling_type() const {
    if (has_setting("rope.scaling.type")) {
      return keys_.text(key("rope.scaling.type"));
    }
    return has_setting("rope.scaling.factor") ? "linear" : "none";
  }

  void scale_rope_linearly(const char* name) {
    const double by = factor(name);
    if (by != 1) {
      scale_rope({{"rope_type", "linear"}, {"factor", by}});
    }
  }

  json::object yarn() const {
    json::object scaling{
        {"rope_type", "yarn"},
        {"factor", factor("rope.scaling.factor")},
        {"original_max_position_embeddings",
         positions("rope.scaling.original_context_length")}};
    for (const char* beta : {"beta_fast", "beta_slow"}) {
      const auto name = fmt::format("rope.scaling.yarn_{}", beta);
      if (has_setting(name)) {
        scaling[beta] = factor(name);
      }
    }
    return scaling;
  }

  void scale_rope(const json::object& scaling) {
    if (!scaling_.empty()) {
      keys_.refuse(key("rope"), "is scaled in two ways, expected one");
    }
    scaling_ = scaling;
  }

  std::vector<float> read_floats(const GgufTensor& tensor) const {
    std::vector<float> numbers(tensor.bytes / sizeof(float));
    try {
      MappedFile(file_.path, file_.stamp)
          .read(tensor.begin, numbers.data(), tensor.bytes);
    } catch (const std::system_error& error) {
      keys_.refuse(
          "tensor " + tensor.name,
          fmt::format("cannot be read: {}", error.what()));
    }
    return numbers;
  }

  void expect_floats(const GgufTensor& tensor, size_t count) const {
    if (tensor.type != GgufType::kF32 || tensor.shape.size() != 1 ||
        tensor.bytes != count * sizeof(float)) {
      keys_.refuse(
          "tensor " + tensor.name, fmt::format(
                                       "has {} bytes, expected {} of F32",
                                       tensor.bytes, count * sizeof(float)));
    }
  }

  void expect_factors(
      const GgufTensor& tensor, const std::vector<float>& factors) const {
    for (const float by : factors) {
      if (!(by >= kLeastFactor && by <= kMostFactor)) {
        keys_.refuse(
            "tensor " + tensor.name, fmt::format(
                                         "has the factor {}, expected {} to {}",
                                         by, kLeastFactor, kMostFactor));
      }
    }
  }

  // Llama 3.1's scaling, worked out: each pair of a head turns so much slower.
  void scale_rope_by(const GgufTensor& tensor) {
    expect_floats(tensor, static_cast<size_t>(head_dim_ / 2));
    const auto factors = read_floats(tensor);
    expect_factors(tensor, factors);
    scale_rope(
        {{"rope_type", "longrope"},
         {"long_factor", json::array(factors.begin(), factors.end())},
         {"long_mscale", 1.0},
         {"original_max_position_embeddings", positions("context_length")}});
  }

  const GgufFile& file_;
  GgufKeys keys_;
  std::string architecture_;
  int64_t head_dim_;
  json::object scaling_{};
};

} // namespace

json::object gguf_rope_scaling(
    const GgufFile& file, const std::string& architecture, int64_t head_dim) {
  return RopeReader(file, architecture, head_dim).read();
}

} // namespace parallm
