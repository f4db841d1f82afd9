#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>

#include "base/hash.h"
#include "base/mailbox.h"
#include "base/thread.h"
#include "delivery/delivery.h"
#include "metrics/server_metrics.h"
#include "tests/delivery/fixture.h"

// Several shards, an engine on its own thread, and clients who come, read,
// stall and go as chance wants. Meant for the thread sanitizer too.
namespace parallm {
namespace {

constexpr int kShards = 3;
constexpr int kJobsPerShard = 300;
constexpr size_t kOpenReplies = 24; // at once on a shard
constexpr int kMaxTurns = 200000;   // a bug fails, it does not hang

// What the model would say: a choice of the request whose prompt is {word}.
int answer_tokens(TokenId word, int choice) {
  return static_cast<int>(hash_combine(word, choice) % 40);
}
char answer_byte(TokenId word, int choice, int position) {
  const uint64_t seed = hash_combine(word, choice);
  return static_cast<char>('a' + hash_combine(seed, position) % 4);
}
std::string answer_text(TokenId word, int choice, const TextRules& rules) {
  std::string text;
  for (int i = 0; i < answer_tokens(word, choice); ++i) {
    text += answer_byte(word, choice, i);
  }
  for (const std::string& stop : rules.stop_strings) {
    text = text.substr(0, text.find(stop));
  }
  return text;
}

// Runs every choice one token a turn, in random steps.
class FakeEngine {
 public:
  Mailbox<EngineCommand> inbox;
  std::vector<std::unique_ptr<Mailbox<StepEvents>>> outboxes;

  FakeEngine() {
    for (int i = 0; i < kShards; ++i) {
      outboxes.push_back(std::make_unique<Mailbox<StepEvents>>());
    }
  }

  void run() {
    for (int turn = 0; turn < kMaxTurns; ++turn) {
      const auto limit = std::chrono::milliseconds(rows_.empty() ? 1 : 0);
      const bool closed = inbox.closed();
      auto commands = inbox.wait_for(limit);
      if (closed && commands.empty() && rows_.empty()) {
        return;
      }
      for (auto& command : commands) {
        obey(command);
      }
      step();
    }
    ADD_FAILURE() << "the engine never came to rest";
  }

 private:
  struct Row {
    RequestId id{};
    int choice = 0;
    int shard = 0;
    TokenId word = 0;
    int position = 0;
    bool cancelled = false;
  };

  void obey(const EngineCommand& command) {
    if (const auto* request = std::get_if<GenerateRequest>(&command)) {
      for (int i = 0; i < request->choices; ++i) {
        rows_.push_back({request->id, i, request->shard, request->prompt[0]});
      }
      return;
    }
    const auto& cancel = std::get<CancelRequest>(command);
    for (Row& row : rows_) {
      const bool all = cancel.choice == kAllChoices;
      if (row.id == cancel.id && (all || row.choice == cancel.choice)) {
        row.cancelled = true;
      }
    }
  }

  void step() {
    std::vector<StepEvents> lists(kShards);
    std::vector<Row> left;
    for (Row& row : rows_) {
      if (random_() % 3 == 0) { // sits this step out
        left.push_back(row);
      } else if (step_row(row, lists[row.shard])) {
        left.push_back(row);
      }
    }
    rows_ = std::move(left);
    for (int i = 0; i < kShards; ++i) {
      if (!lists[i].empty()) {
        outboxes[i]->put(std::move(lists[i]));
      }
    }
  }

  // False: finished.
  static bool step_row(Row& row, StepEvents& events) {
    if (row.cancelled) {
      events.push_back(
          finish_event(row.id, FinishReason::kCancelled, kNoToken, row.choice));
      return false;
    }
    if (row.position == answer_tokens(row.word, row.choice)) {
      events.push_back(
          finish_event(row.id, FinishReason::kStop, kEos, row.choice));
      return false;
    }
    const char byte = answer_byte(row.word, row.choice, row.position++);
    events.push_back(token_event(row.id, byte_token(byte), row.choice));
    return true;
  }

  std::vector<Row> rows_;
  std::mt19937 random_{7};
};

// One shard's clients.
class Clients {
 public:
  Clients(int shard, Delivery& delivery, Mailbox<StepEvents>& events)
      : shard_(shard), delivery_(delivery), events_(events), random_(shard) {}

  int completed() const { return completed_; }
  int gone() const { return gone_; }
  int refused() const { return refused_; }

