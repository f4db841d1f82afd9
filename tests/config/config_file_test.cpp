#include "config/config_file.h"

#include <gmock/gmock.h>

#include "config/text_file.h"
#include "tests/config/fixture.h"

namespace parallm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Reads as somebody who is not root, for whom file modes count.
class AsNobody {
 public:
  AsNobody() : was_root_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~AsNobody() {
    if (was_root_ && seteuid(0) != 0) {
      ADD_FAILURE() << "cannot become root again";
    }
  }

 private:
  bool was_root_;
};

TEST_F(ConfigTest, NoDefaultFileIsNoError) {
  EXPECT_EQ(error(), "no error");
}

TEST_F(ConfigTest, ReadsAFileByFlagInsteadOfTheDefaultOne) {
  file("port = 1");
  write("mine.toml", "port = 2");
  flag("--config", "mine.toml");
  EXPECT_EQ(config().network.port, 2);
}

TEST_F(ConfigTest, ReadsAFileByVariableUnlessAFlagNamesOne) {
  write("a.toml", "port = 1");
  write("b.toml", "port = 2");
  variable("PARALLM_CONFIG", "a.toml");
  EXPECT_EQ(config().network.port, 1);
  flag("--config", (input_.directory / "b.toml").string());
  EXPECT_EQ(config().network.port, 2);
}

TEST_F(ConfigTest, AFileThatIsNotThereIsNotFound) {
  flag("--config", "none.toml");
  EXPECT_THAT(error(), StartsWith("66 cannot read none.toml: "));
}

TEST_F(ConfigTest, AFolderIsNoFile) {
  flag("--config", ".");
  EXPECT_THAT(error(), StartsWith("66 cannot read .: "));
}

TEST_F(ConfigTest, AFileWithoutPermissionSaysSo) {
  file("port = 1");
  chmod((input_.directory / "parallm.toml").c_str(), 0);
  chmod(input_.directory.c_str(), 0755);
  const AsNobody nobody;
  EXPECT_THAT(error(), StartsWith("77 cannot read parallm.toml: "));
}

TEST_F(ConfigTest, BrokenTomlIsRefusedWithItsLine) {
  file("port = 1\nhost = \n");
  EXPECT_THAT(error(), StartsWith("64 parallm.toml:2: "));
}

TEST_F(ConfigTest, ARepeatedKeyIsRefused) {
  file("port = 1\nport = 2\n");
  EXPECT_THAT(error(), StartsWith("64 parallm.toml:2: "));
}

TEST_F(ConfigTest, TypesOfTheFileMustFit) {
  const std::pair<const char*, const char*> cases[] = {
      {"port = \"80\"", "port: expected an integer from 0 to 65535, got"},
      {"port = 80.5", "got 80.5"},
      {"host = 1", "host: expected a name"},
      {"prefix_cache = 1", "prefix_cache: expected on or off"},
      {"prefix_cache = \"\"", "prefix_cache: expected on or off"},
      {"max_body = 1.5", "max_body: expected bytes"},
      {"model_alias = [1]", "model_alias: expected"},
      {"port = [1]", "port: expected an integer"},
      {"port = {a = 1}", "port: expected an integer"},
      {"dtype = 1979-05-27", "dtype: expected one of"},
      {"max_model_len = \"long\"", "expected checkpoint or an integer"},
  };
  for (const auto& [text, complaint] : cases) {
    file(text);
    EXPECT_THAT(error(), StartsWith("64 parallm.toml:1: ")) << text;
    EXPECT_THAT(error(), HasSubstr(complaint)) << text;
  }
}

TEST_F(ConfigTest, WordsForAutomaticAreTexts) {
  file("max_model_len = \"checkpoint\"\nkv_memory = \"auto\"\n");
  EXPECT_FALSE(config().model.max_model_len);
  EXPECT_FALSE(config().engine.kv_memory);
}

TEST_F(ConfigTest, IntegersAreSecondsToo) {
  file("request_timeout = 3\nsse_keepalive = 0.5\n");
  EXPECT_EQ(config().requests.timeout, Milliseconds(3000));
  EXPECT_EQ(config().network.sse_keepalive, Milliseconds(500));
}

TEST_F(ConfigTest, OneModelTableHoldsTheModelsSettings) {
  input_.arguments.clear();
  file("port = 1\n[[model]]\nmodel_path = \"x\"\nmodel_alias = [\"y\"]\n");
  EXPECT_EQ(config().model.path, "x");
  EXPECT_THAT(config().model.aliases, ElementsAre("y"));
}

TEST_F(ConfigTest, SeveralModelsAreNotAvailable) {
  file("[[model]]\nmodel_path = \"x\"\n[[model]]\nmodel_path = \"y\"\n");
  EXPECT_THAT(
      error(), testing::AllOf(StartsWith("78 "), HasSubstr("not available")));
}

TEST_F(ConfigTest, AModelTableHoldsNothingElse) {
  file("[[model]]\nport = 1\n");
  EXPECT_THAT(
      error(), StartsWith("64 parallm.toml:2: port: not a setting of a model"));
}

TEST_F(ConfigTest, AModelIsATableInDoubleBrackets) {
  for (const char* text :
       {"[model]\nmodel_path=\"x\"", "model = []", "model = 1",
        "model = [1]"}) {
    file(text);
    EXPECT_THAT(error(), HasSubstr("expected [[model]] tables")) << text;
  }
}

TEST_F(ConfigTest, AModelsSettingIsSaidOnce) {
  file("model_path = \"a\"\n[[model]]\nmodel_path = \"b\"\n");
  EXPECT_THAT(error(), HasSubstr("already given as"));
}

TEST_F(ConfigTest, KeyFilesMustBeThere) {
  flag("--api-key-file", "keys");
  EXPECT_THAT(error(), StartsWith("66 cannot read keys: "));
}

TEST_F(ConfigTest, KeyFilesMustBeReadable) {
  chmod(write("keys", "me:secret:user").c_str(), 0);
  chmod(input_.directory.c_str(), 0755);
  flag("--api-key-file", "keys");
  const AsNobody nobody;
  EXPECT_THAT(error(), StartsWith("77 cannot read keys: "));
}

TEST_F(ConfigTest, KeyFilesOpenToOthersGiveAWarning) {
  const auto path = write("keys", "me:secret:user");
  flag("--api-key-file", "keys");
  EXPECT_THAT(parsed().warnings, IsEmpty());
  chmod(path.c_str(), 0644);
  EXPECT_THAT(parsed().warnings, ElementsAre(HasSubstr("keys holds a secret")));
}

} // namespace
} // namespace parallm
