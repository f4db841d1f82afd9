#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/values.h"

// The declarative field table: each request field once, with its name, type,
// range, default and outcome (api.md 1.1), and how it is stored. Const once
// built, any thread.
namespace parallm {

enum class Outcome : uint8_t { kApplied, kInert, kRefused };
enum class UnknownFields : uint8_t { kRefuse, kWarn };

struct FieldInfo {
  std::string name{};
  std::string type{};
  std::string range{};
  std::string fallback = "null"; // JSON of the value that absence means
  Outcome outcome = Outcome::kApplied;
  bool required = false;
};

// What every parsed request carries: the paths of fields that were given and
// have no effect, for x-parallm-inert.
struct RequestNotes {
  std::vector<std::string> inert{};
};

template <class T>
struct Field {
  FieldInfo info{};
  // Called with a value that is not null.
  std::function<Check(const Value&, T&)> read{};
};

json::object field_json(const FieldInfo& info);

template <class T>
class FieldTable {
 public:
  using Read = std::function<Check(const Value&, T&)>;

  // A field of the same name is replaced.
  FieldTable& add(FieldInfo info, Read read);

  template <class Base, class Member>
  FieldTable& boolean(
      std::string_view name, Member Base::*member, std::string fallback);
  template <class Base, class Member>
  FieldTable& integer(
      std::string_view name,
      int64_t low,
      int64_t high,
      Member Base::*member,
      std::string fallback = "null");
  template <class Base, class Member>
  FieldTable& number(
      std::string_view name,
      NumberRange range,
      Member Base::*member,
      std::string fallback = "null");
  template <class Base>
  FieldTable& text(
      std::string_view name,
      SizeRange characters,
      std::string Base::*member,
      std::string fallback = "null");

  // Accepted, checked by `check`, without effect.
  FieldTable& inert(FieldInfo info, std::function<Check(const Value&)> check);
  // Refused unless null or one of the harmless values.
  FieldTable& refused(
      std::string_view name,
      std::string_view why,
      std::vector<json::value> harmless = {});
  FieldTable& required(std::string_view name);
  // All fields of a table that fills a base or a member of T.
  template <class Base>
  FieldTable& include(const FieldTable<Base>& part);
  template <class Part, class Base>
  FieldTable& include(const FieldTable<Part>& part, Part Base::*member);

  // Fills `request`; fields that are absent or null leave it as it was.
  // `prefix` is the path of the object, for fields of fields.
  Check read(
      const json::object& body,
      UnknownFields unknown,
      T& request,
      std::string_view prefix = {}) const;
  json::array to_json() const;
  const std::vector<Field<T>>& fields() const { return fields_; }

 private:
  const Field<T>* find(std::string_view name) const;
  Check read_member(
      const json::key_value_pair& member,
      UnknownFields unknown,
      T& request,
      std::string_view prefix) const;

