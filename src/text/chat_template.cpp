#include "text/chat_template.h"

#include "base/check.h"
#include "text/bridge_call.h"
#include "text/json_file.h"

namespace parallm {

namespace {

struct FreeTemplate {
  void operator()(plb_template* it) const { plb_template_free(it); }
};
using Handle = std::unique_ptr<plb_template, FreeTemplate>;

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (uint8_t(byte) < 0x20) {
      out += fmt::format("\\u{:04x}", int(byte));
    } else {
      out += byte;
    }
  }
  return out + '"';
}

// What transformers defines before the caller's variables.
std::string default_variables(const Tokenizer& tokenizer) {
  std::string out = R"({"tools":null,"documents":null)";
  for (const auto& [name, text] : tokenizer.named()) {
    out += fmt::format(",{}:{}", json_text(name), json_text(text));
  }
  return out + '}';
}

// That is our fault, not the template's.
void expect_no_panic(int code, const bridge::Bytes& error) {
  PARALLM_CHECK(code != PLB_PANIC, "{}", error.text());
}

// "chat_template" is the source, or a list of {"name", "template"}.
std::optional<std::string> named_template(const JsonFile& file) {
  if (auto only = file.string("/chat_template")) {
    return only;
  }
  for (int at = 0;; ++at) {
    const auto entry = fmt::format("/chat_template/{}", at);
    const auto name = file.string(entry + "/name");
    if (!name) {
      return std::nullopt;
    }
    if (*name == "default") {
      return file.string(entry + "/template");
    }
  }
}

struct Source {
  std::string path;
  std::string text;
};

std::optional<Source> find_source(const std::string& folder) {
  const auto plain = folder + "/chat_template.jinja";
  if (auto text = read_file(plain)) {
    return Source{plain, std::move(*text)};
  }
  for (const char* name : {"/chat_template.json", "/tokenizer_config.json"}) {
    const auto file = JsonFile::read(folder + name);
    auto text = file ? named_template(*file) : std::nullopt;
    if (text) {
      return Source{folder + name, std::move(*text)};
    }
  }
  return std::nullopt;
}

std::shared_ptr<const ChatTemplate> compile_source(
    Source source, const Tokenizer& tokenizer) {
  auto made = ChatTemplate::compile(std::move(source.text), tokenizer);
  if (!made) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: chat template: {}", source.path, made.error().message));
  }
  return std::move(made.value());
}

} // namespace

struct ChatTemplate::State {
  Handle handle;
};

std::shared_ptr<const ChatTemplate> ChatTemplate::load(
    const std::string& folder, const Tokenizer& tokenizer) {
  auto source = find_source(folder);
  return source ? compile_source(std::move(*source), tokenizer) : nullptr;
}

std::shared_ptr<const ChatTemplate> ChatTemplate::load_file(
    const std::string& path, const Tokenizer& tokenizer) {
  auto text = read_file(path);
  if (!text) {
    throw StartError(kExitNotFound, fmt::format("{}: no such file", path));
  }
  return compile_source({path, std::move(*text)}, tokenizer);
}

std::shared_ptr<const ChatTemplate> ChatTemplate::parse(
    const std::string& file, std::string text, const Tokenizer& tokenizer) {
  return compile_source({file, std::move(text)}, tokenizer);
}

Result<std::shared_ptr<const ChatTemplate>, TemplateError>
ChatTemplate::compile(std::string source, const Tokenizer& tokenizer) {
  const auto defaults = default_variables(tokenizer);
  plb_template* made = nullptr;
  bridge::Bytes error;
  const auto code = plb_template_new(
      bridge::data(source), source.size(), bridge::data(defaults),
      defaults.size(), &made, error.out());
  expect_no_panic(code, error);
  if (code != PLB_OK) {
    return TemplateError{error.text()};
  }
  return std::shared_ptr<const ChatTemplate>(
      new ChatTemplate(std::make_unique<State>(State{Handle(made)})));
}

ChatTemplate::ChatTemplate(std::unique_ptr<State> state)
    : state_(std::move(state)) {
}

ChatTemplate::~ChatTemplate() = default;

Result<std::string, TemplateError> ChatTemplate::render(
    std::string_view variables_json) const {
  bridge::Bytes out;
  bridge::Bytes error;
  const auto code = plb_template_render(
      state_->handle.get(), bridge::data(variables_json), variables_json.size(),
      out.out(), error.out());
  expect_no_panic(code, error);
  if (code != PLB_OK) {
    return TemplateError{unguard(error.text())};
  }
  return out.text();
}

bool ChatTemplate::reads(std::string_view variable) const {
  return plb_template_reads(
             state_->handle.get(), bridge::data(variable), variable.size()) !=
         0;
}

} // namespace parallm
