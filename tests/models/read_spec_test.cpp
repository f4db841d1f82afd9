#include "models/read_spec.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "base/check.h"
#include "models/registry.h"
#include "nn/rope.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

namespace json = boost::json;

// A small Llama's config.json with some keys replaced.
json::object config(const json::object& changes = {}) {
  json::object result = {
      {"model_type", "llama"},
      {"hidden_size", 64},
      {"intermediate_size", 96},
      {"num_hidden_layers", 2},
      {"num_attention_heads", 4},
      {"num_key_value_heads", 2},
      {"vocab_size", 100},
      {"rms_norm_eps", 1e-5},
      {"max_position_embeddings", 256}};
  for (const auto& change : changes) {
    result[change.key()] = change.value();
  }
  return result;
}

ArchSpec read(const json::object& changes = {}) {
  test::TemporaryFolder folder;
  folder.write("config.json", json::serialize(config(changes)));
  return read_arch(ConfigJson::read(folder.path() / "config.json"));
}

const GqaSpec& attention(const ArchSpec& spec, int layer = 0) {
  return std::get<GqaSpec>(spec.layers[layer].mixer);
}

std::vector<int> windows(const ArchSpec& spec) {
  std::vector<int> all;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    all.push_back(attention(spec, static_cast<int>(i)).window);
  }
  return all;
}

// The complaint without the file's path, or "accepted".
std::string complaint(const json::object& changes) {
  try {
    read(changes);
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    const std::string what = error.what();
    EXPECT_EQ(what.find('\n'), std::string::npos);
    return what.substr(what.find("config.json: ") + 13);
  }
  return "accepted";
}

TEST(ReadSpec, FillsInWhatIsLeftOut) {
  const auto c = read();
  EXPECT_EQ(attention(c).head_dim, 16);
  EXPECT_EQ(windows(c), (std::vector<int>{0, 0}));
  EXPECT_FALSE(c.tied_head);
  EXPECT_FALSE(attention(c).qkv_bias);
  EXPECT_FALSE(c.quantization.present());
  EXPECT_EQ(attention(c).rope->theta, 10000);
  EXPECT_EQ(attention(c).rope->scaling, RopeSpec::Scaling::kNone);
  EXPECT_EQ(attention(read({{"num_key_value_heads", nullptr}})).kv_heads, 4);
}

TEST(ReadSpec, NamesTheKeyThatIsWrong) {
  EXPECT_EQ(
      complaint({{"hidden_size", "64"}}),
      "hidden_size is \"64\", expected an integer from 1 to 1048576");
  EXPECT_EQ(
      complaint({{"num_hidden_layers", 0}}),
      "num_hidden_layers is 0, expected an integer from 1 to 4096");
  EXPECT_EQ(
      complaint({{"num_key_value_heads", 3}}),
      "num_key_value_heads is 3, expected a divisor of num_attention_heads, 4");
  EXPECT_EQ(
      complaint({{"hidden_size", 66}}),
      "hidden_size is 66, expected a multiple of num_attention_heads, 4");
  EXPECT_EQ(
      complaint({{"head_dim", 7}}),
      "head_dim turns 7 numbers of a head, expected an even number");
  EXPECT_EQ(
      complaint({{"num_attention_heads", 65536}, {"head_dim", 4096}}),
      "head_dim is 4096, expected at most 256 for 65536 heads");
  EXPECT_EQ(
      complaint({{"hidden_act", "gelu"}}),
      "hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(
      complaint({{"vocab_size", nullptr}}),
      "vocab_size is missing, expected an integer from 1 to 67108864");
  EXPECT_EQ(
      complaint({{"tie_word_embeddings", 1}}),
      "tie_word_embeddings is 1, expected true or false");
}