  std::vector<Field<T>> fields_; // sorted by name
};

template <class T>
FieldTable<T>& FieldTable<T>::add(FieldInfo info, Read read) {
  const auto place = std::find_if(
      fields_.begin(), fields_.end(),
      [&](const auto& field) { return field.info.name >= info.name; });
  if (place != fields_.end() && place->info.name == info.name) {
    *place = {std::move(info), std::move(read)};
  } else {
    fields_.insert(place, {std::move(info), std::move(read)});
  }
  return *this;
}

template <class T>
template <class Base, class Member>
FieldTable<T>& FieldTable<T>::boolean(
    std::string_view name, Member Base::*member, std::string fallback) {
  return add(
      {std::string(name), "boolean", "", std::move(fallback)},
      [member](const Value& value, T& request) -> Check {
        auto truth = read_bool(value);
        if (!truth) {
          return truth.error();
        }
        request.*member = truth.value();
        return {};
      });
}

template <class T>
template <class Base, class Member>
FieldTable<T>& FieldTable<T>::integer(
    std::string_view name,
    int64_t low,
    int64_t high,
    Member Base::*member,
    std::string fallback) {
  return add(
      {std::string(name), "integer",
       std::to_string(low) + " to " + std::to_string(high),
       std::move(fallback)},
      [=](const Value& value, T& request) -> Check {
        auto number = read_integer(value, low, high);
        if (!number) {
          return number.error();
        }
        request.*member = Member(number.value());
        return {};
      });
}

template <class T>
template <class Base, class Member>
FieldTable<T>& FieldTable<T>::number(
    std::string_view name,
    NumberRange range,
    Member Base::*member,
    std::string fallback) {
  return add(
      {std::string(name), "number", range.text(), std::move(fallback)},
      [=](const Value& value, T& request) -> Check {
        auto number = read_number(value, range);
        if (!number) {
          return number.error();
        }
        request.*member = Member(number.value());
        return {};
      });
}

template <class T>
template <class Base>
FieldTable<T>& FieldTable<T>::text(
    std::string_view name,
    SizeRange characters,
    std::string Base::*member,
    std::string fallback) {
  return add(
      {std::string(name), "string", characters.text() + " characters",
       std::move(fallback)},
      [=](const Value& value, T& request) -> Check {
        auto text = read_string(value, characters);
        if (!text) {
          return text.error();
        }
        request.*member = std::move(text.value());
        return {};
      });
}

template <class T>
FieldTable<T>& FieldTable<T>::inert(
    FieldInfo info, std::function<Check(const Value&)> check) {
  info.outcome = Outcome::kInert;
  return add(
      std::move(info),
      [check = std::move(check)](const Value& value, T& request) -> Check {
        if (auto wrong = check(value)) {
          return wrong;
        }
        request.inert.push_back(value.path);
        return {};
      });
}

template <class T>
FieldTable<T>& FieldTable<T>::refused(
    std::string_view name,
    std::string_view why,
    std::vector<json::value> harmless) {
  FieldInfo info{std::string(name), "any", "refused"};
  info.outcome = Outcome::kRefused;
  return add(
      std::move(info),
      [why = std::string(why), harmless = std::move(harmless)](
          const Value& value, T&) -> Check {
        const bool known =
            std::find(harmless.begin(), harmless.end(), value.json) !=
            harmless.end();
        return known ? Check{} : unsupported_field(value.path, why);
      });
}

template <class T>
FieldTable<T>& FieldTable<T>::required(std::string_view name) {
  for (auto& field : fields_) {
    field.info.required |= field.info.name == name;
  }
  return *this;
}

template <class T>
template <class Base>
FieldTable<T>& FieldTable<T>::include(const FieldTable<Base>& part) {
  for (const auto& field : part.fields()) {
    add(field.info, field.read);
  }
  return *this;
}

template <class T>
template <class Part, class Base>
FieldTable<T>& FieldTable<T>::include(
    const FieldTable<Part>& part, Part Base::*member) {
  for (const auto& field : part.fields()) {
    add(field.info,
        [read = field.read, member](const Value& value, T& request) {
          return read(value, request.*member);
        });
  }
  return *this;
}

template <class T>
const Field<T>* FieldTable<T>::find(std::string_view name) const {
  const auto field = std::lower_bound(
      fields_.begin(), fields_.end(), name,
      [](const auto& left, auto right) { return left.info.name < right; });
  return field != fields_.end() && field->info.name == name ? &*field : nullptr;
}

template <class T>
Check FieldTable<T>::read_member(
    const json::key_value_pair& member,
    UnknownFields unknown,
    T& request,
    std::string_view prefix) const {
  const std::string_view name = member.key();
  const auto path = std::string(prefix) + std::string(name);
  if (const auto* field = find(name)) {
    return member.value().is_null()
               ? Check{}
               : field->read({member.value(), path}, request);
  }
  if (unknown == UnknownFields::kRefuse) {
    return unknown_field(path);
  }
  request.inert.push_back(shown_path(path));
  return {};
}

template <class T>
Check FieldTable<T>::read(
    const json::object& body,
    UnknownFields unknown,
    T& request,
    std::string_view prefix) const {
  for (const auto& member : body) {
    if (auto wrong = read_member(member, unknown, request, prefix)) {
      return wrong;
    }
  }
  for (const auto& field : fields_) {
    const auto* value = body.if_contains(field.info.name);
    if (field.info.required && (value == nullptr || value->is_null())) {
      return missing_field(std::string(prefix) + field.info.name);
    }
  }
  return {};
}

template <class T>
json::array FieldTable<T>::to_json() const {
  json::array fields;
  for (const auto& field : fields_) {
    fields.push_back(field_json(field.info));
  }
  return fields;
}

} // namespace parallm
