#pragma once

#include <parallm_bridge.h>

#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "tests/text/shared_data.h"

namespace parallm::test {

// The tokenizers library's own decode(), which knows whole texts only.
class ReferenceDecoder {
 public:
  explicit ReferenceDecoder(const std::string& folder) {
    const auto json = read_text(folder + "/tokenizer.json");
    plb_bytes error{};
    plb_tokenizer_new(
        reinterpret_cast<const uint8_t*>(json.data()), json.size(), &raw_,
        &error);
    plb_bytes_free(error);
  }
  ~ReferenceDecoder() { plb_tokenizer_free(raw_); }
  ReferenceDecoder(const ReferenceDecoder&) = delete;
  ReferenceDecoder& operator=(const ReferenceDecoder&) = delete;

  std::string decode(std::span<const TokenId> ids, bool skip_special) const {
    const std::vector<uint32_t> raw(ids.begin(), ids.end());
    plb_bytes out{};
    plb_bytes error{};
    plb_tokenizer_decode(
        raw_, raw.data(), raw.size(), skip_special, &out, &error);
    std::string text(reinterpret_cast<const char*>(out.data), out.size);
    plb_bytes_free(out);
    plb_bytes_free(error);
    return text;
  }

 private:
  plb_tokenizer* raw_ = nullptr;
};

} // namespace parallm::test