// Numbers that are in range each, and whose products would leave an int.
TEST(ReadSpec, RefusesLatentHeadsThatAreTooWideTogether) {
  const auto said_of = [](const json::object& changes) {
    json::object all = {
        {"model_type", "deepseek_v3"},
        {"num_attention_heads", 65536},
        {"num_key_value_heads", nullptr},
        {"kv_lora_rank", 64},
        {"qk_rope_head_dim", 64},
        {"qk_nope_head_dim", 64},
        {"v_head_dim", 64},
        {"n_routed_experts", 8},
        {"num_experts_per_tok", 2},
        {"moe_intermediate_size", 16}};
    for (const auto& change : changes) {
      all[change.key()] = change.value();
    }
    return complaint(all);
  };
  EXPECT_EQ(said_of({}), "accepted");
  EXPECT_EQ(
      said_of({{"qk_rope_head_dim", 65536}}),
      "qk_rope_head_dim is 65536, expected at most 256 for 65536 heads");
  EXPECT_EQ(
      said_of({{"qk_nope_head_dim", 193}}),
      "qk_nope_head_dim is 193, expected at most 192 for 65536 heads");
  EXPECT_EQ(
      said_of({{"kv_lora_rank", 193}}),
      "kv_lora_rank is 193, expected at most 192 for 65536 heads");
  EXPECT_EQ(
      said_of({{"v_head_dim", 257}}),
      "v_head_dim is 257, expected at most 256 for 65536 heads");
}

TEST(ReadSpec, RefusesSharedExpertsThatAreTooWideTogether) {
  const json::object wide = {
      {"model_type", "glm4_moe"},    {"n_routed_experts", 1 << 20},
      {"num_experts_per_tok", 2},    {"moe_intermediate_size", 1 << 20},
      {"n_shared_experts", 1 << 12}, {"first_k_dense_replace", 0}};
  EXPECT_EQ(
      complaint(wide),
      "n_shared_experts is 4096, expected an integer from 0 to 16");
}

TEST(ReadSpec, RefusesRopesItCannotTurn) {
  EXPECT_EQ(
      complaint({{"rope_scaling", {{"type", "spiral"}, {"factor", 2}}}}),
      "rope_scaling.type is \"spiral\", expected default, linear, llama3, "
      "yarn, longrope or dynamic");
  EXPECT_EQ(
      complaint({{"rope_scaling", {{"rope_type", "linear"}}}}),
      "rope_scaling.factor is missing, expected a number from 1e-06 to "
      "1000000");
  EXPECT_EQ(
      complaint({{"partial_rotary_factor", 0.2}}),
      "partial_rotary_factor turns 3 numbers of a head, expected an even "
      "number");
  EXPECT_EQ(
      complaint(
          {{"rope_scaling",
            {{"type", "longrope"}, {"long_factor", {1.0, 2.0}}}}}),
      "rope_scaling.long_factor has 2 numbers, expected 8, one a pair of the "
      "16 turned");
}

TEST(ReadSpec, ReadsRopeParametersOfNewerFiles) {
  const auto c = read(
      {{"rope_parameters",
        {{"rope_theta", 5e5}, {"rope_type", "linear"}, {"factor", 4}}}});
  const auto& rope = *attention(c).rope;
  EXPECT_EQ(rope.theta, 5e5);
  EXPECT_EQ(rope.factor, 4);
  EXPECT_EQ(rope.scaling, RopeSpec::Scaling::kLinear);
}

const json::object kLlama3 = {
    {"rope_type", "llama3"},
    {"factor", 32},
    {"low_freq_factor", 1},
    {"high_freq_factor", 4},
    {"original_max_position_embeddings", 4096}};

TEST(ReadSpec, MergesOldAndNewRopeSettings) {
  auto rope = *attention(read(
                             {{"rope_scaling", kLlama3},
                              {"rope_parameters", {{"rope_theta", 5e5}}}}))
                   .rope;
  EXPECT_EQ(rope.theta, 5e5);
  EXPECT_EQ(rope.factor, 32);
  EXPECT_EQ(rope.scaling, RopeSpec::Scaling::kLlama3);
  rope = *attention(read(
                        {{"rope_theta", 7e5},
                         {"rope_scaling", {{"factor", 8}}},
                         {"rope_parameters", kLlama3}}))
              .rope;
  EXPECT_EQ(rope.theta, 7e5);
  EXPECT_EQ(rope.factor, 8); // the older goes first
  EXPECT_EQ(rope.original_positions, 4096);
  rope = *attention(read(
                        {{"rope_theta", 7e5},
                         {"rope_parameters", {{"rope_theta", 5e5}}}}))
              .rope;
  EXPECT_EQ(rope.theta, 5e5);
}

