#include "config/parse.h"

#include <gmock/gmock.h>

#include "base/version.h"
#include "tests/config/fixture.h"

namespace parallm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// One for each part, so that a wrong member in the table shows.
TEST_F(ConfigTest, StoresEachSettingInItsOwnPlace) {
  write("key", "pem");
  file(R"(
    model_alias = ["a", "b"]
    max_model_len = 2048
    dtype = "bf16"
    kv_cache_dtype = "f16"
    chat_template = "t.jinja"
    generation_config = "none"
    host = "0.0.0.0"
    port = 9000
    tls_cert = "cert"
    tls_key = "key"
    cors_origin = "*"
    api_key_file = "key"
    max_body = "1M"
    max_connections = 11
    sse_keepalive = 2.5
    max_buffered_bytes = 4096
    io_shards = 3
    text_threads = 4
    device = "cpu"
    threads = 3
    memory_fraction = 0.5
    kv_memory = "1G"
    block_size = 8
    max_batch_size = 6
    max_batch_tokens = 77
    prefix_cache = false
    numerics = "invariant"
    cpu_exact = true
    max_queue = 12
    max_queue_tokens = 5000000000
    stall_timeout = 7
    request_timeout = 1.5
    max_logprobs = 9
    max_choices = 10
    unknown_fields = "warn"
    strict_max_tokens = true
    allow_request_template = true
    log_level = "debug"
    log_format = "json"
    log_requests = "off"
    metrics_prefix = "llm_"
    metrics_auth = true
  )");
  const ServerConfig c = config();
  EXPECT_EQ(c.model.path, "m");
  EXPECT_THAT(c.model.aliases, ElementsAre("a", "b"));
  EXPECT_EQ(c.model.max_model_len, 2048);
  EXPECT_EQ(c.model.dtype, WeightType::kBF16);
  EXPECT_EQ(c.model.kv_cache_dtype, KvType::kF16);
  EXPECT_EQ(c.model.chat_template_file, "t.jinja");
  EXPECT_EQ(c.model.generation_config, GenerationDefaults::kNone);
  EXPECT_EQ(c.network.host, "0.0.0.0");
  EXPECT_EQ(c.network.port, 9000);
  EXPECT_EQ(c.network.tls_cert_file, "cert");
  EXPECT_EQ(c.network.tls_key_file, "key");
  EXPECT_THAT(c.network.cors_origins, ElementsAre("*"));
  EXPECT_EQ(c.network.api_key_file, "key");
  EXPECT_EQ(c.network.max_body, 1u << 20);
  EXPECT_EQ(c.network.max_connections, 11);
  EXPECT_EQ(c.network.sse_keepalive, Milliseconds(2500));
  EXPECT_EQ(c.network.max_buffered_bytes, 4096u);
  EXPECT_EQ(c.network.io_shards, 3);
  EXPECT_EQ(c.network.text_threads, 4);
  EXPECT_EQ(c.engine.device, DeviceChoice::kCpu);
  EXPECT_EQ(c.engine.threads, 3);
  EXPECT_EQ(c.engine.memory_fraction, 0.5);
  EXPECT_EQ(c.engine.kv_memory, Bytes(1) << 30);
  EXPECT_EQ(c.engine.block_size, 8);
  EXPECT_EQ(c.engine.max_batch_size, 6);
  EXPECT_EQ(c.engine.max_batch_tokens, 77);
  EXPECT_FALSE(c.engine.prefix_cache);
  EXPECT_EQ(c.engine.numerics, NumericsChoice::kInvariant);
  EXPECT_TRUE(c.engine.cpu_exact);
  EXPECT_EQ(c.engine.max_queue, 12);
  EXPECT_EQ(c.engine.max_queue_tokens, 5'000'000'000);
  EXPECT_EQ(c.engine.stall_timeout, Milliseconds(7000));
  EXPECT_EQ(c.requests.timeout, Milliseconds(1500));
  EXPECT_EQ(c.requests.max_logprobs, 9);
  EXPECT_EQ(c.requests.max_choices, 10);
  EXPECT_EQ(c.requests.unknown_fields, UnknownFieldPolicy::kWarn);
  EXPECT_TRUE(c.requests.strict_max_tokens);
  EXPECT_TRUE(c.requests.allow_request_template);
  EXPECT_EQ(c.log.level, LogLevel::kDebug);
  EXPECT_EQ(c.log.format, log::Format::kJson);
  EXPECT_EQ(c.log.requests, RequestLog::kOff);
  EXPECT_EQ(c.log.metrics_prefix, "llm_");
  EXPECT_TRUE(c.log.metrics_auth);
}

TEST_F(ConfigTest, HasTheDefaultsOfTheContract) {
  const ServerConfig c = config();
  EXPECT_EQ(c.network.host, "127.0.0.1");
  EXPECT_EQ(c.network.port, 8000);
  EXPECT_EQ(c.network.max_body, 32u << 20);
  EXPECT_EQ(c.network.max_connections, 4096);
  EXPECT_EQ(c.network.sse_keepalive, Milliseconds(10'000));
  EXPECT_EQ(c.network.max_buffered_bytes, 1u << 20);
  EXPECT_EQ(c.engine.memory_fraction, 0.85);
  EXPECT_EQ(c.engine.block_size, 16);
  EXPECT_TRUE(c.engine.prefix_cache);
  EXPECT_EQ(c.engine.max_queue, 1024);
  EXPECT_FALSE(c.engine.kv_memory);
  EXPECT_EQ(c.engine.stall_timeout, Milliseconds(30'000));
  EXPECT_EQ(c.requests.timeout, Milliseconds(0));
  EXPECT_EQ(c.requests.max_logprobs, 20);
  EXPECT_EQ(c.requests.max_choices, 2048);
}

TEST_F(ConfigTest, FlagBeatsVariableBeatsFileBeatsDefault) {
  EXPECT_EQ(config().network.port, 8000);
  file("port = 1");
  EXPECT_EQ(config().network.port, 1);
  variable("PARALLM_PORT", "2");
  EXPECT_EQ(config().network.port, 2);
  flag("--port", "3");
  EXPECT_EQ(config().network.port, 3);
}

TEST_F(ConfigTest, ListsOfAStrongerSourceReplaceThoseOfAWeaker) {
  file("model_alias = [\"from\", \"file\"]");
  EXPECT_THAT(config().model.aliases, ElementsAre("from", "file"));
  variable("PARALLM_MODEL_ALIAS", "x,y");
  EXPECT_THAT(config().model.aliases, ElementsAre("x", "y"));
  flag("--model-alias", "one, with a comma");
  flag("--model-alias", "[two]");
  EXPECT_THAT(
      config().model.aliases, ElementsAre("one, with a comma", "[two]"));
}

TEST_F(ConfigTest, ABadValueIsRefusedEvenIfOverridden) {
  file("port = 99999");
  flag("--port", "3");
  EXPECT_EQ(
      error(),
      "64 parallm.toml:1: port: expected an integer from 0 to 65535, got "
      "\"99999\"");
}

TEST_F(ConfigTest, UnknownFlagIsRefusedWithASuggestion) {
  flag("--prot", "80");
  EXPECT_EQ(error(), "64 unknown flag --prot; did you mean --port?");
}

TEST_F(ConfigTest, UnknownFlagWithValueIsRefusedWithoutTheValue) {
  input_.arguments.push_back("--api-key=secret");
  const std::string message = error();
  EXPECT_THAT(message, StartsWith("64 unknown flag --api-key"));
  EXPECT_THAT(message, testing::Not(HasSubstr("secret")));
}

TEST_F(ConfigTest, UnknownFlagFarFromAllHasNoSuggestion) {
  flag("--xyzzy", "1");
  EXPECT_EQ(error(), "64 unknown flag --xyzzy");
}

TEST_F(ConfigTest, AFlagIsNeverAbbreviated) {
  flag("--model-al", "x");
  EXPECT_EQ(error(), "64 unknown flag --model-al; did you mean --model-alias?");
}

TEST_F(ConfigTest, UnknownVariableIsRefusedWithASuggestion) {
  variable("PARALLM_MAX_BATCHSIZE", "8");
  EXPECT_EQ(
      error(),
      "64 unknown environment variable PARALLM_MAX_BATCHSIZE; did you mean "
      "PARALLM_MAX_BATCH_SIZE?");
}

TEST_F(ConfigTest, OtherVariablesAreNotOurs) {
  variable("PATH", "/bin");
  variable("PARALLMX", "1");
  variable("parallm_port", "1");
  EXPECT_EQ(config().network.port, 8000);
}

TEST_F(ConfigTest, UnknownKeyIsRefusedWithLineAndSuggestion) {
  file("port = 1\nkv_memroy = \"1G\"\n");
  EXPECT_EQ(
      error(),
      "64 parallm.toml:2: kv_memroy: unknown key; did you mean kv_memory?");
}

TEST_F(ConfigTest, AKeyIsSpelledWithUnderscores) {
  file("max-body = 5000");
  EXPECT_THAT(error(), HasSubstr("did you mean max_body?"));
}

TEST_F(ConfigTest, StrayArgumentIsRefused) {
  input_.arguments = {"--strict-max-tokens", "--model-path", "m", "models/x"};
  EXPECT_THAT(error(), StartsWith("64 unexpected argument \"models/x\""));
}

TEST_F(ConfigTest, FlagWithoutItsValueIsRefused) {
  input_.arguments.push_back("--port");
  EXPECT_EQ(error(), "64 --port: expected a value");
}

TEST_F(ConfigTest, FlagGivenTwiceIsRefused) {
  flag("--port", "1");
  flag("--port", "1");
  EXPECT_EQ(error(), "64 --port: given more than once");
}

TEST_F(ConfigTest, NegativeNumbersAreValuesNotFlags) {
  flag("--port", "-1");
  EXPECT_THAT(error(), HasSubstr("from 0 to 65535, got \"-1\""));
}

TEST_F(ConfigTest, ABareSwitchIsOn) {
  input_.arguments = {"--strict-max-tokens", "--model-path", "m"};
  EXPECT_TRUE(config().requests.strict_max_tokens);
  input_.arguments = {"--model-path", "m", "--strict-max-tokens"};
  EXPECT_TRUE(config().requests.strict_max_tokens);
  input_.arguments = {"--model-path", "m", "--strict-max-tokens", "off"};
  EXPECT_FALSE(config().requests.strict_max_tokens);
  input_.arguments = {"--model-path", "m", "--prefix-cache=off"};
  EXPECT_FALSE(config().engine.prefix_cache);
  input_.arguments = {"--model-path", "m", "--prefix-cache", "maybe"};
  EXPECT_EQ(error(), "64 --prefix-cache: expected on or off, got \"maybe\"");
}

TEST_F(ConfigTest, AnEmptyValueIsAValue) {
  input_.arguments = {"--chat-template=", "--model-path", "m"};
  EXPECT_EQ(config().model.chat_template_file, "");
  flag("--host", "");
  EXPECT_THAT(error(), HasSubstr("--host: expected"));
}

TEST_F(ConfigTest, MissingModelPathStopsServingOnly) {
  input_.arguments.clear();
  EXPECT_THAT(error(), StartsWith("64 --model-path is missing"));
  input_.arguments = {"--print-config"};
  EXPECT_EQ(parsed().wish, Wish::kPrintConfig);
}

TEST_F(ConfigTest, TheBuiltInModelIsForWhoAsksForNone) {
  input_.builtin_model = "/builtin/tiny";
  EXPECT_EQ(config().model.path, "m");
  input_.arguments.clear();
  EXPECT_EQ(config().model.path, "/builtin/tiny");
  EXPECT_FALSE(parsed().origins.contains("model-path"));
  variable("PARALLM_MODEL_PATH", "v");
  EXPECT_EQ(config().model.path, "v");
}

TEST_F(ConfigTest, HelpAndVersionLookAtNothingElse) {
  variable("PARALLM_NONSENSE", "1");
  file("this is no TOML");
  input_.arguments = {"--nonsense", "--help"};
  EXPECT_EQ(parsed().wish, Wish::kHelp);
  input_.arguments = {"-h"};
  EXPECT_EQ(parsed().wish, Wish::kHelp);
  input_.arguments = {"--version", "--port=x"};
  EXPECT_EQ(parsed().wish, Wish::kVersion);
}

TEST_F(ConfigTest, AncestorFlagsGiveOneWarning) {
  flag("--batch-timeout", "0.1");
  flag("--max-concurrent-streams", "4");
  flag("--scheduler", "legacy");
  flag("--max-batch-size", "8");
  const ParsedConfig got = parsed();
  EXPECT_THAT(
      got.warnings,
      ElementsAre(
          "--batch-timeout, --max-concurrent-streams, --scheduler: without "
          "effect, batching is continuous"));
  EXPECT_EQ(got.config.engine.max_batch_size, 8);
}

TEST_F(ConfigTest, TheAncestorsTimeoutIsOurs) {
  flag("--request-timeout-seconds", "600.0");
  EXPECT_EQ(config().requests.timeout, Milliseconds(600'000));
  EXPECT_THAT(parsed().warnings, IsEmpty());
  flag("--request-timeout", "5");
  EXPECT_EQ(error(), "64 --request-timeout: given more than once");
}

TEST_F(ConfigTest, BothNamesOfOneSettingInOneSourceAreRefused) {
  variable("PARALLM_REQUEST_TIMEOUT", "1");
  variable("PARALLM_REQUEST_TIMEOUT_SECONDS", "1");
  EXPECT_THAT(error(), AllOf(StartsWith("64 "), HasSubstr("given twice")));
}

TEST_F(ConfigTest, ChoicesThatAreStillToComeAreNotAvailable) {
  input_.arguments = {"--model-path", "m", "--device=cuda"};
  EXPECT_EQ(error(), "78 --device \"cuda\" is not available in this version");
}

TEST_F(ConfigTest, LaterFeaturesNameWhoAskedForThem) {
  file("data_dir = \"/var/lib/parallm\"");
  EXPECT_EQ(
      error(),
      "78 parallm.toml:1: data_dir \"/var/lib/parallm\" is not available in "
      "this version");
  flag("--data-dir", "");
  EXPECT_EQ(error(), "no error");
}

TEST_F(ConfigTest, HalfOfTlsCannotBeHonoured) {
  flag("--tls-cert", "c");
  EXPECT_EQ(error(), "78 --tls-cert and --tls-key need each other");
}

TEST_F(ConfigTest, MetricsNeedKeysToAskForOne) {
  input_.arguments.push_back("--metrics-auth");
  EXPECT_EQ(error(), "78 --metrics-auth needs --api-key-file");
}

TEST_F(ConfigTest, ControlCharactersOfAValueAreNotPrinted) {
  flag("--port", "1\n\x1b[31m2");
  EXPECT_THAT(error(), HasSubstr("got \"1??[31m2\""));
}

TEST_F(ConfigTest, HostsAndOriginsAndPrefixesHaveAForm) {
  for (const char* host :
       {"::1", "localhost", "10.0.0.1", "unix:/run/x.sock"}) {
    input_.arguments = {"--model-path", "m", "--host", host};
    EXPECT_EQ(config().network.host, host);
  }
  for (const char* host : {"http://x", "a b", "unix:"}) {
    input_.arguments = {"--model-path", "m", "--host", host};
    EXPECT_THAT(error(), StartsWith("64 --host: expected"));
  }
  input_.arguments = {"--model-path", "m", "--cors-origin", "example.org"};
  EXPECT_THAT(error(), StartsWith("64 --cors-origin: expected * or"));
  input_.arguments = {"--model-path", "m", "--metrics-prefix", "1x"};
  EXPECT_THAT(error(), StartsWith("64 --metrics-prefix: expected"));
}

// CMakeLists.txt and base/version.h say the same.
TEST_F(ConfigTest, VersionIsThatOfTheBuild) {
  std::ifstream lists(PARALLM_TEST_DATA "/../../CMakeLists.txt");
  const std::string text(
      std::istreambuf_iterator<char>(lists), std::istreambuf_iterator<char>{});
  EXPECT_THAT(
      text,
      HasSubstr(std::string("project(parallm VERSION ") + kVersion + " "));
}

} // namespace
} // namespace parallm
