#include "core/exact/key_counts.hpp"

#include <utility>

#include "core/exact/gather.hpp"

namespace weightgauge {

namespace {

constexpr int first_place_bits = 10;

// The leading bits of the product depend on all bits of a key (Fibonacci hashing; Knuth, 1973).
std::size_t hashed(std::uint64_t key, int shift) {
  return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15ULL >> shift);
}

}  // namespace

template <class Key>
KeyCounts<Key>::KeyCounts()
    : slots_(std::size_t{1} << first_place_bits, Slot{no_key, 0}), shift_(64 - first_place_bits) {}

template <class Key>
std::size_t KeyCounts<Key>::place_of(Key key) const {
  const Slot* const slots = slots_.data();
  const std::size_t last = slots_.size() - 1;
  std::size_t place = hashed(key, shift_);
  while (slots[place].key != key && slots[place].key != no_key) {
    place = (place + 1) & last;
  }
  return place;
}

// At most a quarter of the slots is taken, so that hardly any key lies beyond its own place.
template <class Key>
bool KeyCounts<Key>::take_slot(std::size_t place, Key key, std::size_t most) {
  if (keys_ == most) {
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

template <class Key>
bool KeyCounts<Key>::add(const std::byte* packed, std::size_t n, std::size_t most) {
  items_ += n;
  for (std::size_t i = 0; i < n; ++i) {
    const Key key = detail::key_of<Key>(packed + i * sizeof(Key));
    std::size_t place = place_of(key);
    if (slots_[place].key == no_key) {
      if (!take_slot(place, key, most)) {
        return false;
      }
      place = place_of(key);
    }
    ++slots_[place].count;
  }
  return true;
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
