#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/later_settings.h"
#include "config/value_text.h"

// Where a setting is stored and how its value is spelled: both follow from the
// member's C++ type, so that the table of settings says neither.
// Main thread, at the start.
namespace parallm {

enum class Kind : uint8_t {
  kText,
  kList,   // of texts; may be repeated
  kSwitch, // on or off
  kInteger,
  kNumber,
  kSeconds, // decimal
  kBytes,
  kChoice, // one of a few words
};

// Both ends are allowed.
struct Limits {
  double least = 0;
  double most = 0;
  std::string_view automatic = "auto"; // the word for an empty optional
};

using Texts = std::vector<std::string>; // one for all kinds but kList

struct SettingSlot {
  Kind kind = Kind::kText;
  bool optional = false; // may be left to the model or the machine
  std::span<const std::string_view> words{}; // of kChoice
  // False, and nothing stored, if the text is not such a value.
  bool (*store)(AskedConfig&, const Texts&, const Limits&) = nullptr;
  // What store() reads back as the same value.
  Texts (*texts)(const AskedConfig&, const Limits&) = nullptr;
};

namespace slot {

inline bool within(double value, const Limits& limits) {
  return value >= limits.least && value <= limits.most;
}

template <class T>
struct Form; // kind, read and write of one C++ type

template <>
struct Form<std::string> {
  static constexpr Kind kKind = Kind::kText;
  static bool read(const Texts& texts, const Limits&, std::string& out) {
    out = texts.front();
    return true;
  }
  static Texts write(const std::string& value, const Limits&) {
    return {value};
  }
};

template <>
struct Form<Texts> {
  static constexpr Kind kKind = Kind::kList;
  static bool read(const Texts& texts, const Limits&, Texts& out) {
    out = texts;
    return true;
  }
  static Texts write(const Texts& value, const Limits&) { return value; }
};

template <>
struct Form<bool> {
  static constexpr Kind kKind = Kind::kSwitch;
  static bool read(const Texts& texts, const Limits&, bool& out) {
    const auto value = parse_switch(texts.front());
    out = value.value_or(out);
    return value.has_value();
  }
  static Texts write(bool value, const Limits&) {
    return {value ? "on" : "off"};
  }
};

template <std::signed_integral T>
struct Form<T> {
  static constexpr Kind kKind = Kind::kInteger;
  static bool read(const Texts& texts, const Limits& limits, T& out) {
    const auto value = parse_integer(texts.front());
    if (!value || !within(static_cast<double>(*value), limits)) {
      return false;
    }
    out = static_cast<T>(*value);
    return true;
  }
  static Texts write(T value, const Limits&) { return {std::to_string(value)}; }
};

template <>
struct Form<double> {
  static constexpr Kind kKind = Kind::kNumber;
  static bool read(const Texts& texts, const Limits& limits, double& out) {
    const auto value = parse_number(texts.front());
    if (!value || !within(*value, limits)) {
      return false;
    }
    out = *value;
    return true;
  }
  static Texts write(double value, const Limits&) {
    return {number_text(value)};
  }
};

// Rounded to whole milliseconds; limits are in seconds.
template <>
struct Form<Milliseconds> {
  static constexpr Kind kKind = Kind::kSeconds;
  static bool read(
      const Texts& texts, const Limits& limits, Milliseconds& out) {
    const auto seconds = parse_number(texts.front());
    if (!seconds || !within(*seconds, limits)) {
      return false;
    }
    out = Milliseconds(static_cast<int64_t>(*seconds * 1000 + 0.5));
    return true;
  }
  static Texts write(Milliseconds value, const Limits&) {
    return {number_text(static_cast<double>(value.count()) / 1000)};
  }
};

template <>
struct Form<Bytes> {
  static constexpr Kind kKind = Kind::kBytes;
  static bool read(const Texts& texts, const Limits& limits, Bytes& out) {
    const auto value = parse_bytes(texts.front());
    if (!value || !within(static_cast<double>(*value), limits)) {
      return false;
    }
    out = *value;
    return true;
  }
  static Texts write(Bytes value, const Limits&) { return {bytes_text(value)}; }
};

template <class T>
requires std::is_enum_v<T>
struct Form<T> {
  static constexpr Kind kKind = Kind::kChoice;
  static bool read(const Texts& texts, const Limits&, T& out) {
    for (size_t i = 0; i < kWords<T>.size(); ++i) {
      if (texts.front() == kWords<T>[i]) {
        out = static_cast<T>(i);
        return true;
      }
    }
    return false;
  }
  static Texts write(T value, const Limits&) {
    return {std::string(word_of(value))};
  }
};

template <class T>
struct Form<std::optional<T>> {
  static constexpr Kind kKind = Form<T>::kKind;
  static bool read(
      const Texts& texts, const Limits& limits, std::optional<T>& out) {
    if (texts.front() == limits.automatic) {
      out.reset();
      return true;
    }
    T value{};
    if (!Form<T>::read(texts, limits, value)) {
      return false;
    }
    out = value;
    return true;
  }
  static Texts write(const std::optional<T>& value, const Limits& limits) {
    return value ? Form<T>::write(*value, limits)
                 : Texts{std::string(limits.automatic)};
  }
};

// The part of AskedConfig that is a `Part`.
template <class Part>
inline constexpr auto kPart = nullptr;
template <>
inline constexpr auto kPart<ModelSettings> = &AskedConfig::model;
template <>
inline constexpr auto kPart<NetworkSettings> = &AskedConfig::network;
template <>
inline constexpr auto kPart<EngineSettings> = &AskedConfig::engine;
template <>
inline constexpr auto kPart<RequestSettings> = &AskedConfig::requests;
template <>
inline constexpr auto kPart<LogSettings> = &AskedConfig::log;
template <>
inline constexpr auto kPart<LaterSettings> = &AskedConfig::later;
template <>
inline constexpr auto kPart<AncestorSettings> = &AskedConfig::ancestor;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
constexpr std::span<const std::string_view> words_of() {
  if constexpr (std::is_enum_v<T>) {
    return kWords<T>;
  } else {
    return {};
  }
}

template <class Part, class T>
struct MemberTypes {
  using PartType = Part;
  using ValueType = T;
};
template <class Part, class T>
MemberTypes<Part, T> types_of(T Part::*);

} // namespace slot

// at<&NetworkSettings::port>
template <auto Member>
constexpr SettingSlot at() {
  using Types = decltype(slot::types_of(Member));
  using Part = typename Types::PartType;
  using T = typename Types::ValueType;
  using Form = slot::Form<T>;
  return {
      .kind = Form::kKind,
      .optional = slot::kIsOptional<T>,
      .words = slot::words_of<T>(),
      .store =
          [](AskedConfig& config, const Texts& texts, const Limits& limits) {
            return Form::read(texts, limits, config.*slot::kPart<Part>.*Member);
          },
      .texts =
          [](const AskedConfig& config, const Limits& limits) {
            return Form::write(config.*slot::kPart<Part>.*Member, limits);
          }};
}

} // namespace parallm
