// One thread's memory for bytes that are read, gathered or decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/io/decoding.hpp"

namespace weightgauge {

// The bytes are aligned for any element format.
class ReadBuffer {
 public:
  static constexpr std::size_t bytes = 256 * 1024;
  std::byte* data() {
    if (storage_.empty()) {
      storage_.resize(bytes / sizeof(std::uint64_t));
    }
    return reinterpret_cast<std::byte*>(storage_.data());
  }
  DecodingSpace& decoding_space() { return decoding_space_; }
  // Room for bytes of a file of which only some are wanted.
  static constexpr std::size_t span_bytes = 64 * 1024;
  std::byte* span() {
    span_.resize(span_bytes);
    return span_.data();
  }
  // Another buffer, for a caller that needs one while this one is in use.
  ReadBuffer& inner(std::size_t which) {
    if (inner_.size() <= which) {
      inner_.resize(which + 1);
    }
    if (inner_[which] == nullptr) {
      inner_[which] = std::make_unique<ReadBuffer>();
    }
    return *inner_[which];
  }

 private:
  std::vector<std::unique_ptr<ReadBuffer>> inner_;
  std::vector<std::byte> span_;
  std::vector<std::uint64_t> storage_;
  DecodingSpace decoding_space_;
};

}  // namespace weightgauge
