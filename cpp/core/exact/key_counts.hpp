// How often each magnitude of F32 or F64 occurs, where these are few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightgauge {

// A hash table of keys, whose slots are asked one after the other from a key's own place on. Before
// it stand slots that a key has or has not: they hold the few keys of the row or block at hand, so
// that no element has to search, and stay in the first-level cache. Where that is not what keys are
// like, elements search the table itself.
template <class Key>
class KeyCounts {
 public:
  // One table counts no more items than these.
  static constexpr std::uint64_t most_items = std::uint64_t{1} << 31;

  // For up to `most` different keys.
  explicit KeyCounts(std::size_t most);

  // Counts the keys of n items, zero and non-finite included. Returns false, with some of them
  // counted, where there turn out to be too many different ones.
  bool add(const std::byte* packed, std::size_t n);
  // The same for items that occur as often as is said, which may be never.
  bool add_repeated(const std::byte* packed, const std::uint32_t* counts, std::size_t n);
  // Before counts are asked for. Returns false as add() does.
  bool settle();
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
  bool take_slot(std::size_t place, Key key);
  Slot* find_or_take(Key key);
  bool move_to_table(Slot& slot);
  bool add_to_recent(const std::byte* packed, std::size_t n);
  bool add_to_table(const std::byte* packed, std::size_t n);

  std::size_t most_;
  std::vector<Slot> recent_;
  int searching_ = 0;  // so many blocks
  std::vector<Slot> slots_;
  std::uint64_t multiplier_;
  int shift_;  // from 64 bits of a hash to a place
  std::size_t keys_ = 0;
  std::uint64_t items_ = 0;
};

}  // namespace weightgauge
