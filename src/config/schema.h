#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/slot.h"

namespace parallm {

enum class SettingGroup : uint8_t {
  kModel,
  kNetwork,
  kEngine,
  kRequests,
  kObservability,
  kAncestor,
};

enum class Status : uint8_t {
  kWorks,
  kLater,    // known; any value but the default stops the start
  kNoEffect, // accepted with a warning
};

// What a text must look like beyond being a text.
struct TextForm {
  bool (*fits)(std::string_view text);
  std::string_view expected;
};

// One setting, whichever way it is said: flag --max-body, variable
// PARALLM_MAX_BODY, key max_body in the file.
struct Setting {
  std::string_view name; // as in the flag
  SettingGroup group = SettingGroup::kModel;
  SettingSlot slot{};
  std::string_view value{}; // what stands for it in the help: "PATH"
  std::string_view help{};
  Limits limits{};
  Status status = Status::kWorks;
  const TextForm* form = nullptr;
  std::string_view later_word{};    // a choice that is still to come
  std::string_view ancestor_name{}; // an older spelling of the same flag
};

// Every setting, once, in the order of the help. Constant; any thread.
std::span<const Setting> settings();

// By name or ancestor's name; null if there is none.
const Setting* find_setting(std::string_view name);

// Of the default values. "auto", or one text for each of a list.
Texts default_texts(const Setting& setting);

std::string_view title(SettingGroup group);
std::string variable_name(std::string_view name); // PARALLM_MAX_BODY
std::string key_name(std::string_view name);      // max_body
std::string flag_name(std::string_view name);     // --max-body

// "an integer from 0 to 65535"
std::string expected_value(const Setting& setting);

} // namespace parallm
