#pragma once

#include <parallm_bridge.h>

#include <string>
#include <string_view>

namespace parallm::bridge {

// What a call into the bridge fills; gives it back. Any thread.
class Bytes {
 public:
  Bytes() = default;
  ~Bytes() { plb_bytes_free(bytes_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  plb_bytes* out() { return &bytes_; }
  std::string_view view() const {
    return bytes_.size == 0
               ? std::string_view()
               : std::string_view(
                     reinterpret_cast<const char*>(bytes_.data), bytes_.size);
  }
  std::string text() const { return std::string(view()); }

 private:
  plb_bytes bytes_{};
};

class Ids {
 public:
  Ids() = default;
  ~Ids() { plb_ids_free(ids_); }
  Ids(const Ids&) = delete;
  Ids& operator=(const Ids&) = delete;

  plb_ids* out() { return &ids_; }
  const uint32_t* begin() const { return ids_.data; }
  const uint32_t* end() const { return ids_.data + ids_.size; }

 private:
  plb_ids ids_{};
};

inline const uint8_t* data(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

} // namespace parallm::bridge
