#include "delivery/shard.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace parallm {

namespace {

// A reader that is behind gets its deltas one by one up to so many a choice;
// after that they grow together, so that what gathers is text.
constexpr size_t kSeparateDeltas = 16; // guessed

constexpr int kStateRetrySeconds = 5; // guessed: loading or restarting

class JobReply : public Reply {
 public:
  JobReply(DeliveryShard& shard, std::shared_ptr<Job> job)
      : shard_(shard), job_(std::move(job)) {}
  ~JobReply() override { shard_.abandon(*job_); }
  JobReply(const JobReply&) = delete;
  JobReply& operator=(const JobReply&) = delete;

  std::vector<TextDelta> take() override {
    Job& job = *job_;
    if (job.ready.empty()) {
      return {};
    }
    ++job.takes;
    job.buffered_bytes = 0;
    job.untold -= std::exchange(job.ready_ends, 0);
    job.release_if_done();
    return std::exchange(job.ready, std::move(job.spare));
  }

  void reuse(std::vector<TextDelta> spent) override {
    spent.clear();
    job_->spare = std::move(spent);
  }

  void wake_once(std::function<void()> wake) override {
    if (!job_->ready.empty()) {
      wake();
      return;
    }
    job_->wake = std::move(wake);
  }

  void cancel() override { shard_.cancel_open(*job_); }

  bool started() const override { return job_->started; }

 private:
  DeliveryShard& shard_;
  const std::shared_ptr<Job> job_;
};

bool contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

int64_t prompt_tokens(const GenerateJob& job) {
  int64_t tokens = 0;
  for (const GenerateRequest& request : job.requests) {
    tokens += static_cast<int64_t>(request.prompt.size());
  }
  return tokens;
}

Prompt make_prompt(
    const GenerateRequest& request,
    int place,
    const Tokenizer& tokenizer,
    const TextRules& rules) {
  Prompt prompt;
  if (rules.skip_special_tokens) {
    prompt.silent_tokens = request.end_tokens;
  }
  prompt.stop_tokens = request.stop_tokens;
  prompt.choices.reserve(request.choices);
  for (int i = 0; i < request.choices; ++i) {
    prompt.choices.push_back(
        {.request = place, .index = i, .text = ChoiceText(tokenizer, rules)});
  }
  return prompt;
}

std::optional<TokenLogprobs> take_logprobs(TokenEvent& event) {
  return event.details ? std::move(event.details->logprobs) : std::nullopt;
}

} // namespace

DeliveryShard::DeliveryShard(int index, const Common& common)
    : index_(index), common_(common) {
  if (common.metrics) {
    meter_.emplace(*common.metrics);
  }
}

Result<std::unique_ptr<Reply>, Refusal> DeliveryShard::start(
    GenerateJob request) {
  if (auto refusal = not_ready()) {
    return *refusal;
  }
  auto permits =
      common_.admission.enter({prompt_tokens(request), request.memory_bytes});
  if (!permits) {
    return permits.error();
  }
  auto job = make_job(request);
  job->queued = std::move(permits.value().queued);
  job->active = std::move(permits.value().active);
  if (!submit_all(job, std::move(request.requests))) {
    abandon(*job);
    return Refusal{RefusalReason::kFailed, kStateRetrySeconds};
  }
  return std::unique_ptr<Reply>(new JobReply(*this, std::move(job)));
}

void DeliveryShard::deliver(StepEvents events) {
  ++list_;
  if (meter_) {
    meter_->begin_list();
  }
  for (TokenEvent& event : events) {
    if (const auto* entry = table_.find(event.id, event.choice)) {
      apply_safely(*entry, event);
    }
  }
  if (meter_) {
    meter_->end_list();
  }
  wake_touched();
}

void DeliveryShard::abandon(Job& job) {
  cancel_open(job);
  job.watched = false;
  job.wake = nullptr;
  job.ready.clear();
  job.release_if_done();
}

