#pragma once

#include "api/openai/answer_spec.h"
#include "api/openai/service.h"

// Body -> a job that may be admitted, and what its answer will look like.
// Everything that can be refused with 4xx is refused here. Text pool only.
namespace parallm::openai {

struct Prepared {
  GenerateJob job{};
  AnswerSpec spec{};
};

Result<Prepared, ApiError> prepare_chat(
    std::string_view body, const Service& service);
Result<Prepared, ApiError> prepare_completion(
    std::string_view body, const Service& service);

} // namespace parallm::openai
