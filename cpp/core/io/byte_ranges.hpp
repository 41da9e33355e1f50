// A set of bytes of one file.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace weightgauge {

struct ByteRange {
  std::uint64_t begin;
  std::uint64_t end;  // the first byte behind the range
};

// The set is kept as ascending ranges that neither overlap nor touch.
class ByteRanges {
 public:
  void add(ByteRange range);
  void remove(ByteRange range);
  bool empty() const { return ends_.empty(); }
  // The parts of a range that are in the set.
  std::vector<ByteRange> inside(ByteRange range) const;
  std::vector<ByteRange> all() const;

 private:
  using Ends = std::map<std::uint64_t, std::uint64_t>;  // begin of a range -> its end
  // The first range that ends behind `byte`.
  Ends::const_iterator after(std::uint64_t byte) const;

  Ends ends_;
};

}  // namespace weightgauge