std::optional<Refusal> DeliveryShard::not_ready() const {
  switch (common_.status.state.load()) {
    case EngineState::kReady:
      return std::nullopt;
    case EngineState::kLoading:
      return Refusal{RefusalReason::kLoading, kStateRetrySeconds};
    case EngineState::kDraining:
      return Refusal{RefusalReason::kDraining, kStateRetrySeconds};
    case EngineState::kFailed:
      break;
  }
  return Refusal{RefusalReason::kFailed, kStateRetrySeconds};
}

std::shared_ptr<Job> DeliveryShard::make_job(GenerateJob& request) const {
  PARALLM_CHECK(!request.requests.empty(), "a job without requests");
  auto job = std::make_shared<Job>();
  job->rules = std::move(request.rules);
  job->start_s = Admission::steady_seconds();
  job->prompts.reserve(request.requests.size());
  for (const GenerateRequest& one : request.requests) {
    const int place = static_cast<int>(job->prompts.size());
    job->prompts.push_back(
        make_prompt(one, place, *common_.tokenizer, job->rules));
    job->choices += one.choices;
  }
  job->untold = job->choices;
  return job;
}

// False: the engine has ended; what it did not take is not owed by it.
bool DeliveryShard::submit_all(
    std::shared_ptr<Job> job, std::vector<GenerateRequest> requests) {
  for (size_t i = 0; i < requests.size(); ++i) {
    const int choices = requests[i].choices;
    const RequestId id = table_.add(job, static_cast<int>(i));
    requests[i].id = id;
    requests[i].shard = index_;
    if (!common_.submit(std::move(requests[i]))) {
      table_.remove(id);
      return false;
    }
    job->prompts[i].id = id;
    job->prompts[i].unfinished = choices;
    job->unfinished += choices;
  }
  return true;
}

// Our own fault costs the job it happened to, not the rest of the list.
void DeliveryShard::apply_safely(
    const JobTable::Entry& entry, TokenEvent& event) {
  const auto job = entry.job; // the table may let go of it
  try {
    apply(entry, event);
  } catch (const std::exception& error) {
    log::error("[delivery] a job has failed: {}", error.what());
    end_open(*job, FinishReason::kError);
  }
}

void DeliveryShard::apply(const JobTable::Entry& entry, TokenEvent& event) {
  touch(entry.job); // and so keeps it alive until the end of the list
  Job& job = *entry.job;
  Prompt& prompt = job.prompts[entry.prompt];
  job.started = true;
  job.queued.reset();
  Choice& choice = prompt.choices[event.choice];
  if (choice.phase == Choice::Phase::kOpen && job.watched) {
    read(job, prompt, choice, event);
  }
  if (event.finish && choice.phase != Choice::Phase::kEnded) {
    finish(job, prompt, choice, event);
  }
}

void DeliveryShard::touch(const std::shared_ptr<Job>& job) {
  if (job->touched_list != list_) {
    job->touched_list = list_;
    touched_.push_back(job);
  }
}

void DeliveryShard::read(
    Job& job, Prompt& prompt, Choice& choice, TokenEvent& event) {
  if (event.details && !event.details->prompt_logprobs.empty()) {
    auto& scores = delta_of(job, choice).prompt_logprobs;
    for (TokenLogprobs& score : event.details->prompt_logprobs) {
      scores.push_back(std::move(score));
    }
  }
  if (event.token != kNoToken) {
    if (meter_) {
      meter_->token(job, choice);
    }
    read_token(job, prompt, choice, event);
  }
}

void DeliveryShard::read_token(
    Job& job, Prompt& prompt, Choice& choice, TokenEvent& event) {
  const bool ended = event.finish == FinishReason::kStop;
  if (ended && contains(prompt.stop_tokens, event.token)) {
    choice.end.stop_token = event.token;
    choice.text.push_silent(event.token, take_logprobs(event));
    return;
  }
  if (ended && contains(prompt.silent_tokens, event.token)) {
    choice.text.push_silent(event.token, take_logprobs(event));
    return;
  }
  shown_.clear();
  const int stop = choice.text.push(event.token, take_logprobs(event), shown_);
  if (!shown_.empty()) {
    add_text(job, choice);
  }
  if (stop >= 0) {
    choice.phase = Choice::Phase::kEnding;
    choice.end.reason = FinishReason::kStop;
    choice.end.stop_string = job.rules.stop_strings[stop];
    if (!event.finish) {
      common_.submit(CancelRequest{prompt.id, choice.index});
    }
  } else if (
      !event.finish && job.buffered_bytes > common_.limits.max_buffered_bytes) {
    overflow(job);
  }
}

