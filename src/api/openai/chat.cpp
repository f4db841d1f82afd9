#include "api/json_writer.h"
#include "api/openai/endpoints.h"

// POST /v1/chat/completions (api.md 5)
namespace parallm::openai {

namespace {

class ChatDialect final : public Dialect {
 public:
  std::string_view id_prefix() const override { return "chatcmpl-"; }
  std::string_view object() const override { return "chat.completion"; }
  std::string_view chunk_object() const override {
    return "chat.completion.chunk";
  }
  bool prompt_in_choice() const override { return false; }

  void whole(std::string& out, std::string_view text) const override {
    out += R"("message":{"role":"assistant","content":")";
    append_escaped(out, text);
    out += R"(","refusal":null})";
  }
  void first(std::string& out, std::string_view) const override {
    out += R"("delta":{"role":"assistant","content":""})";
  }
  void piece(std::string& out, std::string_view text) const override {
    out += R"("delta":{"content":")";
    append_escaped(out, text);
    out += "\"}";
  }
  void last(std::string& out) const override { out += R"("delta":{})"; }
  void logprobs(
      std::string& out,
      std::span<const LogprobEntry> entries,
      int alternatives,
      const Tokenizer& tokenizer) const override {
    append_chat_logprobs(out, entries, alternatives, tokenizer);
  }
};

} // namespace

const Dialect& chat_dialect() {
  static const ChatDialect dialect;
  return dialect;
}

http::Task<> chat_completion(http::Exchange& exchange, const Service& service) {
  return answer_request(exchange, service, prepare_chat, chat_dialect());
}

} // namespace parallm::openai
