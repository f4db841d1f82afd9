#include "runtime/fingerprint.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

class Fingerprint : public testing::Test {
 protected:
  void SetUp() override {
    folder_.write("config.json", "{}");
    folder_.write("model.safetensors", std::string(300'000, 'w'));
    first_ = now();
  }
  std::string now(std::string_view settings = "build") const {
    return system_fingerprint(folder_.path(), {}, settings);
  }

  test::TemporaryFolder folder_;
  std::string first_{};
};

TEST_F(Fingerprint, HasTheFormOfTheContract) {
  EXPECT_EQ(first_.size(), 15u);
  EXPECT_TRUE(first_.starts_with("fp_"));
  EXPECT_EQ(first_.find_first_not_of("0123456789abcdef", 3), first_.npos);
}

TEST_F(Fingerprint, IsTheSameForTheSame) {
  EXPECT_EQ(now(), first_);
  folder_.write("README.md", "not part of the model");
  EXPECT_EQ(now(), first_);
}

TEST_F(Fingerprint, ChangesWithSettings) {
  EXPECT_NE(now("another build"), first_);
}

TEST_F(Fingerprint, ChangesWithTheConfig) {
  folder_.write("config.json", "{ }");
  EXPECT_NE(now(), first_);
}

TEST_F(Fingerprint, ChangesWithWeightsOfTheSameSize) {
  std::string weights(300'000, 'w');
  weights.back() = 'v';
  folder_.write("model.safetensors", weights);
  EXPECT_NE(now(), first_);
}

TEST_F(Fingerprint, ChangesWithTheAdapterAndWithNothingElseInItsFolder) {
  const test::TemporaryFolder adapter;
  const auto adapted = [&] {
    return system_fingerprint(folder_.path(), adapter.path(), "build");
  };
  adapter.write("adapter_config.json", "{}");
  adapter.write("adapters.safetensors", "a");
  const std::string once = adapted();
  EXPECT_NE(once, first_);
  adapter.write("0000100_adapters.safetensors", "half trained");
  EXPECT_EQ(adapted(), once);
  adapter.write("adapters.safetensors", "b");
  const std::string trained = adapted();
  EXPECT_NE(trained, once);
  adapter.write("adapter_config.json", "{ }");
  EXPECT_NE(adapted(), trained);
}

} // namespace
} // namespace parallm
