#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <unordered_map>

#include "base/check.h"
#include "nn/checkpoint.h"
#include "tests/support/arrays.h"
#include "tests/support/temporary_folder.h"

// A checkpoint and an adapter for it, each in a folder of its own. Main thread
// only.
namespace parallm::test {

using Tensors = std::unordered_map<std::string, mx::array>;

class AdapterFolder : public testing::Test {
 protected:
  static constexpr auto kConfigFile = "adapter_config.json";
  static constexpr auto kTensorFile = "adapters.safetensors";

  void save_checkpoint(const Tensors& tensors) const {
    save(base_.path() / "model.safetensors", tensors);
  }

  void save_adapter(const std::string& config, const Tensors& tensors) const {
    adapter_.write(kConfigFile, config);
    save(adapter_.path() / kTensorFile, tensors);
  }

  static std::string config(
      const std::string& type, int rank, const std::string& scale) {
    return R"({"fine_tune_type": ")" + type +
           R"(", "num_layers": 4, "lora_parameters": {"rank": )" +
           std::to_string(rank) + R"(, "scale": )" + scale +
           R"(, "dropout": 0.1}})";
  }

  Checkpoint open(std::optional<mx::Dtype> dtype = std::nullopt) const {
    return Checkpoint(
        base_.path(), dtype, Adapter(AdapterFiles::find(adapter_.path()), "x"));
  }

  // The message, with FOLDER for that of the adapter; checks the exit code.
  std::string complaint(int exit_code, const std::function<void()>& act) const {
    try {
      act();
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, exit_code);
      std::string what = error.what();
      EXPECT_EQ(what.find('\n'), std::string::npos);
      const auto at = what.find(adapter_.path().string());
      return at == std::string::npos
                 ? what
                 : what.replace(at, adapter_.path().string().size(), "FOLDER");
    }
    return "accepted";
  }

  TemporaryFolder base_{};
  TemporaryFolder adapter_{};

 private:
  static void save(const std::filesystem::path& file, const Tensors& tensors) {
    mx::save_safetensors(file.string(), tensors);
  }
};

} // namespace parallm::test
