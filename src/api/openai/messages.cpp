#include "api/openai/messages.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <set>

namespace parallm::openai {

namespace {

enum class Role : uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };
constexpr std::array<std::string_view, 5> kRoles{
    "system", "developer", "user", "assistant", "tool"};

constexpr std::string_view kMediaText = "this model takes text only";

struct Part : RequestNotes {
  std::string type{};
  std::optional<std::string> text{};
  std::optional<std::string> refusal{};
};

struct Function : RequestNotes {
  std::string name{};
  std::string arguments{};
};

struct ToolCall : RequestNotes {
  std::string id{};
  Function function{};
};

struct Message : RequestNotes {
  Role role = Role::kUser;
  const json::value* content = nullptr; // in the body
  std::optional<std::string> refusal{};
  std::optional<std::string> name{};
  std::optional<std::string> tool_call_id{};
  std::optional<std::string> reasoning_content{};
  std::optional<std::string> reasoning{}; // another name of the same
  json::array tool_calls{};               // as templates read them
  std::vector<std::string> call_ids{};
};

void append(
    std::vector<std::string>& all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

Check read_role(const Value& value, Message& message) {
  if (value.json == "function") {
    return unsupported_field(value.path, "deprecated; use the role \"tool\"");
  }
  auto role = read_word(value, kRoles);
  if (!role) {
    return role.error();
  }
  message.role = Role(role.value());
  return {};
}

template <class T>
auto text_reader(std::optional<std::string> T::*member) {
  return [member](const Value& value, T& request) -> Check {
    auto text = read_string(value);
    if (!text) {
      return text.error();
    }
    request.*member = std::move(text.value());
    return {};
  };
}

// Arguments that parse as an object become one.
json::value arguments_value(const std::string& text) {
  auto parsed = parse_json(text);
  if (parsed && parsed.value().is_object()) {
    return std::move(parsed.value());
  }
  return json::value(text);
}

FieldTable<Function> function_table() {
  FieldTable<Function> table;
  table.text("name", {.low = 1}, &Function::name)
      .text("arguments", {}, &Function::arguments)
      .required("name")
      .required("arguments");
  return table;
}

Check read_call_type(const Value& value, ToolCall&) {
  if (value.json == "custom") {
    return unsupported_field(value.path, "custom tools are not offered");
  }
  constexpr std::array<std::string_view, 1> kTypes{"function"};
  auto type = read_word(value, kTypes);
  return type ? Check{} : type.error();
}

FieldTable<ToolCall> call_table(UnknownFields unknown) {
  FieldTable<ToolCall> table;
  const auto read_function = [function = function_table(), unknown](
                                 const Value& value, ToolCall& call) -> Check {
    auto object = read_object(value);
    if (!object) {
      return object.error();
    }
    return function.read(
        *object.value(), unknown, call.function, value.path + ".");
  };
  // Clients that gathered the call from a stream send its place along.
  const auto check_index = [](const Value& value) -> Check {
    auto index = read_integer(value, 0, std::numeric_limits<int>::max());
    return index ? Check{} : index.error();
  };
  table.text("id", {.low = 1}, &ToolCall::id)
      .inert({"index", "integer"}, check_index)
      .add({"type", "string"}, read_call_type)
      .add({"function", "object"}, read_function)
      .required("id")
      .required("type")
      .required("function");
  return table;
}

json::object call_json(const ToolCall& call) {
  return {
      {"id", call.id},
      {"type", "function"},
      {"function",
       {{"name", call.function.name},
        {"arguments", arguments_value(call.function.arguments)}}}};
}

using ReadMessage = FieldTable<Message>::Read;

Check read_call(
    const Value& value,
    const FieldTable<ToolCall>& table,
    UnknownFields unknown,
    Message& message) {
  auto object = read_object(value);
  if (!object) {
    return object.error();
  }
  ToolCall call;
  auto wrong = table.read(*object.value(), unknown, call, value.path + ".");
  if (wrong) {
    return wrong;
  }
  append(message.inert, call.inert);
  append(message.inert, call.function.inert);
  message.tool_calls.push_back(call_json(call));
  message.call_ids.push_back(call.id);
  return {};
}

ReadMessage calls_reader(UnknownFields unknown) {
  return [table = call_table(unknown), unknown](
             const Value& value, Message& message) -> Check {
    auto calls = read_array(value);
    if (!calls) {
      return calls.error();
    }
    for (size_t index = 0; index < calls.value()->size(); ++index) {
      if (auto wrong = read_call(value.item(index), table, unknown, message)) {
        return wrong;
      }
    }
    return {};
  };
}

Check keep_content(const Value& value, Message& message) {
  if (!value.json.is_string() && !value.json.is_array()) {
    return invalid_type(value.path, value.json, "a string or an array");
  }
  message.content = &value.json;
  return {};
}

// Clients send back what they were given; an empty list says nothing.
Check read_annotations(const Value& value, Message& message) {
  auto items = read_array(value);
  if (!items) {
    return items.error();
  }
  if (!items.value()->empty()) {
    message.inert.push_back(value.path);
  }
  return {};
}

FieldTable<Message> message_table(UnknownFields unknown) {
  FieldTable<Message> table;
  table.add({"role", "string"}, read_role)
      .required("role")
      .add({"content", "string or array"}, keep_content)
      .add({"refusal", "string"}, text_reader(&Message::refusal))
      .add({"name", "string"}, text_reader(&Message::name))
      .add({"tool_call_id", "string"}, text_reader(&Message::tool_call_id))
      .add(
          {"reasoning_content", "string"},
          text_reader(&Message::reasoning_content))
      .add({"reasoning", "string"}, text_reader(&Message::reasoning))
      .add({"tool_calls", "array"}, calls_reader(unknown))
      .add({"annotations", "array"}, read_annotations)
      .refused("audio", "audio is not offered")
      .refused("function_call", "deprecated; use tool_calls");
  return table;
}

Check read_part_type(const Value& value, Part& part) {
  constexpr std::array<std::string_view, 2> kText{"text", "refusal"};
  constexpr std::array<std::string_view, 4> kMedia{
      "image_url", "input_audio", "file", "video_url"};
  for (const auto media : kMedia) {
    if (value.json == json::string_view(media)) {
      return ApiError{
          .code = "unsupported_for_model",
          .param = value.path,
          .message = "'" + value.path + "': " + std::string(kMediaText)};
    }
  }
  auto type = read_word(value, kText);
  if (!type) {
    return type.error();
  }
  part.type = kText[type.value()];
  return {};
}

// The payload of a medium; the part's type has the better message.
Check skip_medium(const Value& value, Part&) {
  return ApiError{
      .code = "unsupported_for_model",
      .param = value.path,
      .message = "'" + value.path + "': " + std::string(kMediaText)};
}

FieldTable<Part> part_table() {
  FieldTable<Part> table;
  table.add({"type", "string"}, read_part_type)
      .required("type")
      .add({"text", "string"}, text_reader(&Part::text))
      .add({"refusal", "string"}, text_reader(&Part::refusal))
      .inert({"prompt_cache_breakpoint", "object"}, [](const Value&) {
        return Check{};
      });
  for (const auto* medium : {"image_url", "input_audio", "file", "video_url"}) {
    table.add({medium, "object"}, skip_medium);
  }
  return table;
}

Check check_part(const Value& value, const Part& part, Role role) {
  if (part.type == "refusal" && role != Role::kAssistant) {
    return invalid_value(
        value.path + ".type", "\"refusal\"",
        "\"text\"; only assistant messages have refusals");
  }
  const auto& text = part.type == "text" ? part.text : part.refusal;
  if (!text) {
    return missing_field(value.path + "." + part.type);
  }
  if (part.text && part.refusal) {
    return unknown_field(
        value.path + (part.type == "text" ? ".refusal" : ".text"));
  }
  return {};
}

// All messages of one body, in order; knows which calls were made so far.
class Reader {
 public:
  explicit Reader(UnknownFields unknown)
      : unknown_(unknown),
        messages_(message_table(unknown)),
        parts_(part_table()) {}

  Check read(const Value& value, ChatPrompt& prompt) const {
    auto items = read_array(value, {.low = 1});
    if (!items) {
      return items.error();
    }
    std::set<std::string> calls;
    for (size_t index = 0; index < items.value()->size(); ++index) {
      if (auto wrong = read_one(value.item(index), calls, prompt)) {
        return wrong;
      }
    }
    return {};
  }

 private:
  Check read_one(
      const Value& value,
      std::set<std::string>& calls,
      ChatPrompt& prompt) const {
    auto object = read_object(value);
    if (!object) {
      return object.error();
    }
    Message message;
    if (auto wrong = messages_.read(
            *object.value(), unknown_, message, value.path + ".")) {
      return wrong;
    }
    auto wrong = check_fit(value, message, calls);
    return wrong ? wrong : store(value, message, calls, prompt);
  }

  // Do the fields fit the role?
  static Check check_fit(
      const Value& value,
      const Message& message,
      const std::set<std::string>& calls) {
    if (message.role != Role::kAssistant) {
      if (auto wrong = check_no_answer(value, message)) {
        return wrong;
      }
    } else if (auto wrong = check_answer(value, message)) {
      return wrong;
    }
    if (message.role == Role::kTool) {
      return check_tool_answer(value, message, calls);
    }
    return message.tool_call_id ? unknown_field(value.path + ".tool_call_id")
                                : Check{};
  }

  // What only assistants say.
  static Check check_no_answer(const Value& value, const Message& message) {
    const auto refuse = [&](std::string_view name, std::string_view why) {
      const auto field = value.field(name);
      return invalid_value(
          field.path, describe(field.json), fmt::format("none; {}", why));
    };
    if (!message.tool_calls.empty()) {
      return refuse("tool_calls", "only assistant messages make calls");
    }
    if (message.reasoning_content) {
      return refuse("reasoning_content", "only assistant messages reason");
    }
    if (message.reasoning) {
      return refuse("reasoning", "only assistant messages reason");
    }
    return message.refusal
               ? refuse("refusal", "only assistant messages have refusals")
               : Check{};
  }

  static Check check_answer(const Value& value, const Message& message) {
    const auto& reasoning = message.reasoning;
    const auto& content = message.reasoning_content;
    if (reasoning && content && *reasoning != *content) {
      return conflict_of_fields(
          value.path + ".reasoning", "reasoning_content says something else");
    }
    const bool refuses = message.refusal && !message.refusal->empty();
    if (refuses && message.content != nullptr) {
      return conflict_of_fields(
          value.path + ".refusal", "the message has content as well");
    }
    return {};
  }

  static Check check_tool_answer(
      const Value& value,
      const Message& message,
      const std::set<std::string>& calls) {
    if (!message.tool_call_id) {
      return missing_field(value.path + ".tool_call_id");
    }
    if (!calls.contains(*message.tool_call_id)) {
      return invalid_value(
          value.path + ".tool_call_id", quoted(*message.tool_call_id),
          "the id of an earlier call");
    }
    return {};
  }

  Check store(
      const Value& value,
      Message& message,
      std::set<std::string>& calls,
      ChatPrompt& prompt) const {
    auto content = content_of(value, message, prompt);
    if (!content) {
      return content.error();
    }
    prompt.messages.push_back(
        template_form(message, std::move(content.value())));
    calls.insert(message.call_ids.begin(), message.call_ids.end());
    append(prompt.inert, message.inert);
    return {};
  }

  static json::object template_form(Message& message, json::value content) {
    json::object form{
        {"role", json::string_view(kRoles[size_t(message.role)])},
        {"content", std::move(content)}};
    if (message.name) {
      form["name"] = *message.name;
    }
    if (message.reasoning_content) {
      form["reasoning_content"] = *message.reasoning_content;
    } else if (message.reasoning) {
      form["reasoning_content"] = *message.reasoning;
    }
    if (message.tool_call_id) {
      form["tool_call_id"] = *message.tool_call_id;
    }
    if (!message.tool_calls.empty()) {
      form["tool_calls"] = std::move(message.tool_calls);
    }
    return form;
  }

  Result<json::value, ApiError> content_of(
      const Value& value, const Message& message, ChatPrompt& prompt) const {
    if (message.content == nullptr) {
      return absent_content(value, message);
    }
    const Value content{*message.content, value.path + ".content"};
    if (content.json.is_string()) {
      return content.json;
    }
    return joined_parts(content, message.role, prompt);
  }

  static Result<json::value, ApiError> absent_content(
      const Value& value, const Message& message) {
    if (message.role == Role::kAssistant && message.refusal) {
      return json::value(*message.refusal);
    }
    if (message.tool_calls.empty()) {
      return missing_field(value.path + ".content");
    }
    return json::value(nullptr);
  }

  Result<json::value, ApiError> joined_parts(
      const Value& content, Role role, ChatPrompt& prompt) const {
    auto parts = read_array(content, {.low = 1});
    if (!parts) {
      return parts.error();
    }
    std::string text;
    for (size_t index = 0; index < parts.value()->size(); ++index) {
      auto part = read_part(content.item(index), role, prompt);
      if (!part) {
        return part.error();
      }
      text += part.value();
    }
    return json::value(text);
  }

  Result<std::string, ApiError> read_part(
      const Value& value, Role role, ChatPrompt& prompt) const {
    auto object = read_object(value);
    if (!object) {
      return object.error();
    }
    Part part;
    // The type decides what the rest means, so it is read first.
    if (const auto* type = object.value()->if_contains("type")) {
      if (auto wrong = read_part_type({*type, value.path + ".type"}, part)) {
        return *wrong;
      }
    }
    if (auto wrong =
            parts_.read(*object.value(), unknown_, part, value.path + ".")) {
      return *wrong;
    }
    if (auto wrong = check_part(value, part, role)) {
      return *wrong;
    }
    append(prompt.inert, part.inert);
    return std::move(part.type == "text" ? *part.text : *part.refusal);
  }

  UnknownFields unknown_;
  FieldTable<Message> messages_;
  FieldTable<Part> parts_;
};

} // namespace

std::function<Check(const Value&, ChatPrompt&)> messages_reader(
    UnknownFields unknown) {
  return [reader = Reader(unknown)](const Value& value, ChatPrompt& prompt) {
    return reader.read(value, prompt);
  };
}

} // namespace parallm::openai
