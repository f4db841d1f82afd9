#include <algorithm>

#include "config/schema.h"

namespace parallm {

namespace {

constexpr double kKi = 1024;
constexpr double kMi = kKi * kKi;
constexpr double kGi = kMi * kKi;
constexpr double kMostBytes = 1024 * 1024 * kGi;
constexpr double kDay = 86'400; // seconds

bool is_set(std::string_view text) {
  return !text.empty();
}

bool is_host(std::string_view text) {
  if (text.starts_with("unix:")) {
    return text != "unix:";
  }
  return !text.empty() && text.front() != '-' &&
         text.find_first_of(" \t/") == text.npos;
}

// "*", or scheme://host[:port] as browsers send it.
bool is_origin(std::string_view text) {
  const size_t colon = text.find("://");
  return text == "*" || text == "null" ||
         (colon != text.npos && colon > 0 && colon + 3 < text.size() &&
          text.find_first_of("/ ", colon + 3) == text.npos);
}

bool is_metric_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == ':';
  };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return text.empty() ||
         (letter(text.front()) && std::ranges::all_of(text, fits));
}

constexpr TextForm kSet{is_set, "a text that is not empty"};
constexpr TextForm kHost{is_host, "a name, an address, or unix:PATH"};
constexpr TextForm kOrigin{
    is_origin, "* or an origin like https://example.org:8443"};
constexpr TextForm kMetricName{
    is_metric_name, "letters, digits, _ and :, and no digit in front"};

using enum SettingGroup;
constexpr Status kLater = Status::kLater;
constexpr Status kNoEffect = Status::kNoEffect;