TEST(ReadSpec, RefusesRopeSettingsThatWouldBeLost) {
  EXPECT_EQ(
      complaint(
          {{"rope_parameters",
            {{"full_attention", {{"rope_theta", 5e5}}},
             {"sliding_attention", {{"rope_theta", 1e4}}}}}}),
      "rope_parameters has settings for full_attention, expected one set for "
      "all layers");
  EXPECT_EQ(
      complaint({{"rope_scaling", {{"factor", 8}}}}),
      "rope_scaling.factor is 8, expected 1, as the type is default");
  EXPECT_EQ(
      complaint(
          {{"rope_scaling",
            {{"type", "linear"}, {"rope_type", "llama3"}, {"factor", 8}}}}),
      "rope_scaling.type is \"linear\", expected llama3, as rope_type");
  EXPECT_EQ(
      complaint({{"rope_parameters", {{"llama_4_scaling_beta", 0.1}}}}),
      "rope_parameters.llama_4_scaling_beta is not a known setting");
  EXPECT_EQ(
      complaint({{"rope_scaling", 2}}),
      "rope_scaling is 2, expected an object");
}

TEST(ReadSpec, SlidesWhereLayersSaySoAndInEveryMistral) {
  EXPECT_EQ(
      windows(read({{"model_type", "mistral"}, {"sliding_window", 32}})),
      (std::vector<int>{32, 32}));
  EXPECT_EQ(windows(read({{"sliding_window", 32}})), (std::vector<int>{0, 0}));
  const json::array types = {"sliding_attention", "full_attention"};
  EXPECT_EQ(
      windows(read({{"sliding_window", 32}, {"layer_types", types}})),
      (std::vector<int>{32, 0}));
  EXPECT_EQ(
      complaint({{"layer_types", types}}),
      "sliding_window is missing, expected an integer from 1 to 134217728");
  EXPECT_EQ(
      complaint({{"layer_types", {"full_attention"}}}),
      "layer_types has 1 entries, expected 2");
}

TEST(ReadSpec, GemmaHasARopeForEachTypeOfLayer) {
  const json::object sliding = {{"rope_type", "default"}, {"rope_theta", 1e4}};
  const json::object full = {
      {"rope_type", "linear"}, {"rope_theta", 1e6}, {"factor", 8}};
  const auto spec = read(
      {{"model_type", "gemma3_text"},
       {"sliding_window_pattern", 2},
       {"rope_parameters",
        {{"sliding_attention", sliding}, {"full_attention", full}}}});
  const auto rope = [&](int layer) { return *attention(spec, layer).rope; };
  EXPECT_EQ(windows(spec), (std::vector<int>{512, 0}));
  EXPECT_EQ(rope(0).theta, 1e4);
  EXPECT_EQ(rope(0).scaling, RopeSpec::Scaling::kNone);
  EXPECT_EQ(rope(1).theta, 1e6);
  EXPECT_EQ(rope(1).factor, 8);
}

TEST(ReadSpec, ExaoneIsBlindToPositionsWhereItSeesThemAll) {
  const json::array types = {"sliding_attention", "full_attention"};
  const auto spec = read(
      {{"model_type", "exaone4"},
       {"sliding_window", 32},
       {"layer_types", types}});
  EXPECT_EQ(windows(spec), (std::vector<int>{32, 0}));
  EXPECT_TRUE(attention(spec, 0).rope);
  EXPECT_FALSE(attention(spec, 1).rope);
}

