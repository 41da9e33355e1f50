// How often each magnitude of F32 or F64 occurs, where these are few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightgauge {

// A hash table of keys, whose slots are asked one after the other from a key's own place on.
template <class Key>
class KeyCounts {
 public:
  // One table counts no more items than these.
  static constexpr std::uint64_t most_items = std::uint64_t{1} << 31;

  KeyCounts();

  // Counts the keys of n items, zero and non-finite included. Returns false, with some of them
  // counted, where there are more than `most` different ones.
  bool add(const std::byte* packed, std::size_t n, std::size_t most);
  // Items that have been counted.
  std::uint64_t items() const { return items_; }
  std::uint64_t count_of(Key key) const;
  void append_keys(std::vector<Key>& to) const;

 private:
  struct Slot {
    Key key;
    Key count;
  };
  static constexpr Key no_key = ~Key{0};  // has a sign, which keys have not

  std::size_t place_of(Key key) const;
  bool take_slot(std::size_t place, Key key, std::size_t most);

  std::vector<Slot> slots_;
  int shift_;  // from 64 bits of a hash to a place
  std::size_t keys_ = 0;
  std::uint64_t items_ = 0;
};

}  // namespace weightgauge