// The one list. A new setting is a member in server_config.h and a line here.
// clang-format off
constexpr Setting kSettings[] = {
    {.name = "model-path", .group = kModel, .slot = at<&ModelSettings::path>(), .value = "PATH",
     .help = "folder of the MLX checkpoint to serve; without it: the built-in parallm-tiny", .form = &kSet},
    {.name = "model-alias", .group = kModel, .slot = at<&ModelSettings::aliases>(), .value = "NAME",
     .help = "another name that requests may use; * accepts any", .form = &kSet},
    {.name = "max-model-len", .group = kModel, .slot = at<&ModelSettings::max_model_len>(), .value = "TOKENS",
     .help = "longest prompt and answer together", .limits = {2, 1 << 24, "checkpoint"}},
    {.name = "dtype", .group = kModel, .slot = at<&ModelSettings::dtype>(),
     .help = "type of the unquantised weights"},
    {.name = "kv-cache-dtype", .group = kModel, .slot = at<&ModelSettings::kv_cache_dtype>(),
     .help = "type of cached keys and values; auto: f32 for f32 checkpoints, else bf16; int8 takes half of bf16"},
    {.name = "chat-template", .group = kModel, .slot = at<&ModelSettings::chat_template_file>(), .value = "FILE",
     .help = "Jinja template instead of the checkpoint's own"},
    {.name = "generation-config", .group = kModel, .slot = at<&ModelSettings::generation_config>(),
     .help = "auto: sampling defaults come from generation_config.json"},
    {.name = "offline", .group = kModel, .slot = at<&ModelSettings::offline>(),
     .help = "never download; this version never does"},
    {.name = "lora", .group = kModel, .slot = at<&LaterSettings::lora>(), .value = "NAME=PATH",
     .help = "serve an adapter under a name", .status = kLater},
    {.name = "lora-path", .group = kModel, .slot = at<&ModelSettings::lora_path>(), .value = "PATH",
     .help = "folder of a LoRA or DoRA adapter, as mlx-lm writes it, for every request"},
    {.name = "max-loras", .group = kModel, .slot = at<&LaterSettings::max_loras>(), .value = "N",
     .help = "adapters in memory", .limits = {1, 1024}, .status = kLater},
    {.name = "max-models", .group = kModel, .slot = at<&LaterSettings::max_models>(), .value = "N",
     .help = "models in memory", .limits = {1, 64}, .status = kLater},
    {.name = "tool-format", .group = kModel, .slot = at<&LaterSettings::tool_format>(), .value = "NAME",
     .help = "dialect of tool calls", .status = kLater},
    {.name = "reasoning-format", .group = kModel, .slot = at<&LaterSettings::reasoning_format>(), .value = "NAME",
     .help = "dialect of reasoning", .status = kLater},
    {.name = "pooling", .group = kModel, .slot = at<&LaterSettings::pooling>(), .value = "NAME",
     .help = "how embeddings are pooled", .status = kLater},
    {.name = "draft-model", .group = kModel, .slot = at<&LaterSettings::draft_model>(), .value = "PATH",
     .help = "small model that guesses ahead", .status = kLater},
    {.name = "speculation", .group = kModel, .slot = at<&LaterSettings::speculation>(), .value = "off|ngram|draft",
     .help = "who guesses ahead", .status = kLater},

    {.name = "host", .group = kNetwork, .slot = at<&NetworkSettings::host>(), .value = "HOST",
     .help = "address to listen on, or unix:PATH", .form = &kHost},
    {.name = "port", .group = kNetwork, .slot = at<&NetworkSettings::port>(), .value = "N",
     .help = "TCP port; 0 takes a free one and prints it", .limits = {0, 65'535}},
    {.name = "tls-cert", .group = kNetwork, .slot = at<&NetworkSettings::tls_cert_file>(), .value = "FILE",
     .help = "certificate chain (PEM); with --tls-key: HTTPS"},
    {.name = "tls-key", .group = kNetwork, .slot = at<&NetworkSettings::tls_key_file>(), .value = "FILE",
     .help = "private key (PEM)"},
    {.name = "cors-origin", .group = kNetwork, .slot = at<&NetworkSettings::cors_origins>(), .value = "ORIGIN",
     .help = "web pages of this origin may call; * for any", .form = &kOrigin},
    {.name = "api-key-file", .group = kNetwork, .slot = at<&NetworkSettings::api_key_file>(), .value = "FILE",
     .help = "lines name:key:role, role user or admin; none: no key needed"},
    {.name = "max-body", .group = kNetwork, .slot = at<&NetworkSettings::max_body>(), .value = "BYTES",
     .help = "largest request body", .limits = {kKi, kMostBytes}},
    {.name = "max-connections", .group = kNetwork, .slot = at<&NetworkSettings::max_connections>(), .value = "N",
     .help = "open connections; beyond: 503", .limits = {1, 1'000'000}},
    {.name = "sse-keepalive", .group = kNetwork, .slot = at<&NetworkSettings::sse_keepalive>(), .value = "SECONDS",
     .help = "a silent stream gets a comment this often", .limits = {0.01, kDay}},
    {.name = "max-buffered-bytes", .group = kNetwork, .slot = at<&NetworkSettings::max_buffered_bytes>(), .value = "BYTES",
     .help = "unread text of a slow reader; beyond: cancelled", .limits = {kKi, kGi}},
    {.name = "io-shards", .group = kNetwork, .slot = at<&NetworkSettings::io_shards>(), .value = "N",
     .help = "threads that serve connections", .limits = {1, 256}},
    {.name = "text-threads", .group = kNetwork, .slot = at<&NetworkSettings::text_threads>(), .value = "N",
     .help = "threads that tokenize and render", .limits = {1, 256}},
    {.name = "isolate-keys", .group = kNetwork, .slot = at<&LaterSettings::isolate_keys>(),
     .help = "no shared prefixes between keys", .status = kLater},
    {.name = "admin", .group = kNetwork, .slot = at<&LaterSettings::admin>(),
     .help = "serve the administration routes", .status = kLater},

    {.name = "device", .group = kEngine, .slot = at<&EngineSettings::device>(),
     .help = "where the model runs", .later_word = "cuda"},
    {.name = "threads", .group = kEngine, .slot = at<&EngineSettings::threads>(), .value = "N",
     .help = "threads of the CPU kernels; auto: one for each core that the process may use", .limits = {1, 1024}},
    {.name = "memory-fraction", .group = kEngine, .slot = at<&EngineSettings::memory_fraction>(), .value = "SHARE",
     .help = "share of the memory that weights and cache may take", .limits = {0.01, 1}},
    {.name = "kv-memory", .group = kEngine, .slot = at<&EngineSettings::kv_memory>(), .value = "BYTES",
     .help = "memory for keys and values; overrides the share", .limits = {1, kMostBytes}},
    {.name = "block-size", .group = kEngine, .slot = at<&EngineSettings::block_size>(), .value = "TOKENS",
     .help = "positions in one cache block", .limits = {1, 1024}},
    {.name = "max-batch-size", .group = kEngine, .slot = at<&EngineSettings::max_batch_size>(), .value = "N",
     .help = "sequences in one step", .limits = {1, 65'536}},
    {.name = "max-batch-tokens", .group = kEngine, .slot = at<&EngineSettings::max_batch_tokens>(), .value = "TOKENS",
     .help = "tokens in one step, prompts and answers together", .limits = {1, 1 << 20}},
    {.name = "prefix-cache", .group = kEngine, .slot = at<&EngineSettings::prefix_cache>(),
     .help = "keep the blocks of finished prompts for the next one"},
    {.name = "numerics", .group = kEngine, .slot = at<&EngineSettings::numerics>(),
     .help = "invariant: the same bits in any batch"},
    {.name = "cpu-exact", .group = kEngine, .slot = at<&EngineSettings::cpu_exact>(),
     .help = "quantised layers on the CPU: float32 activations, instead of 8 bits in groups; slower"},
    {.name = "max-queue", .group = kEngine, .slot = at<&EngineSettings::max_queue>(), .value = "N",
     .help = "waiting requests; beyond: 429", .limits = {1, 1 << 24}},
    {.name = "max-queue-tokens", .group = kEngine, .slot = at<&EngineSettings::max_queue_tokens>(), .value = "TOKENS",
     .help = "waiting prompt tokens; auto: 4 times what the cache holds", .limits = {1, kMostBytes}},
    {.name = "stall-timeout", .group = kEngine, .slot = at<&EngineSettings::stall_timeout>(), .value = "SECONDS",
     .help = "a step that takes longer makes /health say 503", .limits = {0.01, kDay}},
    {.name = "prefill-chunk-ms", .group = kEngine, .slot = at<&LaterSettings::prefill_chunk_ms>(), .value = "MS",
     .help = "longest step that a prompt may cause", .limits = {0.1, 60'000}, .status = kLater},
    {.name = "prefix-cache-dir", .group = kEngine, .slot = at<&LaterSettings::prefix_cache_dir>(), .value = "DIR",
     .help = "keep blocks on disk as well", .status = kLater},

    {.name = "request-timeout", .group = kRequests, .slot = at<&RequestSettings::timeout>(), .value = "SECONDS",
     .help = "a request ends after this; 0: never", .limits = {0, 365 * kDay},
     .ancestor_name = "request-timeout-seconds"},
    {.name = "max-logprobs", .group = kRequests, .slot = at<&RequestSettings::max_logprobs>(), .value = "N",
     .help = "alternatives per token that a request may ask for", .limits = {0, 1000}},
    {.name = "max-choices", .group = kRequests, .slot = at<&RequestSettings::max_choices>(), .value = "N",
     .help = "prompts times n of one request", .limits = {1, 65'536}},
    {.name = "unknown-fields", .group = kRequests, .slot = at<&RequestSettings::unknown_fields>(),
     .help = "what happens to a field we do not know"},
    {.name = "strict-max-tokens", .group = kRequests, .slot = at<&RequestSettings::strict_max_tokens>(),
     .help = "refuse a max_tokens that does not fit, instead of lowering it"},
    {.name = "allow-request-template", .group = kRequests, .slot = at<&RequestSettings::allow_request_template>(),
     .help = "requests may bring their own chat_template"},
    {.name = "grammar-timeout", .group = kRequests, .slot = at<&LaterSettings::grammar_timeout>(), .value = "SECONDS",
     .help = "time to compile a grammar", .limits = {0.01, 3600}, .status = kLater},
    {.name = "grammar-memory", .group = kRequests, .slot = at<&LaterSettings::grammar_memory>(), .value = "BYTES",
     .help = "size of a grammar", .limits = {kKi, kMostBytes}, .status = kLater},
    {.name = "allow-remote-media", .group = kRequests, .slot = at<&LaterSettings::allow_remote_media>(),
     .help = "fetch images that requests name", .status = kLater},
    {.name = "response-store", .group = kRequests, .slot = at<&LaterSettings::response_store>(), .value = "BYTES",
     .help = "memory for stored responses", .limits = {0, kMostBytes}, .status = kLater},
    {.name = "data-dir", .group = kRequests, .slot = at<&LaterSettings::data_dir>(), .value = "DIR",
     .help = "files and batch jobs", .status = kLater},

    {.name = "log-level", .group = kObservability, .slot = at<&LogSettings::level>(),
     .help = "what is logged, on standard error"},
    {.name = "log-format", .group = kObservability, .slot = at<&LogSettings::format>(),
     .help = "lines for people or for programs"},
    {.name = "log-requests", .group = kObservability, .slot = at<&LogSettings::requests>(),
     .help = "one line for each request"},
    {.name = "metrics-prefix", .group = kObservability, .slot = at<&LogSettings::metrics_prefix>(), .value = "TEXT",
     .help = "in front of every metric's name", .form = &kMetricName},
    {.name = "metrics-auth", .group = kObservability, .slot = at<&LogSettings::metrics_auth>(),
     .help = "/metrics needs a key; with --api-key-file"},
    {.name = "otlp-endpoint", .group = kObservability, .slot = at<&LaterSettings::otlp_endpoint>(), .value = "URL",
     .help = "where traces go", .status = kLater},

    {.name = "batch-timeout", .group = kAncestor, .slot = at<&AncestorSettings::batch_timeout>(), .value = "SECONDS",
     .help = "no batch is waited for", .limits = {0, kDay}, .status = kNoEffect},
    {.name = "max-concurrent-streams", .group = kAncestor, .slot = at<&AncestorSettings::max_concurrent_streams>(),
     .value = "N", .help = "streams need no limit of their own", .limits = {0, 1 << 24}, .status = kNoEffect},
    {.name = "scheduler", .group = kAncestor, .slot = at<&AncestorSettings::scheduler>(), .value = "NAME",
     .help = "there is one", .status = kNoEffect},
};
// clang-format on

} // namespace

std::span<const Setting> settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  const auto* found = std::ranges::find_if(kSettings, [&](const Setting& s) {
    return !name.empty() && (s.name == name || s.ancestor_name == name);
  });
  return found == std::end(kSettings) ? nullptr : found;
}

} // namespace parallm
