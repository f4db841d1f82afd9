#include "api/fields.h"

namespace parallm {

namespace {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kApplied:
      return "applied";
    case Outcome::kInert:
      return "inert";
    case Outcome::kRefused:
      return "refused";
  }
  return "";
}

} // namespace

json::object field_json(const FieldInfo& info) {
  return {
      {"name", info.name},
      {"type", info.type},
      {"range", info.range},
      {"default", info.fallback},
      {"outcome", outcome_name(info.outcome)},
      {"required", info.required},
  };
}

} // namespace parallm