TEST(ReadSpec, ExaoneSlidesByLettersOrByANumber) {
  const auto of = [](const json::value& pattern) {
    return json::object{
        {"model_type", "exaone4"},
        {"sliding_window", 32},
        {"sliding_window_pattern", pattern}};
  };
  EXPECT_EQ(windows(read(of("GL"))), (std::vector<int>{0, 32}));
  EXPECT_EQ(windows(read(of(2))), (std::vector<int>{32, 0}));
  EXPECT_EQ(windows(read(of(0))), (std::vector<int>{0, 0}));
  EXPECT_TRUE(attention(read(of(0))).rope);
  EXPECT_EQ(
      complaint(of("LX")),
      "sliding_window_pattern is \"LX\", expected the letters L and G");
}

TEST(ReadSpec, NeoXTakesTheUsualRopeKeysOfNewerFiles) {
  const auto spec = read(
      {{"model_type", "gpt_neox"},
       {"rope_parameters",
        {{"rope_theta", 5000}, {"partial_rotary_factor", 0.5}}}});
  const auto& a = attention(spec);
  EXPECT_EQ(a.rope->theta, 5000);
  EXPECT_EQ(a.rope->width, a.head_dim / 2);
  const auto mixed = read(
      {{"model_type", "gpt_neox"},
       {"rotary_pct", 1},
       {"rope_parameters", {{"rope_theta", 5000}}}});
  EXPECT_EQ(attention(mixed).rope->width, a.head_dim);
}

TEST(ReadSpec, ANullCapIsNone) {
  const json::object none = {
      {"model_type", "gemma2"}, {"attn_logit_softcapping", nullptr}};
  EXPECT_EQ(attention(read(none)).softcap, 0);
  EXPECT_EQ(read(none).logit_softcap, 30);
}

TEST(ReadSpec, RefusesWhatItWouldComputeOtherwise) {
  EXPECT_EQ(
      complaint(
          {{"model_type", "gemma3_text"},
           {"use_bidirectional_attention", true}}),
      "use_bidirectional_attention is true, expected false");
  EXPECT_EQ(
      complaint({{"model_type", "gpt_oss"}, {"swiglu_limit", 5}}),
      "swiglu_limit is 5, expected 7");
  EXPECT_EQ(
      complaint({{"model_type", "deepseek_v3"}, {"scoring_func", "softmax"}}),
      "scoring_func is \"softmax\", expected sigmoid");
  EXPECT_EQ(
      complaint({{"model_type", "deepseek_v2"}, {"scoring_func", "sigmoid"}}),
      "scoring_func is \"sigmoid\", expected softmax");
  EXPECT_EQ(
      complaint(
          {{"model_type", "deepseek_v3"},
           {"n_routed_experts", 8},
           {"num_experts_per_tok", 2},
           {"moe_intermediate_size", 32},
           {"n_group", 8}}),
      "n_group is 8, expected at most half of n_routed_experts, 8");
}

// Keys of a hybrid, replaced by changes.
json::object hybrid(json::object keys, const json::object& changes) {
  for (const auto& change : changes) {
    keys[change.key()] = change.value();
  }
  return keys;
}

json::object lfm2(const json::object& changes = {}) {
  return hybrid(
      {{"model_type", "lfm2"},
       {"block_ff_dim", 96},
       {"conv_L_cache", 3},
       {"full_attn_idxs", {1}}},
      changes);
}

json::object mamba2(const json::object& changes = {}) {
  return hybrid(
      {{"model_type", "mamba2"},
       {"num_heads", 6},
       {"head_dim", 8},
       {"n_groups", 2},
       {"state_size", 5},
       {"conv_kernel", 4}},
      changes);
}

json::object nemotron_h(const json::object& changes = {}) {
  return hybrid(
      {{"model_type", "nemotron_h"},
       {"hybrid_override_pattern", "M*"},
       {"mamba_num_heads", 6},
       {"mamba_head_dim", 8},
       {"n_groups", 2},
       {"ssm_state_size", 5},
       {"conv_kernel", 4}},
      changes);
}

