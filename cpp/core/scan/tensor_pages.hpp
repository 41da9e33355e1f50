// The pages of a tensor whose bytes come in ranges.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "core/count/byte_notes.hpp"
#include "core/io/byte_ranges.hpp"

namespace weightgauge {

// Pages that a range fills are noted where they lie. The beginning and the end of a range lie in
// pages of which other bytes are still to come: they are kept until the page is complete. These are
// at most two pages for each range that has come, and one where ranges come in order.
class TensorPages {
 public:
  // The place of the tensor, or of a piece that begins with a page, among the bytes from which
  // ranges are taken.
  explicit TensorPages(ByteRange tensor, std::uint64_t first_page = 0)
      : tensor_(tensor), first_page_(first_page) {}

  // The bytes of a range that fill pages; an empty range where there are none.
  ByteRange filled_by(ByteRange range) const;
  std::uint64_t page_at(std::uint64_t byte) const {
    return first_page_ + (byte - tensor_.begin) / page_bytes;
  }

  // Adds a range. No byte may come twice.
  void add(ByteRange range, const std::byte* bytes);
  // Adds the bytes of a range that fill no page.
  void add_rest(ByteRange range, const std::byte* bytes);
  // Of all complete pages.
  const ByteNotes& notes() const { return notes_; }

 private:
  struct Page {
    std::array<std::byte, page_bytes> bytes;
    std::size_t have = 0;
  };
  void add_part(ByteRange range, const std::byte* bytes);

  ByteRange tensor_;
  std::uint64_t first_page_;
  std::map<std::uint64_t, Page> pages_;  // that have begun, by number
  ByteNotes notes_;
};

}  // namespace weightgauge
