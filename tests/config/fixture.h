#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/parse.h"

namespace parallm {

// A start of the server in an empty folder, without a process.
class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/parallm-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    input_.directory = pattern;
    input_.arguments = {"--model-path", "m"};
  }
  void TearDown() override { std::filesystem::remove_all(input_.directory); }

  void flag(const std::string& name, const std::string& text) {
    input_.arguments.push_back(name);
    input_.arguments.push_back(text);
  }
  void variable(const std::string& name, const std::string& text) {
    input_.environment[name] = text;
  }
  std::filesystem::path write(
      const std::string& name, const std::string& text) {
    const auto path = input_.directory / name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
    return path;
  }
  void file(const std::string& text) { write("parallm.toml", text); }

  ParsedConfig parsed() const {
    auto result = parse_server_config(input_);
    if (!result) {
      ADD_FAILURE() << result.error().what();
      return {};
    }
    return std::move(result).value();
  }
  ServerConfig config() const { return parsed().config; }

  // "64 --port: ..." or "no error".
  std::string error() const {
    auto result = parse_server_config(input_);
    return result ? "no error"
                  : std::to_string(result.error().exit_code) + " " +
                        result.error().what();
  }

  StartInput input_{};
};

// What gtest prints in place of the bytes.
inline void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.name;
}

// A value of a setting that is not its default, as a flag would say it.
inline std::string other_value(const Setting& setting) {
  const std::string usual =
      default_texts(setting).empty() ? "" : default_texts(setting).front();
  switch (setting.slot.kind) {
    case Kind::kSwitch:
      return usual == "on" ? "off" : "on";
    case Kind::kChoice:
      return std::string(
          setting.slot.words.back() == usual ? setting.slot.words.front()
                                             : setting.slot.words.back());
    case Kind::kInteger:
      return "3";
    case Kind::kNumber:
    case Kind::kSeconds:
      return "0.25";
    case Kind::kBytes:
      return "48K";
    case Kind::kText:
    case Kind::kList:
      return setting.name == "cors-origin" ? "https://a.example" : "other";
  }
  return {};
}

// The same value as it stands in the file.
inline std::string other_toml(const Setting& setting) {
  const std::string value = other_value(setting);
  switch (setting.slot.kind) {
    case Kind::kSwitch:
      return value == "on" ? "true" : "false";
    case Kind::kInteger:
    case Kind::kNumber:
    case Kind::kSeconds:
      return value;
    default:
      return "\"" + value + "\"";
  }
}

} // namespace parallm
