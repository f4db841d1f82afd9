#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "config/help.h"
#include "config/json_schema.h"
#include "config/print_config.h"
#include "config/suggest.h"
#include "tests/config/fixture.h"

namespace parallm {
namespace {

using testing::HasSubstr;
using testing::Not;

// Everything at another value, by all three ways.
void say_everything(StartInput& input, std::string& toml) {
  int way = 0;
  for (const Setting& setting : settings()) {
    if (setting.status != Status::kWorks || setting.name == "model-path") {
      continue;
    }
    switch (way++ % 3) {
      case 0:
        input.arguments.push_back(flag_name(setting.name));
        input.arguments.push_back(other_value(setting));
        break;
      case 1:
        input.environment[variable_name(setting.name)] = other_value(setting);
        break;
      case 2:
        toml += key_name(setting.name) + " = " + other_toml(setting) + "\n";
        break;
    }
  }
}

std::string without_comments(const std::string& toml) {
  std::string result;
  std::istringstream lines(toml);
  for (std::string line; std::getline(lines, line);) {
    result += line.substr(0, line.rfind(" # ")) + "\n";
  }
  return result;
}

class TextsTest : public ConfigTest {
 protected:
  // The printed form, as the only input, printed again.
  std::string printed_again(const std::string& toml) {
    file(toml);
    input_.arguments = {"--print-config"};
    input_.environment.clear();
    return config_toml(parsed());
  }
};

TEST_F(TextsTest, PrintedDefaultsReadBackTheSame) {
  input_.arguments.push_back("--print-config");
  const std::string printed = config_toml(parsed());
  EXPECT_EQ(
      without_comments(printed_again(printed)), without_comments(printed));
}

TEST_F(TextsTest, PrintedSettingsReadBackTheSame) {
  input_.arguments.push_back("--print-config");
  std::string toml;
  say_everything(input_, toml);
  file(toml);
  const std::string printed = config_toml(parsed());
  EXPECT_THAT(printed, HasSubstr("model_alias = [\"other\"] # flag"));
  EXPECT_EQ(
      without_comments(printed_again(printed)), without_comments(printed));
}

TEST_F(TextsTest, PrintedTextsAreEscaped) {
  const std::string odd = "a \"b\" \\ # \t c\x7f \xc3\xa9";
  input_.arguments = {"--print-config", "--model-path", odd};
  const std::string printed = config_toml(parsed());
  file(printed);
  input_.arguments.clear();
  EXPECT_EQ(config().model.path, odd);
}

TEST_F(TextsTest, PrintedSettingsSayWhoSetThem) {
  file("port = 1");
  variable("PARALLM_BLOCK_SIZE", "8");
  const std::string printed = config_toml(parsed());
  EXPECT_THAT(printed, HasSubstr("model_path = \"m\" # flag --model-path\n"));
  EXPECT_THAT(
      printed, HasSubstr("block_size = 8 # variable PARALLM_BLOCK_SIZE\n"));
  EXPECT_THAT(printed, HasSubstr("port = 1 # file, parallm.toml:1: port\n"));
  EXPECT_THAT(printed, HasSubstr("max_queue = 1024 # default\n"));
  EXPECT_THAT(printed, HasSubstr("max_body = \"32M\" # default\n"));
}

TEST(Help, ShowsEveryFlagWithinEightyColumns) {
  const std::string help = server_help("parallm serve");
  for (const Setting& setting : settings()) {
    EXPECT_THAT(help, HasSubstr(flag_name(setting.name)));
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_THAT(help, HasSubstr("(32M)"));
  EXPECT_THAT(help, HasSubstr("auto|cpu|metal"));
  EXPECT_THAT(help, HasSubstr("Example:\n  parallm serve --model-path"));
}

TEST(Schema, IsJsonAndClosedToUnknownKeys) {
  const auto schema = boost::json::parse(config_json_schema()).as_object();
  EXPECT_EQ(schema.at("additionalProperties"), false);
  const auto& properties = schema.at("properties").as_object();
  size_t names = 1; // "model"
  for (const Setting& setting : settings()) {
    names += setting.ancestor_name.empty() ? 1 : 2;
    const auto& property = properties.at(key_name(setting.name)).as_object();
    EXPECT_TRUE(property.contains("description")) << setting.name;
    EXPECT_TRUE(property.contains("default")) << setting.name;
  }
  EXPECT_EQ(properties.size(), names);
  const auto& port = properties.at("port").as_object();
  EXPECT_EQ(port.at("maximum"), 65535);
  EXPECT_EQ(port.at("default"), 8000);
  const auto& model = properties.at("model").as_object();
  const auto& inner = model.at("items").at("properties").as_object();
  EXPECT_TRUE(inner.contains("model_path"));
  EXPECT_FALSE(inner.contains("port"));
}

TEST(Suggestion, IsTheClosestNameOrNone) {
  const std::vector<std::string> names{"--port", "--host", "--model-path"};
  EXPECT_EQ(closest("--prot", names), "--port");
  EXPECT_EQ(closest("--model", names), "--model-path");
  EXPECT_EQ(closest("--", names), "");
  EXPECT_EQ(closest("--modelpath", names), "--model-path");
  EXPECT_EQ(closest("--xyzzy", names), "");
  EXPECT_EQ(closest(std::string(100'000, 'x'), names), "");
  EXPECT_EQ(closest("", names), "");
}

TEST(Names, OfASettingFollowFromOne) {
  EXPECT_EQ(variable_name("kv-cache-dtype"), "PARALLM_KV_CACHE_DTYPE");
  EXPECT_EQ(key_name("kv-cache-dtype"), "kv_cache_dtype");
  EXPECT_EQ(
      find_setting("request-timeout-seconds"), find_setting("request-timeout"));
  EXPECT_EQ(find_setting(""), nullptr);
}

} // namespace
} // namespace parallm
