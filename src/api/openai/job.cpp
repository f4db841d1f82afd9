#include "api/openai/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <random>

#include "api/openai/prompt.h"
#include "base/hash.h"

namespace parallm::openai {

namespace {

using Prompts = std::vector<EncodedPrompt>;

uint64_t random_seed() {
  thread_local std::mt19937_64 generator{
      std::random_device{}() ^ (uint64_t{std::random_device{}()} << 32)};
  return generator();
}

// FNV-1a, then mixed; 0 is the salt of requests without one.
uint64_t salt_of(const std::string& text) {
  if (text.empty()) {
    return 0;
  }
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : text) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3u;
  }
  return mix64(hash) | 1;
}

std::string tier_name(ServiceTier tier) {
  switch (tier) {
    case ServiceTier::kFlex:
      return "flex";
    case ServiceTier::kPriority:
      return "priority";
    case ServiceTier::kFast:
      return "fast";
    case ServiceTier::kAuto:
    case ServiceTier::kDefault:
      break;
  }
  return "default";
}

ApiError too_long(
    std::string_view code, std::string_view path, std::string message) {
  return {
      .code = std::string(code),
      .param = std::string(path),
      .message = std::move(message)};
}

// Tokens that one choice may have, given its prompt, or why it may not run.
class Bound {
 public:
  Bound(const GenerateFields& request, const AppContext& app)
      : asked_(request.max_tokens),
        wanted_(request.max_tokens.value_or(request.default_max_tokens)),
        context_(app.card.max_model_len),
        capacity_(app.limits.kv_capacity_tokens),
        strict_(app.limits.strict_max_tokens) {}

  Result<int, ApiError> of(int64_t prompt, std::string_view path) const {
    if (prompt > context_ - 1) {
      return too_long(
          "context_length_exceeded", path,
          fmt::format(
              "'{}': got {} tokens, expected at most {}; the context has {}",
              path, prompt, context_ - 1, context_));
    }
    if (strict_ && asked_ && prompt + *asked_ > context_) {
      return too_long(
          "context_length_exceeded", "max_tokens",
          fmt::format(
              "'max_tokens': got {}, expected at most {}; the prompt has {} "
              "tokens, the context {}",
              *asked_, context_ - prompt, prompt, context_));
    }
    return within_memory(prompt, path);
  }

 private:
  // A bound that was asked for must fit; one that was not is lowered.
  Result<int, ApiError> within_memory(
      int64_t prompt, std::string_view path) const {
    const auto bound = std::min<int64_t>(wanted_, context_ - prompt);
    const auto least = asked_ ? bound : 1;
    if (prompt + least > capacity_) {
      return too_long(
          "kv_capacity_exceeded", path,
          fmt::format(
              "'{}': {} tokens and {} to generate, but the memory for keys "
              "and values holds {}",
              path, prompt, least, capacity_));
    }
    return int(std::min(bound, capacity_ - prompt));
  }

  std::optional<int> asked_;
  int wanted_;
  int64_t context_;
  int64_t capacity_;
  bool strict_;
};

// A tokenizer may know more ids than the model has rows.
Check check_ids(const TokenIds& ids, int vocab, std::string_view path) {
  const auto beyond = std::find_if(
      ids.begin(), ids.end(), [vocab](TokenId id) { return id >= vocab; });
  if (beyond == ids.end()) {
    return {};
  }
  return invalid_value(
      path, fmt::format("a text with token {}", *beyond),
      fmt::format("token ids up to {}, which the model has", vocab - 1));
}

// Words that the model cannot say need no ban.
std::vector<std::vector<TokenId>> bad_words_of(
    const GenerateFields& request, const AppContext& app) {
  auto words = encode_bad_words(request.bad_words, *app.tokenizer);
  std::erase_if(words, [&](const TokenIds& word) {
    return check_ids(word, app.card.vocab, "bad_words").has_value();
  });
  return words;
}

// Text beyond it is not worth the work of encoding it: a few times the bytes of
// the longest token for each of the context (what a tokenizer drops or folds
// together does not count against the client), and at most what a template may
// render, some seconds of a text thread.
size_t max_text_bytes(const AppContext& app) {
  constexpr size_t kSlack = 4;
  constexpr size_t kMost = 8 << 20;
  return std::min(
      kMost, kSlack * size_t(app.card.max_model_len) *
                 app.tokenizer->longest_token_bytes());
}