json::object nemotron_h_moe(const json::object& changes = {}) {
  return hybrid(
      nemotron_h(
          {{"hybrid_override_pattern", "ME"},
           {"n_routed_experts", 8},
           {"num_experts_per_tok", 2},
           {"moe_intermediate_size", 16}}),
      changes);
}

json::object granite(const json::object& changes = {}) {
  return hybrid(
      {{"model_type", "granitemoehybrid"},
       {"embedding_multiplier", 12},
       {"residual_multiplier", 0.22},
       {"attention_multiplier", 0.0078125},
       {"logits_scaling", 8},
       {"layer_types", {"mamba", "attention"}},
       {"mamba_n_heads", 6},
       {"mamba_d_head", 8},
       {"mamba_n_groups", 1},
       {"mamba_d_state", 5},
       {"mamba_d_conv", 4}},
      changes);
}

json::object qwen3_next(const json::object& changes = {}) {
  return hybrid(
      {{"model_type", "qwen3_next"},
       {"full_attention_interval", 2},
       {"linear_num_key_heads", 2},
       {"linear_num_value_heads", 4},
       {"linear_key_head_dim", 8},
       {"linear_value_head_dim", 8},
       {"linear_conv_kernel_dim", 4}},
      changes);
}

TEST(ReadSpec, CountsTheStatesOfASequence) {
  const auto some = read(lfm2());
  EXPECT_EQ(states_of(some.layers[0].mixer), std::vector<int>{2 * 64});
  EXPECT_FALSE(keeps_kv(some.layers[0].mixer));
  EXPECT_TRUE(states_of(some.layers[1].mixer).empty());
  EXPECT_TRUE(keeps_kv(some.layers[1].mixer));
  // Of the scan: 5 numbers a state, rounded up to 16.
  EXPECT_EQ(
      states_of(read(mamba2()).layers[0].mixer),
      (std::vector<int>{3 * (48 + 2 * 2 * 5), 6 * 8 * 16}));
}

// Two thirds, rounded up to a multiple, unless the file says otherwise.
TEST(ReadSpec, AdjustsTheWidthOfFeedForwardPartsAsLfm2Does) {
  const auto width = [](const json::object& changes) {
    return std::get<MlpSpec>(read(lfm2(changes)).layers[0].feed_forward).width;
  };
  EXPECT_EQ(width({}), 256);
  EXPECT_EQ(width({{"block_ff_dim", 12288}}), 8192);
  EXPECT_EQ(width({{"block_multiple_of", 5}}), 65);
  EXPECT_EQ(width({{"block_auto_adjust_ff_dim", false}}), 96);
}

TEST(ReadSpec, NamesTheKeyThatIsWrongInAHybrid) {
  EXPECT_EQ(
      complaint(lfm2({{"full_attn_idxs", {2}}})),
      "full_attn_idxs is [2], expected numbers from 0 to 1");
  EXPECT_EQ(
      complaint(lfm2(
          {{"full_attn_idxs", nullptr}, {"layer_types", {"conv", "mamba"}}})),
      "layer_types is [\"conv\",\"mamba\"], expected a list of full_attention "
      "and conv");
  EXPECT_EQ(
      complaint(lfm2({{"conv_L_cache", 1}})),
      "conv_L_cache is 1, expected an integer from 2 to 1024");
  EXPECT_EQ(
      complaint(mamba2({{"n_groups", 4}})),
      "n_groups is 4, expected a divisor of num_heads, 6");
  EXPECT_EQ(
      complaint(mamba2({{"time_step_limit", {0.3, 0.1}}})),
      "time_step_limit is [3E-1,1E-1], expected the least and the most");
  EXPECT_EQ(
      complaint(nemotron_h({{"hybrid_override_pattern", "MX"}})),
      "hybrid_override_pattern is \"MX\", expected the letters M, *, - and E");
  EXPECT_EQ(
      complaint(nemotron_h({{"hybrid_override_pattern", "M*M"}})),
      "num_hidden_layers is 2, expected the layers named, 3");
  EXPECT_EQ(complaint(nemotron_h()), "accepted");
}

