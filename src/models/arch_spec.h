#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernels/activation/activation_kind.h"
#include "kernels/expert_choice/choice_rule.h"
#include "kernels/gated_delta/delta_shape.h"
#include "kernels/selective_scan/scan_shape.h"
#include "nn/norm_spec.h"
#include "nn/quantization.h"
#include "nn/rope_spec.h"

// What a decoder is made of, as a value: a family reads its config.json into
// an ArchSpec, and Decoder builds the model from that. Nothing here is a
// family's name; whatever a family does otherwise than Llama is a field.
// Letters: E width, H query heads, G key/value heads, D head width, F width of
// the feed-forward part, V vocabulary.
// Plain values and functions without state: any thread.
namespace parallm {

class Checkpoint;

// What is brought to one size before queries meet keys.
enum class QkNorm : uint8_t {
  kNone,
  kHead,     // each head, by one weight (D)
  kWhole,    // all heads together, by a weight (H * D)
  kEachHead, // each head, by its own weight (H, D); LayerNorm without bias
};

// How the checkpoint holds the projections to queries, keys and values.
enum class QkvLayout : uint8_t {
  kApart,
  kJoined, // one matrix: all queries, all keys, all values
  kByHead, // one matrix: the query, key and value of a head, head by head
};

// Queries grow with the position p: times 1 + beta ln(1 + floor(p / period)).
struct QueryGrowth {
  float beta = 0;
  int period = 1; // positions
};

// Grouped-query attention; G = H is multi-head, G = 1 multi-query attention.
struct GqaSpec {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  float scale = 1;   // of scores
  float softcap = 0; // of scores: c tanh(s / c); 0: none
  int window = 0;    // 0: all earlier positions; W: the last W, itself included
  std::optional<RopeSpec> rope{}; // none: blind to positions
  std::optional<QueryGrowth> growth{};
  QkvLayout layout = QkvLayout::kApart;
  QkNorm qk_norm = QkNorm::kNone;
  bool qkv_bias = false;
  bool out_bias = false;
  bool sinks = false; // a score per head that takes its share of each softmax
  bool gated = false; // a head's result times sigmoid of a gate, which comes
                      // behind its query
};

// Multi-head latent attention (DeepSeek-V2, 2024): keys and values of all
// heads are one short vector, the latent, and one rotated key. In absorbed
// form queries and results are moved into the latent's space, so that the
// cache holds latents only.
struct MlaSpec {
  int heads = 0;
  int query_rank = 0;  // 0: queries come from E directly
  int latent = 0;      // width of the latent
  int rope_width = 0;  // of a query and key: the rotated part
  int plain_width = 0; // the rest
  int value_width = 0; // of a head's result
  float scale = 1;
  RopeSpec rope{};
  bool bias = false; // of the projections down, and out
};

// Parts that keep a state instead of keys and values; all begin with a
// convolution over time, causal_conv, of `taps` tokens.

// out(C * conv(B * x)), where B, C and x are one projection (LFM2, 2025).
struct ShortConvSpec {
  int width = 0; // of each of the three
  int taps = 0;
  bool bias = false; // of the convolution and the projections
};

// Mamba-2: a selective scan whose result is gated, then brought to one size.
struct Mamba2Spec {
  ScanShape scan{};
  int taps = 0;
  float least_dt = 0;
  float most_dt = 0;   // may be infinite
  int norm_groups = 1; // whose sizes are taken apart
  bool bias = false;   // of the projections
  bool conv_bias = false;
};

// A gated delta rule whose heads are brought to one size, then gated
// (Qwen3-Next, 2025).
struct GatedDeltaSpec {
  DeltaShape delta{};
  int taps = 0;
};

// What brings a token together with those before it; monostate: nothing does.
using MixerPart = std::variant<
    GqaSpec,
    MlaSpec,
    ShortConvSpec,
    Mamba2Spec,
    GatedDeltaSpec,
    std::monostate>;

struct MlpSpec {
  int width = 0; // F
  Activation activation = Activation::kSilu;
  bool gated = true;   // down(act(gate(x)) * up(x)), else down(act(up(x)))
  bool joined = false; // gate and up are one matrix, gate first
  bool bias = false;
};

// Which experts a token visits, and what each counts.
struct RouterSpec : ChoiceRule {
  bool bias = false;
  bool correction = false; // a bias that decides who is chosen, no more
};

struct MoeSpec {
  int experts = 0;
  int per_token = 0;
  int width = 0; // F of one expert
  RouterSpec router{};
  Activation activation = Activation::kSilu;
  bool gated = true;    // as in MlpSpec
  bool clipped = false; // SwiGLU of gpt-oss: clipped, and up + 1
  bool bias = false;
  int latent = 0;                  // > 0: experts work in a space of this width
  bool latent_bias = false;        // of the ways there and back
  std::optional<MlpSpec> shared{}; // an expert that every token visits
  bool shared_gate = false;        // times sigmoid(gate(x))
};

// monostate: none.
using FeedForwardPart = std::variant<MlpSpec, MoeSpec, std::monostate>;

struct LayerSpec {
  MixerPart mixer{};
  FeedForwardPart feed_forward{};
};

// What modules are called in the checkpoint, as mlx-lm names them; empty: the
// family has no such module. {} is the layer's number.
struct ModuleNames {
  std::string embedding = "model.embed_tokens";
  std::string layer = "model.layers.{}.";
  std::string norm = "model.norm";
  std::string head = "lm_head";
  // within a layer
  std::string attention_norm = "input_layernorm"; // of what the mixer reads
  std::string attended_norm = "";                 // of what it gives
  std::string mlp_norm = "post_attention_layernorm";
  std::string mlp_done_norm = "";
  std::string attention = "self_attn.";
  std::string recurrent = "mamba."; // mixers that keep a state
  std::string mlp = "mlp.";
  // within attention
  std::string q = "q_proj", k = "k_proj", v = "v_proj", o = "o_proj";
  std::string qkv = "qkv_proj";
  std::string q_norm = "q_norm", k_norm = "k_norm";
  // within the feed-forward part
  std::string gate = "gate_proj", up = "up_proj", down = "down_proj";
  std::string gate_up = "gate_up_proj";
  std::string router = "gate", experts = "switch_mlp.";
  std::string expert_gate = "gate_proj", expert_up = "up_proj";
  std::string expert_down = "down_proj";
  std::string latent_in = "fc1_latent_proj", latent_out = "fc2_latent_proj";
  std::string shared = "shared_expert.", shared_gate = "shared_expert_gate";
};

struct ArchSpec {
  std::string model_type{};
  int width = 0; // E
  int vocab = 0; // V
  int max_positions = 0;
  std::vector<LayerSpec> layers{};
  NormSpec norm{};
  bool parallel = false;     // mixer and feed-forward read the same x
  float residual_scale = 1;  // of what a part adds to x
  float embedding_scale = 1; // of token vectors
  float logit_scale = 1;
  float logit_softcap = 0;         // 0: none
  std::optional<bool> tied_head{}; // unset: tied if there is no head
  bool head_bias = false;
  ModuleNames names{};
  Quantization quantization{};
  // Bring other layouts of the same weights into ours, one after the other.
  std::vector<void (*)(Checkpoint&, const ArchSpec&)> tidy{};
};

// Whether a part keeps keys and values for every token.
bool keeps_kv(const MixerPart& mixer);

// Floats that a part keeps for every sequence, in each of its states.
std::vector<int> states_of(const MixerPart& mixer);

// Numbers of the model's type that a layer keeps alive for each token of a
// step, at most: the residual stream and its norms, and what one part makes,
// since the mixer's are gone when the feed-forward part runs.
size_t floats_per_token(const ArchSpec& spec);

// The widest result of one linear layer.
int widest(const ArchSpec& spec);

} // namespace parallm