EncodeRules encode_rules(
    const GenerateFields& request, bool add_special, const AppContext& app) {
  const int context = app.card.max_model_len;
  EncodeRules rules{
      .add_special_tokens = request.add_special_tokens.value_or(add_special),
      .skip_special_tokens = request.skip_special_tokens,
      .truncate_to = request.truncate_prompt_tokens,
      .max_text_bytes = max_text_bytes(app)};
  if (rules.truncate_to == -1) {
    rules.truncate_to = context - 1;
  }
  return rules;
}

SamplingParams sampling_of(
    const GenerateFields& request,
    const AnswerSpec& spec,
    const AppContext& app) {
  SamplingParams sampling{
      .temperature = request.temperature,
      .top_p = request.top_p,
      .min_p = request.min_p,
      .top_k = std::max(request.top_k, 0),
      .repetition_penalty = request.repetition_penalty,
      .frequency_penalty = request.frequency_penalty,
      .presence_penalty = request.presence_penalty,
      .logit_bias = request.logit_bias,
      .allowed_tokens = request.allowed_token_ids,
      .bad_words = bad_words_of(request, app),
      .seed = request.seed.value_or(random_seed()),
      .logprobs_mode = request.logprobs_mode};
  const bool ranks = spec.candidates > spec.n;
  const bool needs_own = spec.return_token_ids || ranks;
  sampling.logprobs = std::max(spec.logprobs, needs_own ? 0 : -1);
  sampling.prompt_logprobs =
      std::max(spec.prompt_logprobs, spec.echo ? spec.logprobs : -1);
  return sampling;
}

TextRules text_rules(const GenerateFields& request, int logprobs) {
  return {
      .stop_strings = request.stop,
      .include_stop_string = request.include_stop,
      .skip_special_tokens = request.skip_special_tokens,
      .min_tokens = request.min_tokens,
      .token_details = logprobs >= 0};
}

std::optional<std::chrono::milliseconds> timeout_of(
    const GenerateFields& request, const ApiLimits& limits) {
  using std::chrono::milliseconds;
  if (request.timeout_s) {
    const auto whole_ms = int64_t(*request.timeout_s * 1000);
    return milliseconds(std::max<int64_t>(whole_ms, 1));
  }
  return limits.request_timeout.count() > 0
             ? std::optional(limits.request_timeout)
             : std::nullopt;
}

std::string log_note(const GenerateFields& request) {
  std::string note;
  if (!request.user.empty()) {
    note += fmt::format(", user {:.256}", request.user);
  }
  if (!request.safety_identifier.empty()) {
    note += fmt::format(", safety_identifier {}", request.safety_identifier);
  }
  if (request.has_metadata) {
    note += fmt::format(", metadata {}", json::serialize(request.metadata));
  }
  return note;
}

AnswerSpec common_spec(const GenerateFields& request, const AppContext& app) {
  AnswerSpec spec{
      .model = request.model,
      .service_tier = tier_name(request.service_tier),
      .inert = request.inert,
      .log_note = log_note(request),
      .n = request.n,
      .candidates = request.n,
      .prompt_logprobs = request.prompt_logprobs.value_or(-1),
      .return_token_ids = request.return_token_ids,
      .return_timings = request.return_timings,
      .stream = request.stream,
      .include_usage = request.include_usage,
      .continuous_usage = request.continuous_usage_stats,
      .obfuscate = request.include_obfuscation,
      .stream_interval = request.stream_interval,
      .timeout = timeout_of(request, app.limits)};
  if (request.has_metadata) {
    spec.metadata_json = json::serialize(request.metadata);
  }
  return spec;
}

// What all prompts of a job share.
GenerateRequest request_pattern(
    const GenerateFields& request,
    const AnswerSpec& spec,
    const AppContext& app) {
  return {
      .choices = spec.candidates,
      .min_new_tokens = request.min_tokens,
      .sampling = sampling_of(request, spec, app),
      .end_tokens = request.ignore_eos ? TokenIds{} : app.card.end_tokens,
      .stop_tokens = request.stop_token_ids,
      .priority = request.priority.value_or(0),
      .cache_salt = salt_of(request.cache_salt)};
}

std::string prompt_path(bool several, std::string_view name, size_t index) {
  return several ? fmt::format("{}[{}]", name, index) : std::string(name);
}

