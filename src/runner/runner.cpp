#include "runner/runner.h"

#include <cmath>

#include "base/check.h"
#include "kvstore/paged_attention.h"
#include "kvstore/slot_states.h"

namespace parallm {
namespace {

constexpr const char* kNotFinite = "the model's logits are not finite";

// Positions whose next token is to be scored. The last one's successor is
// told by the row, the others' are fed with it.
std::vector<PromptTarget> targets_of(
    const StepRow& row, int first_place, int alternatives, int vocab) {
  std::vector<PromptTarget> targets;
  if (!row.heads.prompt_logprobs) {
    return targets;
  }
  const int count = row.end - row.begin;
  for (int i = 0; i < count; ++i) {
    const TokenId next =
        i + 1 < count ? row.tokens[static_cast<size_t>(i) + 1] : row.next_token;
    if (next != kNoToken) {
      PARALLM_CHECK(next >= 0 && next < vocab, "token {}", next);
      targets.push_back({first_place + i, next, alternatives});
    }
  }
  return targets;
}

// The last position of every row that samples; nothing to pick if those are
// all the tokens there are.
mx::array last_positions(
    const mx::array& hidden, const StepPlan& plan, int samples) {
  if (samples == hidden.shape(0)) {
    return hidden;
  }
  std::vector<int32_t> places;
  places.reserve(static_cast<size_t>(samples));
  int place = 0;
  for (const StepRow& row : plan.rows) {
    place += row.end - row.begin;
    if (row.heads.sample) {
      places.push_back(place - 1);
    }
  }
  return mx::take(
      hidden, mx::array(places.begin(), mx::Shape{samples}, mx::int32), 0);
}

// False if the step that should have brought the token before has failed.
bool follows(const FlightRow& row) {
  return row.slot->prompt_tokens + row.slot->sampler.output_tokens() == row.end;
}

SampleRow sample_row(const FlightRow& row) {
  if (!follows(row)) {
    return {};
  }
  const ChoiceSampler& sampler = row.slot->sampler;
  return {sampler.next(), sampler.logprobs(), sampler.logprobs_mode()};
}

bool all_finite(const std::vector<TokenLogprobs>& scores) {
  for (const TokenLogprobs& score : scores) {
    if (!std::isfinite(score.logprob)) {
      return false;
    }
  }
  return true;
}

std::string error_of(const Flight& flight, const FlightRow& row) {
  if (row.sampled < 0) {
    return {};
  }
  if (!follows(row)) {
    return "the step before has not brought its token";
  }
  return flight.sampled->error(row.sampled);
}

RowResult result_of(Flight& flight, size_t index) {
  const FlightRow& row = flight.rows[index];
  RowResult result;
  result.error = error_of(flight, row);
  result.unsatisfiable = row.sampled >= 0 && follows(row) &&
                         flight.sampled->unsatisfiable(row.sampled);
  if (!row.targets.empty()) {
    result.prompt_logprobs = std::move(flight.prompt_logprobs[index]);
    if (!all_finite(result.prompt_logprobs)) {
      result.error = kNotFinite;
    }
  }
  if (row.sampled < 0 || !result.error.empty()) {
    return result;
  }
  result.accepted = {flight.sampled->id(row.sampled)};
  if (auto logprobs = flight.sampled->logprobs(row.sampled)) {
    result.logprobs.push_back(std::move(*logprobs));
  }
  return result;
}

// Drawn is not yet told: the slot follows when the host has the token.
void advance(SlotState& slot, const RowResult& result) {
  for (TokenId token : result.accepted) {
    slot.sampler.append(token);
    slot.newest = token;
  }
}

void wait_for(Flight& flight) {
  if (!flight.sampled) {
    flight.hidden->eval(); // the step is over when it has run
    return;
  }
  for (mx::array& array : flight.sampled->arrays()) {
    array.eval();
  }
}

} // namespace

Runner::Runner(std::unique_ptr<const Model> model, const KvGeometry& geometry)
    : model_(std::move(model)),
      store_(geometry),
      slots_(model_->shape().vocab) {
}

void Runner::launch(const StepPlan& plan) {
  PARALLM_CHECK(
      flights_.empty() || (flights_.size() == 1 && flights_[0].has_sampled),
      "step {} is launched too early", static_cast<uint64_t>(plan.id));
  const auto before = store_.newest();
  try {
    slots_.apply(plan.slots);
    flights_.push_back(start(plan));
  } catch (...) {
    store_.return_to(before);
    throw;
  }
}

Flight Runner::start(const StepPlan& plan) {
  Flight flight{.id = plan.id};
  if (plan.rows.empty()) {
    return flight;
  }
  StepTokens tokens;
  std::vector<KvRow> kv_rows;
  int samples = 0;
  for (const StepRow& row : plan.rows) {
    flight.rows.push_back(start_row(row, tokens));
    if (row.heads.sample) {
      flight.rows.back().sampled = samples++;
    }
    kv_rows.push_back(
        {flight.rows.back().slot->blocks, row.begin, row.end, row.slot});
  }
  PagedAttention attention(store_, kv_rows);
  SlotStates states(store_, kv_rows);
  StepContext context{attention, states, attention.positions()};
  std::optional<mx::array> ids;
  if (!flights_.empty() && flights_.front().sampled) {
    ids = flights_.front().sampled->ids();
  }
  flight.hidden =
      model_->hidden({tokens.array(ids), attention.positions()}, context);
  if (samples > 0) {
    flight.logits = mx::astype(
        model_->logits(last_positions(*flight.hidden, plan, samples)),
        mx::float32);
  }
  mx::async_eval(flight.logits ? *flight.logits : *flight.hidden);
  flight.pools = store_.newest();
  return flight;
}

FlightRow Runner::start_row(const StepRow& row, StepTokens& tokens) const {
  const auto& slot = slots_.at(row.slot, row.seq);
  PARALLM_CHECK(row.draft_tokens == 0, "{} guesses", row.draft_tokens);
  slot->blocks.insert(
      slot->blocks.end(), row.new_blocks.begin(), row.new_blocks.end());
  const int first_place = tokens.size();
  add_tokens(row, *slot, tokens);
  return {
      slot, row.end, -1,
      targets_of(
          row, first_place, slot->sampler.prompt_logprobs(),
          model_->shape().vocab)};
}

void Runner::add_tokens(
    const StepRow& row, const SlotState& slot, StepTokens& tokens) const {
  if (!row.tokens.empty()) {
    PARALLM_CHECK(
        row.end - row.begin == static_cast<int>(row.tokens.size()),
        "positions {} to {} and {} tokens", row.begin, row.end,
        row.tokens.size());
    for (TokenId token : row.tokens) {
      PARALLM_CHECK(
          token >= 0 && token < model_->shape().vocab, "token {}", token);
      tokens.add(token);
    }
    return;
  }
  PARALLM_CHECK(
      row.end - row.begin == 1 && (slot.pending >= 0 || slot.newest >= 0),
      "positions {} to {} and no token", row.begin, row.end);
  if (slot.pending >= 0) {
    tokens.add_pending(slot.pending);
  } else {
    tokens.add(slot.newest);
  }
}

void Runner::sample(const StepPlan& plan) {
  PARALLM_CHECK(
      flights_.size() == 1 && flights_[0].id == plan.id &&
          !flights_[0].has_sampled,
      "step {} is sampled out of turn", static_cast<uint64_t>(plan.id));
  Flight& flight = flights_.front();
  try {
    draw(flight);
    score_prompts(flight);
    if (flight.sampled) {
      flight.hidden.reset();
    }
  } catch (...) {
    flights_.pop_front();
    store_.forget_pending_writes();
    throw;
  }
  flight.has_sampled = true;
}

void Runner::draw(Flight& flight) {
  if (!flight.logits) {
    return;
  }
  std::vector<SampleRow> rows;
  for (const FlightRow& row : flight.rows) {
    if (row.sampled >= 0) {
      rows.push_back(sample_row(row));
    }
  }
  flight.sampled.emplace(*flight.logits, std::move(rows));
  mx::async_eval(flight.sampled->arrays());
  flight.logits.reset();
  for (FlightRow& row : flight.rows) {
    row.slot->pending = row.sampled;
  }
}

void Runner::score_prompts(Flight& flight) {
  std::vector<PromptTarget> all;
  for (const FlightRow& row : flight.rows) {
    all.insert(all.end(), row.targets.begin(), row.targets.end());
  }
  if (all.empty()) {
    return;
  }
  auto scores = score_prompt(*model_, *flight.hidden, all);
  auto next = std::make_move_iterator(scores.begin());
  for (const FlightRow& row : flight.rows) {
    const auto count = static_cast<long>(row.targets.size());
    flight.prompt_logprobs.emplace_back(next, next + count);
    next += count;
  }
}

StepResult Runner::collect() {
  PARALLM_CHECK(
      !flights_.empty() && flights_.front().has_sampled,
      "there is no step to collect");
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  for (FlightRow& row : flight.rows) {
    row.slot->pending = -1;
    row.slot->newest = row.sampled < 0 ? row.slot->newest : kNoToken;
  }
  StepResult result{.id = flight.id};
  if (flight.rows.empty()) {
    return result;
  }
  try {
    wait_for(flight);
  } catch (...) {
    store_.recover();
    throw;
  }
  store_.keep(flight.pools);
  for (size_t i = 0; i < flight.rows.size(); ++i) {
    result.rows.push_back(result_of(flight, i));
    advance(*flight.rows[i].slot, result.rows.back());
  }
  return result;
}

} // namespace parallm
