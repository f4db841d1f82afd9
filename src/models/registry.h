#pragma once

#include "models/arch_spec.h"
#include "nn/config_json.h"

namespace parallm {

// One line a family: the model_type of config.json, and who reads that.
#define PARALLM_FAMILIES(FAMILY)                    \
  FAMILY("cohere", read_cohere)                     \
  FAMILY("cohere2", read_cohere2)                   \
  FAMILY("deepseek_v2", read_deepseek_v2)           \
  FAMILY("deepseek_v3", read_deepseek_v3)           \
  FAMILY("ernie4_5", read_ernie4_5)                 \
  FAMILY("exaone4", read_exaone4)                   \
  FAMILY("gemma", read_gemma)                       \
  FAMILY("gemma2", read_gemma2)                     \
  FAMILY("gemma3", read_gemma3)                     \
  FAMILY("gemma3_text", read_gemma3_text)           \
  FAMILY("glm4", read_glm4)                         \
  FAMILY("glm4_moe", read_glm4_moe)                 \
  FAMILY("gpt_neox", read_gpt_neox)                 \
  FAMILY("gpt_oss", read_gpt_oss)                   \
  FAMILY("granite", read_granite)                   \
  FAMILY("granitemoe", read_granitemoe)             \
  FAMILY("granitemoehybrid", read_granitemoehybrid) \
  FAMILY("internlm3", read_internlm3)               \
  FAMILY("iquestcoder", read_llama_family)          \
  FAMILY("kimi_k2", read_deepseek_v3)               \
  FAMILY("lfm2", read_lfm2)                         \
  FAMILY("llama", read_llama_family)                \
  FAMILY("mamba2", read_mamba2)                     \
  FAMILY("minicpm", read_minicpm)                   \
  FAMILY("ministral3", read_ministral3)             \
  FAMILY("mistral", read_mistral)                   \
  FAMILY("mistral3", read_mistral3)                 \
  FAMILY("mixtral", read_mixtral)                   \
  FAMILY("nemotron_h", read_nemotron_h)             \
  FAMILY("olmo2", read_olmo2)                       \
  FAMILY("olmo3", read_olmo3)                       \
  FAMILY("olmoe", read_olmoe)                       \
  FAMILY("phi", read_phi)                           \
  FAMILY("phi3", read_phi3)                         \
  FAMILY("phimoe", read_phimoe)                     \
  FAMILY("qwen2", read_qwen2)                       \
  FAMILY("qwen2_moe", read_qwen2_moe)               \
  FAMILY("qwen3", read_qwen3)                       \
  FAMILY("qwen3_moe", read_qwen3_moe)               \
  FAMILY("qwen3_next", read_qwen3_next)             \
  FAMILY("seed_oss", read_seed_oss)                 \
  FAMILY("smollm3", read_smollm3)                   \
  FAMILY("stablelm", read_stablelm)                 \
  FAMILY("starcoder2", read_starcoder2)             \
  FAMILY("xverse", read_llama_family)

// Each reads config.json by its family's rules. Any thread. Throws StartError
// that names the key.
#define PARALLM_DECLARE(model_type, read) ArchSpec read(const ConfigJson& json);
PARALLM_FAMILIES(PARALLM_DECLARE)
#undef PARALLM_DECLARE

using ReadFamily = ArchSpec (*)(const ConfigJson&);

// By the family that model_type names. Unknown: StartError that lists the
// known. Any thread.
ArchSpec read_arch(const ConfigJson& config);

} // namespace parallm