PromptSpec prompt_spec(const EncodedPrompt& prompt, const AnswerSpec& spec) {
  PromptSpec shown{.tokens = int(prompt.ids.size())};
  if (spec.shows_prompt()) {
    shown.ids = prompt.ids;
  }
  if (spec.echo) {
    shown.text = prompt.text;
  }
  return shown;
}

// As JSON or in memory, whichever is more: a token's text or id, and one
// log-probability with its token.
constexpr int64_t kTextBytes = 8;
constexpr int64_t kScoreBytes = 100;
// A choice in engine and delivery; measured, rounded up.
constexpr int64_t kChoiceBytes = 2048;
// The price of an answer whose length nobody has bounded: of its whole context
// it seldom uses more. A guess.
constexpr int64_t kUnboundedTokens = 8192;

int64_t score_bytes(int alternatives) {
  return alternatives < 0 ? 0 : kScoreBytes * (alternatives + 1);
}

// What a choice holds of what the request says, wherever it is copied to.
int64_t rules_bytes(const TextRules& rules, const SamplingParams& sampling) {
  auto bytes = int64_t(
      sampling.allowed_tokens.size() * sizeof(TokenId) +
      sampling.logit_bias.size() * sizeof(LogitBias));
  for (const auto& word : sampling.bad_words) {
    bytes += int64_t(sizeof(word) + word.size() * sizeof(TokenId));
  }
  for (const auto& stop : rules.stop_strings) {
    bytes += int64_t(stop.size() * (1 + sizeof(int))); // with its table
  }
  return 2 * bytes; // in the request, and in its slot or its matcher
}

// Each choice shows its prompt again, if any does.
int64_t prompt_bytes(const GenerateRequest& request, const AnswerSpec& spec) {
  const int64_t of_token = (spec.shows_prompt() ? 2 * kTextBytes : 0) +
                           score_bytes(request.sampling.prompt_logprobs);
  return int64_t(request.prompt.size()) * of_token;
}

enum class Length : uint8_t { kBounded, kUnbounded };

// What must be gathered before it can be written: of a stream nothing.
int64_t answer_bytes(
    const GenerateRequest& request, const AnswerSpec& spec, Length length) {
  if (spec.stream) {
    return 0;
  }
  const int64_t tokens =
      length == Length::kBounded
          ? request.max_new_tokens
          : std::min<int64_t>(request.max_new_tokens, kUnboundedTokens);
  return tokens * (kTextBytes + score_bytes(request.sampling.logprobs));
}

int64_t memory_bytes(
    const GenerateJob& job, const AnswerSpec& spec, Length length) {
  int64_t bytes = 0;
  for (const auto& request : job.requests) {
    bytes +=
        int64_t(request.choices) *
        (kChoiceBytes + rules_bytes(job.rules, request.sampling) +
         prompt_bytes(request, spec) + answer_bytes(request, spec, length));
  }
  return bytes;
}

Check check_memory(const GenerateJob& job, int64_t limit) {
  constexpr double kMiB = 1 << 20;
  if (job.memory_bytes <= limit) {
    return {};
  }
  return invalid_value(
      "n",
      fmt::format(
          "a request whose choices, prompts and logprobs may take {:.0f} MiB",
          double(job.memory_bytes) / kMiB),
      fmt::format(
          "at most {:.0f} MiB; ask for fewer choices, tokens or logprobs, or "
          "for a stream",
          double(limit) / kMiB));
}

// Where the prompts came from, which decides how the answer's text begins.
enum class Source : uint8_t { kMessages, kContinuedMessage, kPrompt };

