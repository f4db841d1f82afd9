#pragma once

#include <memory>
#include <string>

#include "config/server_config.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

// A model's tokenizer and chat template, from its folder or from its .gguf.
// Any thread. They throw StartError that names the file.
namespace parallm {

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& model);

// Null when the model has none, and the settings name none.
std::shared_ptr<const ChatTemplate> load_template(
    const ModelSettings& model, const Tokenizer& tokenizer);

} // namespace parallm
