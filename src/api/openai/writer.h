#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/context.h"
#include "api/openai/answer.h"

// Answers -> bytes. Its shard only.
// One thread at a time.
namespace parallm::openai {

// How one endpoint writes; there is one for each.
class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view id_prefix() const = 0;
  virtual std::string_view object() const = 0;
  virtual std::string_view chunk_object() const = 0;
  // Do ids and scores of the prompt stand in each choice, or beside them?
  virtual bool prompt_in_choice() const = 0;
  // The member that holds the text: of a whole answer, of the first chunk of
  // a choice (before its text), of one with text, of the last.
  virtual void whole(std::string& out, std::string_view text) const = 0;
  virtual void first(std::string& out, std::string_view echo) const = 0;
  virtual void piece(std::string& out, std::string_view text) const = 0;
  virtual void last(std::string& out) const = 0;
  virtual void logprobs(
      std::string& out,
      std::span<const LogprobEntry> entries,
      int alternatives,
      const Tokenizer& tokenizer) const = 0;
};

const Dialect& chat_dialect();
const Dialect& completion_dialect();

// Writes one answer. What is the same in all chunks is rendered once, so that
// a chunk costs one escape and a few copies.
class Writer {
 public:
  Writer(const Dialect& dialect, const AppContext& app, Answer& answer);

  // The whole answer as one JSON object.
  std::string whole();

  // Appends the chunks that are due: for each choice that has news, its first
  // chunk, a chunk with what is new, and its last one.
  void chunks(std::string& out);
  // After all choices: the usage chunk, if asked for, and [DONE].
  void finish(std::string& out);

 private:
  // Streams
  void choice_chunks(std::string& out, ChoiceState& choice);
  void first_chunk(std::string& out, ChoiceState& choice);
  void piece_chunk(std::string& out, ChoiceState& choice);
  void last_chunk(std::string& out, ChoiceState& choice);
  void open_chunk(std::string& out, int index) const;
  void close_chunk(std::string& out, size_t chunk_start);
  void obfuscate(std::string& out, size_t chunk_start);

  // Members, each with its comma in front
  void head_members(std::string& out, std::string_view object) const;
  void logprobs_member(
      std::string& out, std::span<const LogprobEntry> entries) const;
  void token_members(std::string& out, ChoiceState& choice) const;
  void prompt_members(std::string& out, int prompt) const;
  void usage_member(std::string& out) const;
  void timings_member(std::string& out, const SequenceStats& stats) const;
  void weight_version_member(std::string& out) const;

  // Whole answers
  void whole_choice(std::string& out, ChoiceState& choice, int index);
  void whole_tail(std::string& out) const;
  SequenceStats whole_stats() const;

  std::vector<LogprobEntry> echo_entries(ChoiceState& choice) const;
  std::vector<LogprobEntry> new_entries(ChoiceState& choice) const;

  const Dialect& dialect_;
  const AppContext& app_;
  const AnswerSpec& spec_;
  Answer& answer_;
  const std::string id_;
  const int64_t created_;  // unix seconds
  std::string chunk_head_; // up to the index of the choice
  uint64_t noise_ = 0;     // for obfuscation
};

// 24 characters of [A-Za-z0-9] after the prefix; unique in the process.
std::string random_id(std::string_view prefix);

// `data: {"error":...}`, the end of a stream that failed.
std::string error_event(const ApiError& error);

} // namespace parallm::openai