// Numbers that are in range each, and whose products would leave an int.
TEST(ReadSpec, RefusesStatesThatAreTooLarge) {
  const auto wide = [](const json::object& changes) {
    return complaint(hybrid(
        mamba2({{"num_heads", 16384}, {"head_dim", 1024}, {"n_groups", 1}}),
        changes));
  };
  EXPECT_EQ(wide({}), "accepted");
  EXPECT_EQ(
      wide({{"head_dim", 1025}}),
      "head_dim is 1025, expected at most 1024 for 16384 heads");
  EXPECT_EQ(
      wide({{"state_size", 112}}),
      "state_size is 112, expected an integer from 1 to 111");
  EXPECT_EQ(
      wide({{"conv_kernel", 129}}),
      "conv_kernel is 129, expected an integer from 2 to 128");
  EXPECT_EQ(
      complaint(qwen3_next(
          {{"linear_num_key_heads", 1024},
           {"linear_num_value_heads", 1024},
           {"linear_key_head_dim", 1024},
           {"linear_value_head_dim", 1024},
           {"linear_conv_kernel_dim", 1024}})),
      "linear_conv_kernel_dim is 1024, expected an integer from 2 to 683");
}

TEST(ReadSpec, RefusesFeedForwardPartsThatAreAdjustedTooWide) {
  EXPECT_EQ(
      complaint(lfm2(
          {{"block_ff_dim", 1 << 24}, {"block_ffn_dim_multiplier", 1000}})),
      "block_ff_dim is 16777216, adjusted 11184810240, expected from 1 to "
      "16777216 after that");
  EXPECT_EQ(
      complaint(lfm2({{"block_ff_dim", 1}})),
      "block_ff_dim is 1, adjusted 0, expected from 1 to 16777216 after that");
}

// mlx-lm clips time steps to [0.001, 100] where a Granite says nothing.
TEST(ReadSpec, AGraniteThatSaysNothingClipsNoTimeSteps) {
  const auto mixer = [](const json::object& changes) {
    return std::get<Mamba2Spec>(read(granite(changes)).layers[0].mixer);
  };
  EXPECT_EQ(mixer({}).least_dt, 0.0f);
  EXPECT_TRUE(std::isinf(mixer({}).most_dt));
  const json::object clipped = {{"time_step_limit", {0.001, 100.0}}};
  EXPECT_EQ(mixer(clipped).least_dt, 0.001f);
  EXPECT_EQ(mixer(clipped).most_dt, 100.0f);
}

TEST(ReadSpec, AGraniteTurnsHeadsForRopeAlone) {
  const auto turns = [](const json::object& changes) {
    return attention(read(granite(changes)), 1).rope.has_value();
  };
  EXPECT_TRUE(turns({{"position_embedding_type", "rope"}}));
  EXPECT_FALSE(turns({{"position_embedding_type", "nope"}}));
  EXPECT_FALSE(turns({{"position_embedding_type", nullptr}}));
  EXPECT_FALSE(turns({}));
  EXPECT_EQ(
      complaint(granite({{"position_embedding_type", "alibi"}})),
      "position_embedding_type is \"alibi\", expected rope or nope");
}

// By either key; its own goes first.
TEST(ReadSpec, AnLfm2IsTiedUnlessItSaysOtherwise) {
  const auto tied = [](const json::object& changes) {
    return read(lfm2(changes)).tied_head;
  };
  EXPECT_EQ(tied({}), true);
  EXPECT_EQ(tied({{"tie_word_embeddings", false}}), false);
  EXPECT_EQ(tied({{"tie_embedding", false}}), false);
  EXPECT_EQ(
      tied({{"tie_embedding", true}, {"tie_word_embeddings", false}}), true);
}

