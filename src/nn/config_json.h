#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parallm {

// A JSON object of a checkpoint, read strictly: a wrong type or a number out
// of range is a StartError that names the file and the key. A key that is null
// counts as absent; Infinity, bare as Python writes it or as transformers does,
// is a number. A light handle; any thread.
class ConfigJson {
 public:
  // Not there: kExitNotFound. Not a JSON object: kExitBadData.
  static ConfigJson read(const std::filesystem::path& file);
  static std::optional<ConfigJson> read_if_present(
      const std::filesystem::path& file);
  // Of a text that stands for such a file.
  static ConfigJson parse(const std::string& file, const std::string& text);
  // The objects of a JSON list; empty where the file is absent or holds
  // anything else.
  static std::vector<ConfigJson> read_list_if_present(
      const std::filesystem::path& file);

  // The same, with these values where a key is absent; `object` in JSON.
  ConfigJson with_defaults(const std::string& object) const;

  bool has(const std::string& key) const;     // null counts as absent,
  bool is_null(const std::string& key) const; // but for those who ask
  std::vector<std::string> keys() const;      // in the file's order

  static constexpr int kMost = std::numeric_limits<int>::max();
  int integer(const std::string& key, int least, int most = kMost) const;
  int integer_or(
      const std::string& key, int fallback, int least, int most = kMost) const;
  double number(const std::string& key, double least, double most) const;
  double number_or(
      const std::string& key, double fallback, double least, double most) const;
  bool flag_or(const std::string& key, bool fallback) const;
  bool is_flag(const std::string& key) const;
  bool is_object(const std::string& key) const;
  bool is_text(const std::string& key) const;
  std::string text(const std::string& key) const;
  std::string text_or(
      const std::string& key, const std::string& fallback) const;
  std::vector<std::string> texts(const std::string& key) const;
  // One integer or a list of them.
  std::vector<int> integers(const std::string& key, int least) const;
  // A list of numbers.
  std::vector<double> numbers(
      const std::string& key, double least, double most) const;
  ConfigJson object(const std::string& key) const;

  // Throws a StartError: "config.json: KEY is ..."
  [[noreturn]] void refuse(
      const std::string& key, const std::string& complaint) const;
  [[noreturn]] void refuse_value(
      const std::string& key, const std::string& expected) const;

 private:
  struct Object; // hides the JSON library
  explicit ConfigJson(std::shared_ptr<const Object> object)
      : object_(std::move(object)) {}

  // Shared by copies of the handle; constant.
  std::shared_ptr<const Object> object_;
};

} // namespace parallm