// The engine is done with the choice. Its end is told only now, even if the
// text side ended it before: the statistics come with this event.
void DeliveryShard::finish(
    Job& job, Prompt& prompt, Choice& choice, TokenEvent& event) {
  if (event.details && event.details->stats) {
    choice.end.stats = *event.details->stats;
  }
  if (job.watched) {
    tell_end(job, prompt, choice, event);
  } else if (choice.phase == Choice::Phase::kOpen) {
    choice.end.reason = *event.finish;
  }
  choice.phase = Choice::Phase::kEnded;
  if (meter_) {
    meter_->finished(job, choice.end.reason, choice.end.stats);
  }
  if (--prompt.unfinished == 0) {
    table_.remove(prompt.id);
  }
  --job.unfinished;
  job.release_if_done();
}

void DeliveryShard::tell_end(
    Job& job, const Prompt& prompt, Choice& choice, TokenEvent& event) {
  if (choice.phase == Choice::Phase::kOpen) {
    choice.end.reason = *event.finish;
    shown_.clear();
    const int stop = choice.text.finish(shown_);
    if (stop >= 0) { // its last character was U+FFFD
      choice.end.reason = FinishReason::kStop;
      choice.end.stop_string = job.rules.stop_strings[stop];
    }
    if (!shown_.empty()) {
      add_text(job, choice);
    }
  }
  if (event.finish == FinishReason::kError && event.details) {
    log::error(
        "request {} failed: {}", static_cast<uint64_t>(prompt.id),
        event.details->error);
  }
  TextDelta& delta = delta_of(job, choice);
  choice.text.settle_rest(delta);
  delta.end = choice.end;
  ++job.ready_ends;
}

// Moves `shown_` to the choice's delta.
void DeliveryShard::add_text(Job& job, Choice& choice) {
  TextDelta& delta = delta_of(job, choice);
  job.buffered_bytes += shown_.size() + choice.text.settle(delta);
  delta.text += shown_;
}

void DeliveryShard::overflow(Job& job) {
  for (Prompt& prompt : job.prompts) {
    for (Choice& choice : prompt.choices) {
      choice.end.overflow = choice.phase == Choice::Phase::kOpen;
    }
  }
  end_open(job, FinishReason::kCancelled);
}

void DeliveryShard::end_open(Job& job, FinishReason reason) {
  cancel_open(job);
  for (Prompt& prompt : job.prompts) {
    for (Choice& choice : prompt.choices) {
      if (choice.phase == Choice::Phase::kOpen) {
        choice.phase = Choice::Phase::kEnding;
        choice.end.reason = reason;
      }
    }
  }
}

void DeliveryShard::cancel_open(const Job& job) {
  for (const Prompt& prompt : job.prompts) {
    if (prompt.unfinished > 0 && prompt.open()) {
      common_.submit(CancelRequest{prompt.id, kAllChoices});
    }
  }
}

// The delta that this list writes for the choice.
TextDelta& DeliveryShard::delta_of(Job& job, Choice& choice) {
  const bool untaken = choice.delta_take == job.takes;
  const bool gathers = job.ready.size() >= kSeparateDeltas * job.choices;
  if (untaken && (choice.delta_list == list_ || gathers)) {
    return job.ready[choice.delta];
  }
  choice.delta = job.ready.size();
  choice.delta_list = list_;
  choice.delta_take = job.takes;
  TextDelta& delta = job.ready.emplace_back();
  delta.request = choice.request;
  delta.choice = choice.index;
  return delta;
}

// A wake may take, start jobs and destroy replies, its own and others.
void DeliveryShard::wake_touched() {
  for (const auto& job : touched_) {
    if (job->wake && !job->ready.empty()) {
      std::exchange(job->wake, nullptr)();
    }
  }
  touched_.clear();
}

} // namespace parallm
