#include "api/json_writer.h"
#include "api/openai/endpoints.h"

// POST /v1/completions (api.md 6)
namespace parallm::openai {

namespace {

class CompletionDialect final : public Dialect {
 public:
  std::string_view id_prefix() const override { return "cmpl-"; }
  std::string_view object() const override { return "text_completion"; }
  std::string_view chunk_object() const override { return "text_completion"; }
  bool prompt_in_choice() const override { return true; }

  void whole(std::string& out, std::string_view text) const override {
    piece(out, text);
  }
  void first(std::string& out, std::string_view echo) const override {
    piece(out, echo);
  }
  void piece(std::string& out, std::string_view text) const override {
    out += R"("text":")";
    append_escaped(out, text);
    out += '"';
  }
  void last(std::string& out) const override { out += R"("text":"")"; }
  void logprobs(
      std::string& out,
      std::span<const LogprobEntry> entries,
      int alternatives,
      const Tokenizer& tokenizer) const override {
    append_completion_logprobs(out, entries, alternatives, tokenizer);
  }
};

} // namespace

const Dialect& completion_dialect() {
  static const CompletionDialect dialect;
  return dialect;
}

http::Task<> completion(http::Exchange& exchange, const Service& service) {
  return answer_request(
      exchange, service, prepare_completion, completion_dialect());
}

} // namespace parallm::openai
