#include <gmock/gmock.h>

#include "config/json_schema.h"
#include "config/print_config.h"
#include "tests/config/fixture.h"

namespace parallm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Each test below runs once for each line of the table of settings.
class EverySetting : public ConfigTest,
                     public testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    ConfigTest::SetUp();
    if (setting().name == "model-path") {
      input_.arguments.clear();
    }
    // Settings that make sense only together.
    if (setting().name == "tls-cert" || setting().name == "tls-key") {
      write("other", "pem");
      flag(setting().name == "tls-cert" ? "--tls-key" : "--tls-cert", "other");
    }
    if (setting().name == "api-key-file") {
      write("other", "me:secret:user");
    }
    if (setting().name == "metrics-auth") {
      write("keys", "me:secret:user");
      flag("--api-key-file", "keys");
    }
  }
  static const Setting& setting() { return GetParam(); }
  static std::string value() { return other_value(setting()); }

  Texts stored() const {
    const AskedConfig asked{parsed().config};
    return setting().slot.texts(asked, setting().limits);
  }
  // Accepted with a new value, if the feature is there.
  void expect_obeyed(Source source, const std::string& where) const {
    if (setting().status == Status::kLater) {
      EXPECT_THAT(
          error(), testing::AllOf(
                       StartsWith("78 "), HasSubstr(where),
                       HasSubstr("not available in this version")));
      return;
    }
    const ParsedConfig got = parsed();
    const auto origin = got.origins.find(setting().name);
    ASSERT_NE(origin, got.origins.end());
    EXPECT_EQ(origin->second.source, source);
    EXPECT_THAT(origin->second.where, HasSubstr(where));
    if (setting().status == Status::kNoEffect) {
      ASSERT_EQ(got.warnings.size(), 1u);
      EXPECT_THAT(got.warnings[0], HasSubstr(where));
    } else {
      EXPECT_EQ(stored(), Texts{value()});
    }
  }
};

TEST_P(EverySetting, IsObeyedAsFlag) {
  flag(flag_name(setting().name), value());
  expect_obeyed(Source::kFlag, flag_name(setting().name));
}

TEST_P(EverySetting, IsObeyedAsFlagWithEqualsSign) {
  input_.arguments.push_back(flag_name(setting().name) + "=" + value());
  expect_obeyed(Source::kFlag, flag_name(setting().name));
}

TEST_P(EverySetting, IsObeyedAsVariable) {
  variable(variable_name(setting().name), value());
  expect_obeyed(Source::kVariable, variable_name(setting().name));
}

TEST_P(EverySetting, IsObeyedInTheFile) {
  file(key_name(setting().name) + " = " + other_toml(setting()));
  expect_obeyed(Source::kFile, key_name(setting().name));
}

TEST_P(EverySetting, IsInTheSchema) {
  EXPECT_THAT(
      config_json_schema(),
      HasSubstr("\n    \"" + key_name(setting().name) + "\": {"));
}

class EveryDefault : public EverySetting {};

TEST_P(EveryDefault, MayBeSaidAloud) {
  flag(flag_name(setting().name), default_texts(setting()).front());
  EXPECT_EQ(error(), "no error");
}

class EveryFormedValue : public EverySetting {};

TEST_P(EveryFormedValue, IsRefusedAsNonsenseWithNameValueAndRange) {
  flag(flag_name(setting().name), "1,5x");
  EXPECT_THAT(
      error(),
      testing::AllOf(
          StartsWith("64 " + flag_name(setting().name) + ": "),
          HasSubstr("got \"1,5x\""), HasSubstr(expected_value(setting()))));
}

class EveryRange : public EverySetting {};

TEST_P(EveryRange, HoldsAtBothEnds) {
  const Kind kind = setting().slot.kind;
  const auto text = [&](double number) {
    return kind == Kind::kBytes ? bytes_text(static_cast<uint64_t>(number))
                                : number_text(number);
  };
  const Limits& limits = setting().limits;
  AskedConfig asked;
  EXPECT_TRUE(setting().slot.store(asked, {text(limits.least)}, limits));
  EXPECT_TRUE(setting().slot.store(asked, {text(limits.most)}, limits));
  EXPECT_EQ(setting().slot.texts(asked, limits), Texts{text(limits.most)});
  EXPECT_FALSE(setting().slot.store(asked, {text(limits.most + 1)}, limits));
  if (limits.least > 0 || kind != Kind::kBytes) {
    EXPECT_FALSE(setting().slot.store(asked, {text(limits.least - 1)}, limits));
  }
}

std::vector<Setting> settings_with(bool (*wanted)(const Setting&)) {
  std::vector<Setting> result;
  std::ranges::copy_if(settings(), std::back_inserter(result), wanted);
  return result;
}

bool is_text(const Setting& setting) {
  return setting.slot.kind == Kind::kText || setting.slot.kind == Kind::kList;
}

std::string test_name(const testing::TestParamInfo<Setting>& info) {
  return key_name(info.param.name);
}

bool has_default(const Setting& setting) {
  const Texts texts = default_texts(setting);
  return !texts.empty() && !texts.front().empty();
}

bool has_range(const Setting& setting) {
  return !is_text(setting) && setting.slot.kind != Kind::kSwitch &&
         setting.slot.kind != Kind::kChoice;
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    EverySetting,
    testing::ValuesIn(settings_with([](const Setting&) { return true; })),
    test_name);
INSTANTIATE_TEST_SUITE_P(
    Table,
    EveryDefault,
    testing::ValuesIn(settings_with(has_default)),
    test_name);
INSTANTIATE_TEST_SUITE_P(
    Table,
    EveryFormedValue,
    testing::ValuesIn(settings_with([](const Setting& s) {
      return !is_text(s);
    })),
    test_name);
INSTANTIATE_TEST_SUITE_P(
    Table, EveryRange, testing::ValuesIn(settings_with(has_range)), test_name);

} // namespace
} // namespace parallm