TEST(ReadSpec, QwenNextAttendsWhereLayersSaySo) {
  const auto attending = [](const json::object& changes) {
    const auto spec = read(qwen3_next(changes));
    return std::vector<bool>{
        keeps_kv(spec.layers[0].mixer), keeps_kv(spec.layers[1].mixer)};
  };
  EXPECT_EQ(attending({}), (std::vector<bool>{false, true}));
  EXPECT_EQ(
      attending({{"layer_types", {"full_attention", "linear_attention"}}}),
      (std::vector<bool>{true, false}));
  EXPECT_EQ(
      complaint(qwen3_next({{"layer_types", {"full_attention", "mamba"}}})),
      "layer_types is [\"full_attention\",\"mamba\"], expected a list of "
      "full_attention and linear_attention");
}

TEST(ReadSpec, RefusesFormulasOfHybridsThatItDoesNotKnow) {
  EXPECT_EQ(
      complaint(nemotron_h({{"mlp_hidden_act", "silu"}})),
      "mlp_hidden_act is \"silu\", expected relu2");
  EXPECT_EQ(
      complaint(nemotron_h({{"mamba_hidden_act", "gelu"}})),
      "mamba_hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(
      complaint(lfm2({{"block_use_swiglu", false}})),
      "block_use_swiglu is false, expected true");
  EXPECT_EQ(
      complaint(lfm2({{"use_pos_enc", false}})),
      "use_pos_enc is false, expected true");
  EXPECT_EQ(
      complaint(lfm2({{"hidden_act", "gelu"}})),
      "hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(
      complaint(mamba2({{"hidden_act", "gelu"}})),
      "hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(
      complaint(mamba2({{"rms_norm", false}})),
      "rms_norm is false, expected true");
  EXPECT_EQ(
      complaint(granite({{"hidden_act", "gelu"}})),
      "hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(
      complaint(granite({{"normalization_function", "layernorm"}})),
      "normalization_function is \"layernorm\", expected rmsnorm");
  EXPECT_EQ(
      complaint(qwen3_next({{"hidden_act", "gelu"}})),
      "hidden_act is \"gelu\", expected silu");
}

// Groups of one expert have no best two; those kept must do for a token.
TEST(ReadSpec, RefusesGroupsOfExpertsThatCannotBeChosenFrom) {
  EXPECT_EQ(
      complaint(nemotron_h_moe({{"n_group", 4}, {"topk_group", 2}})),
      "accepted");
  EXPECT_EQ(
      complaint(nemotron_h_moe({{"n_group", 8}, {"topk_group", 4}})),
      "n_group is 8, expected at most half of n_routed_experts, 8");
  EXPECT_EQ(
      complaint(nemotron_h_moe({{"n_group", 3}})),
      "n_group is 3, expected a divisor of n_routed_experts, 8");
  EXPECT_EQ(
      complaint(nemotron_h_moe(
          {{"n_group", 4}, {"topk_group", 1}, {"num_experts_per_tok", 3}})),
      "topk_group is 1, expected at least 2, as groups have 2 experts and a "
      "token visits 3");
}

TEST(ReadSpec, OneExpertAloneCountsByItsScore) {
  const auto normalizes = [](const json::object& changes) {
    const auto spec = read(nemotron_h_moe(changes));
    return std::get<MoeSpec>(spec.layers[1].feed_forward).router.normalize;
  };
  EXPECT_TRUE(normalizes({}));
  EXPECT_FALSE(normalizes({{"num_experts_per_tok", 1}}));
  EXPECT_FALSE(normalizes({{"norm_topk_prob", false}}));
}

TEST(Rope, ScalesFrequenciesAsLlama3Does) {
  const RopeSpec plain{.width = 64, .theta = 500000};
  RopeSpec scaled = plain;
  scaled.scaling = RopeSpec::Scaling::kLlama3;
  scaled.factor = 8;
  const auto before = rope_frequencies(plain);
  const auto after = rope_frequencies(scaled);
  EXPECT_EQ(after.front(), before.front());         // fast turns stay
  EXPECT_FLOAT_EQ(after.back(), before.back() / 8); // slow ones slow down
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_LE(after[i], before[i]);
    EXPECT_GE(after[i], before[i] / 8.0001f);
  }
}

} // namespace
} // namespace parallm