  void run() {
    for (int turn = 0; turn < kMaxTurns; ++turn) {
      if (started_ < kJobsPerShard && open_.size() < kOpenReplies) {
        start();
      }
      for (auto& list : events_.wait_for(std::chrono::milliseconds(1))) {
        delivery_.deliver(shard_, std::move(list));
      }
      look();
      if (started_ == kJobsPerShard && open_.empty()) {
        return;
      }
    }
    ADD_FAILURE() << "the clients never came to rest";
  }

 private:
  struct Client {
    std::unique_ptr<Reply> reply;
    TextRules rules;
    std::vector<TokenId> words; // one per request
    int choices = 1;
    std::map<std::pair<int, int>, std::string> text;
    std::map<std::pair<int, int>, int> ends;
    int wakes = 0;
  };

  void start() {
    auto client = std::make_unique<Client>();
    const int requests = 1 + static_cast<int>(random_() % 2);
    client->choices = 1 + static_cast<int>(random_() % 3);
    if (random_() % 2) {
      client->rules.stop_strings = {"abc"};
    }
    GenerateJob job = job_of(requests, client->choices, client->rules);
    for (auto& request : job.requests) {
      client->words.push_back(static_cast<TokenId>(random_() % 10000));
      request.prompt = {client->words.back()};
    }
    auto reply = delivery_.shard(shard_).start(std::move(job));
    ++started_;
    if (!reply) {
      ++refused_;
      EXPECT_EQ(reply.error().reason, RefusalReason::kQueueFull);
      return;
    }
    client->reply = std::move(reply).value();
    arm(*client);
    open_.push_back(std::move(client));
  }

  void arm(Client& client) {
    client.reply->wake_once([&client] { ++client.wakes; });
  }

  void look() {
    for (size_t i = 0; i < open_.size();) {
      if (random_() % 200 == 0) { // the client goes away
        ++gone_;
        open_.erase(open_.begin() + static_cast<ptrdiff_t>(i));
      } else if (read(*open_[i])) {
        ++completed_;
        open_.erase(open_.begin() + static_cast<ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }

  // True once every end has come.
  bool read(Client& client) {
    if (client.wakes == 0) {
      return false;
    }
    client.wakes = 0;
    for (const TextDelta& delta : client.reply->take()) {
      const std::pair key(delta.request, delta.choice);
      EXPECT_EQ(client.ends[key], 0) << "a delta after the end";
      client.text[key] += delta.text;
      client.ends[key] += delta.end ? 1 : 0;
      if (delta.end) {
        EXPECT_EQ(delta.end->reason, FinishReason::kStop);
      }
    }
    if (!all_ended(client)) {
      arm(client);
      return false;
    }
    check(client);
    return true;
  }

  static bool all_ended(const Client& client) {
    int ended = 0;
    for (const auto& [key, ends] : client.ends) {
      ended += ends;
    }
    return ended == static_cast<int>(client.words.size()) * client.choices;
  }

  static void check(Client& client) {
    for (const auto& [key, text] : client.text) {
      const TokenId word = client.words[static_cast<size_t>(key.first)];
      EXPECT_EQ(text, answer_text(word, key.second, client.rules));
    }
  }

  const int shard_;
  Delivery& delivery_;
  Mailbox<StepEvents>& events_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Client>> open_;
  int started_ = 0;
  int completed_ = 0;
  int gone_ = 0;
  int refused_ = 0;
};

TEST(DeliveryStorm, EveryClientGetsItsTextAndEveryCountComesBack) {
  EngineStatus status;
  status.state = EngineState::kReady;
  ServerMetrics metrics;
  FakeEngine engine;
  Delivery delivery(
      kShards, tiny_tokenizer(), {.max_queue = 40}, status,
      [&](EngineCommand command) {
        return engine.inbox.put(std::move(command));
      },
      &metrics);
  std::vector<std::unique_ptr<Clients>> clients;
  auto engine_thread = start_thread("engine", [&] { engine.run(); });
  {
    std::vector<Thread> shards;
    for (int i = 0; i < kShards; ++i) {
      auto& outbox = *engine.outboxes[static_cast<size_t>(i)];
      clients.push_back(std::make_unique<Clients>(i, delivery, outbox));
      shards.push_back(
          start_thread("shard", [c = clients.back().get()] { c->run(); }));
    }
  }
  engine.inbox.close();
  engine_thread.join();
  for (int i = 0; i < kShards; ++i) { // what came after the last reply went
    for (auto& list : engine.outboxes[static_cast<size_t>(i)]->take()) {
      delivery.deliver(i, std::move(list));
    }
    EXPECT_GT(clients[static_cast<size_t>(i)]->completed(), 20);
  }
  EXPECT_EQ(delivery.active_jobs(), 0);
  EXPECT_EQ(delivery.queued_jobs(), 0);
}

} // namespace
} // namespace parallm
