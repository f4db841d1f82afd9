#include "nn/config_json.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using test::TemporaryFolder;

class ConfigFile : public testing::Test {
 protected:
  ConfigJson read(const std::string& text) {
    folder_.write("config.json", text);
    return ConfigJson::read(folder_.path() / "config.json");
  }

  // What is said of the file, without its path.
  std::string complaint(const std::function<void()>& act) {
    try {
      act();
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      std::string what = error.what();
      const std::string path = (folder_.path() / "config.json: ").string();
      EXPECT_TRUE(what.starts_with(path)) << what;
      return what.substr(path.size());
    }
    return "accepted";
  }

  TemporaryFolder folder_;
};

TEST_F(ConfigFile, ReadsEveryKindOfValue) {
  const auto json = read(
      R"({"n": 3, "x": 0.5, "yes": true, "s": "a", "l": ["b", "c"],
          "ids": [1, 2], "none": null, "o": {"n": 4}})");
  EXPECT_EQ(json.integer("n", 0), 3);
  EXPECT_EQ(json.integer_or("absent", 9, 0), 9);
  EXPECT_EQ(json.integer_or("none", 9, 0), 9);
  EXPECT_EQ(json.number("x", 0, 1), 0.5);
  EXPECT_EQ(json.number("n", 0, 9), 3.0);
  EXPECT_TRUE(json.flag_or("yes", false));
  EXPECT_EQ(json.text("s"), "a");
  EXPECT_EQ(json.texts("l"), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(json.integers("ids", 0), (std::vector<int>{1, 2}));
  EXPECT_EQ(json.integers("n", 0), std::vector<int>{3});
  EXPECT_TRUE(json.integers("none", 0).empty());
  EXPECT_EQ(json.object("o").integer("n", 0), 4);
}

TEST_F(ConfigFile, NamesTheKeyAndWhatItFound) {
  const auto json = read(
      R"({"n": 3.5, "s": 7, "yes": 1, "l": [1], "ids": ["a"], "big": 12,
          "huge": 99999999999, "o": {"n": "x"}})");
  EXPECT_EQ(
      complaint([&] { json.integer("n", 1); }),
      "n is 3.5, expected an integer of at least 1");
  EXPECT_EQ(
      complaint([&] { json.integer("gone", 1); }),
      "gone is missing, expected an integer of at least 1");
  EXPECT_EQ(
      complaint([&] { json.integer("big", 1, 8); }),
      "big is 12, expected an integer from 1 to 8");
  EXPECT_EQ(
      complaint([&] { json.integer("huge", 1); }),
      "huge is 99999999999, expected an integer of at least 1");
  EXPECT_EQ(
      complaint([&] { json.number("big", 0, 1); }),
      "big is 12, expected a number from 0 to 1");
  EXPECT_EQ(
      complaint([&] { json.flag_or("yes", true); }),
      "yes is 1, expected true or false");
  EXPECT_EQ(complaint([&] { json.text("s"); }), "s is 7, expected a string");
  EXPECT_EQ(
      complaint([&] { json.texts("l"); }),
      "l is [1], expected a list of strings");
  EXPECT_EQ(
      complaint([&] { json.integers("ids", 0); }),
      "ids is [\"a\"], expected an integer of at least 0 or a list of them");
  EXPECT_EQ(
      complaint([&] { json.object("o").integer("n", 0); }),
      "o.n is \"x\", expected an integer of at least 0");
  EXPECT_EQ(complaint([&] { json.object("s"); }), "s is 7, expected an object");
}

TEST_F(ConfigFile, ReadsInfinityAsPythonAndTransformersWriteIt) {
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  const auto json = read(
      R"({"bare": [0.5, Infinity], "s": "Infinity \"Infinity", "x": Infinity,
          "wrapped": [0, {"__float__": "Infinity"}], "other": {"a": 1}})");
  EXPECT_EQ(
      json.numbers("bare", 0, kEndless), (std::vector<double>{0.5, kEndless}));
  EXPECT_EQ(
      json.numbers("wrapped", 0, kEndless), (std::vector<double>{0, kEndless}));
  EXPECT_EQ(json.number("x", 0, kEndless), kEndless);
  EXPECT_EQ(json.text("s"), "Infinity \"Infinity");
  EXPECT_EQ(
      complaint([&] { json.number("x", 0, 1); }),
      R"(x is {"__float__":"Infinity"}, expected a number from 0 to 1)");
  EXPECT_NE(complaint([&] { json.number("other", 0, kEndless); }), "accepted");
  EXPECT_NE(complaint([&] { read(R"({"x": "Infinity)"); }), "accepted");
}

TEST_F(ConfigFile, RefusesWhatIsNoJsonObject) {
  EXPECT_EQ(complaint([&] { read("[1]"); }), "not a JSON object");
  EXPECT_TRUE(
      complaint([&] { read("{\"a\": "); }).starts_with("not valid JSON: "));
  EXPECT_TRUE(complaint([&] { read(""); }).starts_with("not valid JSON: "));
}

TEST_F(ConfigFile, ReadsTheObjectsOfAList) {
  const auto file = folder_.path() / "list.json";
  EXPECT_TRUE(ConfigJson::read_list_if_present(file).empty());
  folder_.write("list.json", R"([{"s": "a"}, 1, {"s": "b"}])");
  const auto objects = ConfigJson::read_list_if_present(file);
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].text("s"), "a");
  EXPECT_EQ(objects[1].text("s"), "b");
  for (const char* text : {"", "[", "{}", "[1]"}) {
    folder_.write("list.json", text);
    EXPECT_TRUE(ConfigJson::read_list_if_present(file).empty()) << text;
  }
}

TEST_F(ConfigFile, SaysThatAFileIsAbsent) {
  const auto file = folder_.path() / "config.json";
  EXPECT_FALSE(ConfigJson::read_if_present(file));
  try {
    ConfigJson::read(file);
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNotFound);
    EXPECT_EQ(error.what(), file.string() + ": no such file");
  }
}

} // namespace
} // namespace parallm
