// The counting of one slice whose bytes come in ranges.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "core/io/byte_ranges.hpp"
#include "core/scan/counting.hpp"
#include "core/scan/slice.hpp"
#include "core/scan/tensor_pages.hpp"

namespace weightgauge {

// Each item is counted once, when the last of its bytes has come: in whatever order ranges come and
// wherever they are cut, the same items are counted.
class FedCounting {
 public:
  // By codes or bins; what is sorted at once is not counted in ranges.
  FedCounting(const Slice& slice, Method method);

  // Counts the items in a range of the slice's file. The counts stay in the workspace's first table
  // until hand_over(). No byte comes twice.
  void count(ByteRange range, const std::byte* bytes, Workspace& workspace);
  void hand_over(Workspace& workspace) { counting_.hand_over(0, workspace); }
  // After all bytes have come, and all counts are handed over: as Phase::finish().
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) {
    counting_.add_notes(pages_.notes());
    return counting_.finish(workspace, control);
  }

 private:
  // An item of which some bytes have come.
  struct CutItem {
    std::array<std::byte, sizeof(std::uint64_t)> bytes;
    std::size_t have = 0;
  };

  void count_range(ByteRange range, const std::byte* bytes, const Noting& noting,
                   Workspace& workspace);
  void count_block(const View& block, ByteRange range, const std::byte* bytes, Noting noting,
                   Workspace& workspace);
  void join(std::uint64_t at, ByteRange range, const std::byte* bytes, Workspace& workspace);
  void count_packed(const std::byte* items, std::size_t n, const Noting& noting,
                    Workspace& workspace);

  Slice slice_;
  Method method_;
  Counting counting_;
  TensorPages pages_;
  std::map<std::uint64_t, CutItem> cut_items_;  // by their first byte
};

}  // namespace weightgauge