Result<Prepared, ApiError> assemble(
    const GenerateFields& request,
    AnswerSpec spec,
    Prompts prompts,
    Source source,
    const AppContext& app) {
  const bool continues = source != Source::kMessages;
  const std::string_view path =
      source == Source::kPrompt ? "prompt" : "messages";
  const auto pattern = request_pattern(request, spec, app);
  const Bound bound(request, app);
  Prepared prepared{.spec = std::move(spec)};
  prepared.job.rules = text_rules(request, pattern.sampling.logprobs);
  for (size_t index = 0; index < prompts.size(); ++index) {
    auto& prompt = prompts[index];
    const auto where = prompt_path(prompts.size() > 1, path, index);
    if (auto wrong = check_ids(prompt.ids, app.card.vocab, where)) {
      return *wrong;
    }
    auto tokens = bound.of(int64_t(prompt.ids.size()), where);
    if (!tokens) {
      return tokens.error();
    }
    prepared.spec.prompts.push_back(prompt_spec(prompt, prepared.spec));
    prepared.job.rules.continues_prompt |= continues && !prompt.text.empty();
    auto& part = prepared.job.requests.emplace_back(pattern);
    part.prompt = std::move(prompt.ids);
    if (!request.seed) { // else equal prompts would get equal answers
      part.sampling.seed = random_seed();
    }
    part.max_new_tokens = tokens.value();
    part.min_new_tokens = std::min(part.min_new_tokens, tokens.value());
  }
  const auto length =
      request.max_tokens ? Length::kBounded : Length::kUnbounded;
  prepared.job.memory_bytes = memory_bytes(prepared.job, prepared.spec, length);
  if (auto wrong = check_memory(prepared.job, app.limits.max_job_bytes)) {
    return *wrong;
  }
  return prepared;
}

// Defaults that come from the checkpoint.
template <class Request>
Request with_defaults(const SamplingDefaults& defaults) {
  Request request;
  request.temperature = defaults.temperature;
  request.top_p = defaults.top_p;
  request.min_p = defaults.min_p;
  request.top_k = defaults.top_k;
  request.repetition_penalty = defaults.repetition_penalty;
  return request;
}

Result<Prompts, ApiError> encode_inputs(
    const CompletionRequest& request, const AppContext& app) {
  const auto rules = encode_rules(request, true, app);
  Prompts prompts;
  for (size_t index = 0; index < request.prompts.size(); ++index) {
    auto prompt = encode_input(
        request.prompts[index], rules, *app.tokenizer,
        prompt_path(request.prompts.size() > 1, "prompt", index));
    if (!prompt) {
      return prompt.error();
    }
    prompts.push_back(std::move(prompt.value()));
  }
  return prompts;
}

AnswerSpec chat_spec(const ChatRequest& request, const AppContext& app) {
  auto spec = common_spec(request, app);
  spec.logprobs = request.logprobs ? request.top_logprobs : -1;
  return spec;
}

AnswerSpec completion_spec(
    const CompletionRequest& request, const AppContext& app) {
  auto spec = common_spec(request, app);
  spec.logprobs = request.logprobs.value_or(-1);
  spec.candidates = request.best_of.value_or(request.n);
  spec.echo = request.echo;
  return spec;
}

// The part of a request that needs the model's template and tokenizer.
Result<Prepared, ApiError> plan_chat(
    const ChatRequest& request, const Service& service) {
  const auto& app = service.app;
  auto spec = chat_spec(request, app);
  auto prompt = encode_chat(
      request.prompt, encode_rules(request, false, app), app,
      service.knows_developer);
  if (!prompt) {
    return prompt.error();
  }
  Prompts prompts;
  prompts.push_back(std::move(prompt.value()));
  const auto source = request.prompt.continue_final_message
                          ? Source::kContinuedMessage
                          : Source::kMessages;
  return assemble(request, std::move(spec), std::move(prompts), source, app);
}

Result<Prepared, ApiError> plan_completion(
    const CompletionRequest& request, const AppContext& app) {
  auto spec = completion_spec(request, app);
  auto prompts = encode_inputs(request, app);
  if (!prompts) {
    return prompts.error();
  }
  return assemble(
      request, std::move(spec), std::move(prompts.value()), Source::kPrompt,
      app);
}

} // namespace

Result<Prepared, ApiError> prepare_chat(
    std::string_view body, const Service& service) {
  auto object = parse_object(body);
  if (!object) {
    return object.error();
  }
  auto request = read_chat(
      object.value(), service.tables,
      with_defaults<ChatRequest>(service.app.card.defaults));
  if (!request) {
    return request.error();
  }
  if (auto wrong = check_model(service.app.card, request.value().model)) {
    return *wrong;
  }
  return plan_chat(request.value(), service);
}

Result<Prepared, ApiError> prepare_completion(
    std::string_view body, const Service& service) {
  auto object = parse_object(body);
  if (!object) {
    return object.error();
  }
  auto request = read_completion(
      object.value(), service.tables,
      with_defaults<CompletionRequest>(service.app.card.defaults));
  if (!request) {
    return request.error();
  }
  if (auto wrong = check_model(service.app.card, request.value().model)) {
    return *wrong;
  }
  return plan_completion(request.value(), service.app);
}

} // namespace parallm::openai
