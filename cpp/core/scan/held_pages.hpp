// Pages of mapped files, once a scan has read all that it wants.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/io/byte_source.hpp"

namespace weightgauge {

// A mapping that ends gives its pages back one by one: where the file system has no large ones that
// takes half as long as counting, and one thread would do it all. So all workers do it before.
class HeldPages {
 public:
  // A multiple of the size of pages everywhere.
  static constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 25;

  explicit HeldPages(const std::vector<std::unique_ptr<ByteSource>>& sources) : sources_(sources) {
    for (const std::unique_ptr<ByteSource>& source : sources) {
      pieces_ += pieces_of(*source);
      ends_.push_back(pieces_);
    }
  }

  // Called by each worker, once all have read what they wanted.
  void give_back(const Control& control) {
    for (;;) {
      const std::uint64_t piece = next_.fetch_add(1, std::memory_order_relaxed);
      if (piece >= pieces_) {
        return;
      }
      control.check();
      const auto found = std::upper_bound(ends_.begin(), ends_.end(), piece);
      const ByteSource& source = *sources_[static_cast<std::size_t>(found - ends_.begin())];
      const std::uint64_t offset = (piece - (*found - pieces_of(source))) * piece_bytes;
      source.give_back(offset, std::min(piece_bytes, source.held_bytes() - offset));
    }
  }

 private:
  static std::uint64_t pieces_of(const ByteSource& source) {
    return (source.held_bytes() + piece_bytes - 1) / piece_bytes;
  }

  const std::vector<std::unique_ptr<ByteSource>>& sources_;
  std::uint64_t pieces_ = 0;
  std::vector<std::uint64_t> ends_;  // of each source, in pieces
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace weightgauge
