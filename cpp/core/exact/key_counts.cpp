#include "core/exact/key_counts.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>
#include <utility>

#include "core/exact/gather.hpp"

namespace weightgauge {

namespace {

constexpr int recent_bits = 11;
constexpr int first_place_bits = 10;
// After a block in which more than one element in eight found another key in its slot, so many
// search.
constexpr std::size_t block_items = 4096;
constexpr std::size_t items_for_each_miss = 8;
constexpr int blocks_searched = 15;

// An odd number that no file can know: keys that all meet in one place would take hours.
std::uint64_t drawn_multiplier() {
  auto drawn =
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  try {
    std::random_device device;
    drawn ^= std::uint64_t{device()} << 32 | device();
  } catch (const std::exception&) {  // there is no such device, or no descriptor left for it
    drawn *= 0x9E3779B97F4A7C15ULL;
  }
  return drawn | 1;
}

// The leading bits of the product depend on all bits of a key. Of a drawn multiplier, two keys meet
// in one of 2^b places with a probability of at most 2 / 2^b (Dietzfelbinger et al., 1997).
std::size_t hashed(std::uint64_t key, std::uint64_t multiplier, int shift) {
  return static_cast<std::size_t>(key * multiplier >> shift);
}

}  // namespace

template <class Key>
KeyCounts<Key>::KeyCounts(std::size_t most)
    : most_(most),
      recent_(std::size_t{1} << recent_bits, Slot{no_key, 0}),
      slots_(std::size_t{1} << first_place_bits, Slot{no_key, 0}),
      shift_(64 - first_place_bits) {
  static const std::uint64_t drawn = drawn_multiplier();
  multiplier_ = drawn;
}

template <class Key>
std::size_t KeyCounts<Key>::place_of(Key key) const {
  const Slot* const slots = slots_.data();
  const std::size_t last = slots_.size() - 1;
  std::size_t place = hashed(key, multiplier_, shift_);
  while (slots[place].key != key && slots[place].key != no_key) {
    place = (place + 1) & last;
  }
  return place;
}

// At most a quarter of the slots is taken, so that hardly any key lies beyond its own place.
template <class Key>
bool KeyCounts<Key>::take_slot(std::size_t place, Key key) {
  if (keys_ == most_) {
    return false;
  }
  if (4 * ++keys_ <= slots_.size()) {
    slots_[place].key = key;
    return true;
  }
  std::vector<Slot> larger(2 * slots_.size(), Slot{no_key, 0});
  std::swap(slots_, larger);
  --shift_;
  for (const Slot& slot : larger) {
    if (slot.key != no_key) {
      slots_[place_of(slot.key)] = slot;
    }
  }
  slots_[place_of(key)].key = key;
  return true;
}

// The slot of a key in the table; null where there is none left.
template <class Key>
typename KeyCounts<Key>::Slot* KeyCounts<Key>::find_or_take(Key key) {
  std::size_t place = place_of(key);
  if (slots_[place].key == no_key) {
    if (!take_slot(place, key)) {
      return nullptr;
    }
    place = place_of(key);
  }
  return &slots_[place];
}

template <class Key>
bool KeyCounts<Key>::move_to_table(Slot& slot) {
  if (slot.count == 0) {
    return true;
  }
  Slot* const found = find_or_take(slot.key);
  if (found == nullptr) {
    return false;
  }
  found->count += slot.count;
  slot = {no_key, 0};
  return true;
}

template <class Key>
bool KeyCounts<Key>::add(const std::byte* packed, std::size_t n) {
  items_ += n;
  for (std::size_t from = 0; from < n; from += block_items) {
    const std::byte* const begin = packed + from * sizeof(Key);
    const std::size_t size = std::min(block_items, n - from);
    if (!(searching_ > 0 ? add_to_table(begin, size) : add_to_recent(begin, size))) {
      return false;
    }
  }
  return true;
}

template <class Key>
bool KeyCounts<Key>::add_repeated(const std::byte* packed, const std::uint32_t* counts,
                                  std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (counts[i] == 0) {
      continue;
    }
    Slot* const slot = find_or_take(detail::key_of<Key>(packed + i * sizeof(Key)));
    if (slot == nullptr) {
      return false;
    }
    slot->count += counts[i];
    items_ += counts[i];
  }
  return true;
}

template <class Key>
bool KeyCounts<Key>::add_to_table(const std::byte* packed, std::size_t n) {
  --searching_;
  for (std::size_t i = 0; i < n; ++i) {
    const Key key = detail::key_of<Key>(packed + i * sizeof(Key));
    // find_or_take() alone would do, but is then called, not inlined, where keys leave the slots in
    // front: matrices with a scale for each row took a third longer.
    Slot* slot = &slots_[place_of(key)];
    if (slot->key == no_key) {
      slot = find_or_take(key);
      if (slot == nullptr) {
        return false;
      }
    }
    ++slot->count;
  }
  return true;
}

template <class Key>
bool KeyCounts<Key>::add_to_recent(const std::byte* packed, std::size_t n) {
  Slot* const recent = recent_.data();
  const std::uint64_t multiplier = multiplier_;
  std::size_t misses = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Key key = detail::key_of<Key>(packed + i * sizeof(Key));
    Slot& slot = recent[hashed(key, multiplier, 64 - recent_bits)];
    if (slot.key != key) {
      if (!move_to_table(slot)) {
        return false;
      }
      slot.key = key;
      ++misses;
    }
    ++slot.count;
  }
  searching_ = misses * items_for_each_miss > n ? blocks_searched : 0;
  return true;
}

template <class Key>
bool KeyCounts<Key>::settle() {
  return std::all_of(recent_.begin(), recent_.end(),
                     [this](Slot& slot) { return move_to_table(slot); });
}

template <class Key>
std::uint64_t KeyCounts<Key>::count_of(Key key) const {
  return slots_[place_of(key)].count;
}

template <class Key>
void KeyCounts<Key>::append_keys(std::vector<Key>& to) const {
  for (const Slot& slot : slots_) {
    if (slot.key != no_key) {
      to.push_back(slot.key);
    }
  }
}

template class KeyCounts<std::uint32_t>;
template class KeyCounts<std::uint64_t>;

}  // namespace weightgauge
