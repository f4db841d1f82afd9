#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/decoder.h"

// A trained model of 260k parameters against llama2.c.
namespace parallm {
namespace {

using namespace test;
namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kFolder = fs::path(PARALLM_SHARED_DATA) / "models";

json::array goldens(const char* kind) {
  std::ifstream in(kFolder / "stories260k-goldens.json");
  std::ostringstream text;
  text << in.rdbuf();
  return json::parse(text.str()).at(kind).as_array();
}

std::vector<int32_t> ids(const json::value& value) {
  return json::value_to<std::vector<int32_t>>(value);
}

class Stories : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kFolder / "stories260k-goldens.json")) {
      GTEST_SKIP() << "needs ../shared/data/models";
    }
    model_ = load_model(kFolder / "stories260k");
  }

  std::unique_ptr<Model> model_;
};

// One cache for a sequence of up to 256 tokens.
class Sequence {
 public:
  explicit Sequence(const Model& model)
      : model_(model),
        store_(
            {.layers = model.shape().layers,
             .blocks = 16,
             .block_tokens = 16,
             .kv_heads = model.shape().kv_heads,
             .head_dim = model.shape().head_dim}) {
    for (int i = 0; i < 16; ++i) {
      blocks_.push_back(15 - i);
    }
  }

  // (T, V)
  mx::array feed(const std::vector<int32_t>& tokens) {
    const KvRow row{
        blocks_, length_, length_ + static_cast<int>(tokens.size())};
    length_ = row.end;
    PagedAttention attention(store_, std::span(&row, 1));
    SlotStates states(store_, std::span(&row, 1));
    StepContext context{attention, states, attention.positions()};
    return model_.logits(
        model_.hidden({ints(tokens), attention.positions()}, context));
  }

 private:
  const Model& model_;
  KvStore store_;
  std::vector<int32_t> blocks_;
  int length_ = 0;
};

TEST_F(Stories, ContinuesGreedilyAsLlama2c) {
  for (const auto& golden : goldens("greedy")) {
    const auto expected = ids(golden.at("greedy_ids"));
    Sequence sequence(*model_);
    auto logits = sequence.feed(ids(golden.at("ids")));
    std::vector<int32_t> drawn;
    while (drawn.size() < expected.size()) {
      const auto last =
          floats(rows(logits, logits.shape(0) - 1, logits.shape(0)));
      drawn.push_back(static_cast<int32_t>(
          std::max_element(last.begin(), last.end()) - last.begin()));
      logits = sequence.feed({drawn.back()});
    }
    EXPECT_EQ(drawn, expected) << golden.at("text").as_string();
  }
}

TEST_F(Stories, HasTheFirstLogitsOfLlama2c) {
  for (const auto& golden : goldens("greedy")) {
    Sequence sequence(*model_);
    const auto logits = sequence.feed(ids(golden.at("ids")));
    const auto last =
        floats(rows(logits, logits.shape(0) - 1, logits.shape(0)));
    for (const auto& pair : golden.at("top8_first").as_array()) {
      EXPECT_NEAR(
          last[pair.at(0).to_number<int>()], pair.at(1).to_number<float>(),
          1e-4f);
    }
  }
}

// The sum over a text of minus the logarithm of each next token's chance.
double surprise(Sequence& sequence, const std::vector<int32_t>& text) {
  const auto logits = sequence.feed(text);
  const auto chances =
      floats(logits - mx::logsumexp(logits, std::vector<int>{1}, true));
  const int vocab = logits.shape(1);
  double sum = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    sum -= chances[i * vocab + text[i + 1]];
  }
  return sum;
}

TEST_F(Stories, IsAsSurprisedByTextsAsLlama2c) {
  for (const auto& golden : goldens("nll")) {
    Sequence sequence(*model_);
    auto text = ids(golden.at("ids"));
    text.resize(golden.at("scored").to_number<size_t>() + 1);
    EXPECT_NEAR(
        surprise(sequence, text), golden.at("nll").to_number<double>(), 1e-2)
        << golden.at("story");
  }
}

} // namespace
} // namespace parallm
