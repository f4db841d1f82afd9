#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

// Models that also see, of which we take the text part: a family's config.json
// within text_config, and its weights under language_model.
namespace parallm {
namespace {

void keep_text(Checkpoint& ck, const ArchSpec&) {
  constexpr auto kWhy = "images are not read";
  for (const char* part : {"vision_tower", "multi_modal_projector"}) {
    leave_out(ck, part, kWhy);
    leave_out(ck, std::string("model.") + part, kWhy);
  }
  rename_prefix(ck, "model.language_model.", "model.");
  rename_prefix(ck, "language_model.", "");
}

ArchSpec read_text(const ConfigJson& json, ReadFamily read) {
  ArchSpec spec = read(json.object("text_config"));
  spec.quantization = Quantization::read(json, "language_model.");
  spec.tidy.insert(spec.tidy.begin(), keep_text);
  return spec;
}

} // namespace

ArchSpec read_gemma3(const ConfigJson& json) {
  return read_text(json, read_gemma3_text);
}

ArchSpec read_mistral3(const ConfigJson& json) {
  const ConfigJson text = json.object("text_config");
  return read_text(
      json, text.text_or("model_type", "mistral") == "ministral3"
                ? read_ministral3
                : read_mistral);
}

} // namespace parallm
