#include "core/count/code_counter.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace weightgauge {

namespace {

// From this many bytes on, two are counted at a time. For fewer, going through the table of pairs
// at the harvest would take longer than is saved.
constexpr std::size_t pairs_from = std::size_t{1} << 16;
// What tells magnitudes of 16 bits apart.
constexpr std::uint16_t magnitude_mask = 0x7FFF;
// One loop is chosen for so many items at a time.
constexpr std::size_t sampled_items = 32768;
static_assert(2 * sampled_items % page_bytes == 0);
constexpr std::size_t stretches_of_choice = 4;
constexpr std::uint8_t negative_zero = 0x80;
// Up to this many items it takes less time to find the range of their codes than to go through the
// whole table.
constexpr std::size_t ranged_items = 65536;

bool is_fnuz(DType dtype) { return dtype == DType::f8_e4m3fnuz || dtype == DType::f8_e5m2fnuz; }

// The bits of a byte that tell magnitudes apart.
std::uint16_t byte_mask(DType dtype) {
  switch (dtype) {
    case DType::f8_e8m0:
      return 0xFF;
    case DType::f4_unpacked:
      return 0x07;
    default:
      return 0x7F;
  }
}

std::uint16_t pair_mask(DType dtype) {
  return static_cast<std::uint16_t>(byte_mask(dtype) * 0x0101);
}

// How many codes items can have under a mask.
constexpr std::size_t codes_under(std::uint16_t mask) {
  return mask > 0x7FFF ? item_codes : item_codes / 2;
}

// How many cells such codes need, those of skewed rows and spare ones included.
constexpr std::size_t cells_under(std::uint16_t mask) {
  return std::max(codes_under(mask), skewed_cells);
}

// Three bits of fraction spread weights over so many codes that their pairs need every set of the
// first-level cache. With fewer bits the pairs fit as they are, and moving the rows apart would
// only cost time.
bool has_wide_rows(DType dtype) { return dtype == DType::f8_e4m3 || dtype == DType::f8_e4m3fnuz; }

// Returns a range of codes, its end excluded, that holds all `total` counts of the table. Weights
// use a small part of the table: the range begins around `code`, one that was counted, and grows by
// a step as long as counts are missing, towards the side where more were found last.
std::pair<std::size_t, std::size_t> occupied(const ZeroedCells<std::uint32_t>& counts,
                                             std::uint64_t total, std::size_t code) {
  constexpr std::size_t step = 512;
  constexpr std::size_t codes = codes_under(magnitude_mask);
  const auto sum_from = [&counts](std::size_t first) {
    return kernels().entries.sum_short_counts(counts.data() + first, step);
  };
  std::size_t first = code / step * step;
  std::size_t end = first + step;
  std::uint64_t below = sum_from(first);
  std::uint64_t above = below;
  for (std::uint64_t found = below; found < total && end - first < codes;) {
    if (first > 0 && (below >= above || end == codes)) {
      first -= step;
      below = sum_from(first);
      found += below;
    } else {
      above = sum_from(end);
      found += above;
      end += step;
    }
  }
  return {first, end};
}

// Adds n cells to others and empties them. Stretches of empty ones are only read: a page of memory
// that nobody writes to takes none, and costs other threads nothing.
void move_counts(std::uint32_t* from, std::size_t n, std::uint32_t* to) {
  constexpr std::size_t together = 64;
  for (std::size_t first = 0; first < n; first += together) {
    const std::size_t end = std::min(n, first + together);
    std::uint32_t any = 0;
    for (std::size_t i = first; i < end; ++i) {
      any |= from[i];
    }
    if (any == 0) {
      continue;
    }
    for (std::size_t i = first; i < end; ++i) {
      to[i] += from[i];
      from[i] = 0;
    }
  }
}

}  // namespace

void CodeCounter::count(DType dtype, const std::byte* items, std::size_t n, PageNotes* notes) {
  if (n == 0) {
    return;
  }
  bytes_counted_ += n * item_bytes(dtype);
  if (is_16_bit(dtype)) {
    note_items(items, n);
    count_items(items, n, magnitude_mask, loops_in_place(), notes);
    return;
  }
  if (dtype == DType::f4) {
    kernels().count_halves(items, n, halves_, notes);
    return;
  }
  bytes_.resize(byte_tables * 256);
  if (bytes_counted_ >= pairs_from) {
    const std::size_t pairs = n / 2;
    count_pairs(dtype, items, pairs, notes);
    items += 2 * pairs;
    n -= 2 * pairs;
  } else if (notes != nullptr) {
    kernels().note_pages(items, n / page_bytes * page_bytes, *notes);
  }
  kernels().count_bytes(items, n, bytes_.data());
}

// One store counts two bytes. The table of pairs tells later how often each byte occurred.
void CodeCounter::count_pairs(DType dtype, const std::byte* items, std::size_t pairs,
                              PageNotes* notes) {
  CodeLoops loops = has_wide_rows(dtype) ? skewed_loops() : loops_in_place();
  loops.drop_zeros = kernels().drop_zero_bytes;
  if (!has_wide_rows(dtype)) {
    loops.common = nullptr;  // pairs of a common byte and any other are too close in one table
  }
  count_items(items, pairs, pair_mask(dtype), loops, notes);
  pairs_used_ = true;
  if (is_fnuz(dtype)) {
    negative_zeros_ += kernels().count_equal_bytes(items, 2 * pairs, negative_zero);
  }
}

// A choice among the loops for crowded items holds for several stretches: samples of each would
// take a tenth of the time. Not so where another choice would be several times faster.
void CodeCounter::count_items(const std::byte* items, std::size_t n, std::uint16_t mask,
                              const CodeLoops& loops, PageNotes* notes) {
  items_.make_room(cells_under(mask));  // one that is too small has not been used yet
  LoopChoice choice;
  std::size_t stretches = 0;  // for which the choice still holds
  for (std::size_t from = 0; from < n; from += sampled_items) {
    const std::size_t size = std::min(sampled_items, n - from);
    const std::byte* const begin = items + 2 * from;
    if (stretches == 0) {
      choice = chosen_loop(begin, size, mask, loops);
      const bool momentary = choice.loop == CodeLoop::plain || choice.loop == CodeLoop::few;
      stretches = momentary ? 1 : stretches_of_choice;
    }
    --stretches;
    count_by(choice, begin, size, mask, loops, notes);
  }
}

void CodeCounter::count_by(const LoopChoice& choice, const std::byte* items, std::size_t n,
                           std::uint16_t mask, const CodeLoops& loops, PageNotes* notes) {
  switch (choice.loop) {
    case CodeLoop::plain:
      return loops.plain(items, n, mask, items_.data(), notes);
    case CodeLoop::few:
      return loops.few(items, n, mask, choice.few, items_.data(), notes);
    case CodeLoop::drop_zeros:
      return count_without_zeros(items, n, mask, loops, notes);
    case CodeLoop::common:
      return loops.common(items, n, mask, choice.common, items_.data(), notes);
    case CodeLoop::crowded:
      crowded_.make_room(sub_tables * sub_table_stride);
      crowded_used_ = true;
      note_crowded_range(items, n, mask);
      return loops.crowded(items, n, mask, crowded_.data(), notes);
  }
}

// The other bytes are put side by side and counted in new pairs.
void CodeCounter::count_without_zeros(const std::byte* pairs, std::size_t n, std::uint16_t mask,
                                      const CodeLoops& loops, PageNotes* notes) {
  constexpr std::size_t together = 8192;  // pairs: what is left of them stays in the cache
  static_assert(2 * together % page_bytes == 0);
  others_.resize(2 * together + drop_slack);
  CodeLoops of_others = loops;
  of_others.drop_zeros = nullptr;
  for (std::size_t from = 0; from < n; from += together) {
    const std::size_t bytes = 2 * std::min(together, n - from);
    const std::size_t left = loops.drop_zeros(
        pairs + 2 * from, bytes, static_cast<std::uint8_t>(mask), others_.data(), notes);
    bytes_[0] += static_cast<std::uint32_t>(bytes - left);
    count_items(others_.data(), left / 2, mask, of_others, nullptr);
    kernels().count_bytes(others_.data() + left / 2 * 2, left % 2, bytes_.data());
  }
}

void CodeCounter::note_items(const std::byte* item, std::size_t n) {
  elements_ += n;
  std::memcpy(&one_of_them_, item, sizeof one_of_them_);
  one_of_them_ &= magnitude_mask;
}

// A harvest goes through all sub-tables. For few items it takes less time to find the range of
// their codes first.
void CodeCounter::note_crowded_range(const std::byte* items, std::size_t n, std::uint16_t mask) {
  if (mask != magnitude_mask || bytes_counted_ > 2 * ranged_items) {
    crowded_range_ = {0, static_cast<std::uint16_t>(cells_under(mask) - 1)};
  } else {
    const CodeRange range = kernels().range_of_items(items, n, mask);
    crowded_range_ = {std::min(crowded_range_.least, range.least),
                      std::max(crowded_range_.largest, range.largest)};
  }
}

std::uint32_t* CodeCounter::open_table(const std::byte* item, std::size_t n) {
  items_.make_room(cells_under(magnitude_mask));
  note_items(item, n);
  return items_.data();
}

void CodeCounter::join_tables() {
  if (!crowded_used_) {
    return;
  }
  const auto join = [this](std::size_t first, std::size_t end) {
    for (std::size_t table = 0; table < sub_tables; ++table) {
      move_counts(crowded_.data() + table * sub_table_stride + first, end - first,
                  items_.data() + first);
    }
  };
  join(0, 1);
  join(std::max<std::size_t>(crowded_range_.least, 1), crowded_range_.largest + std::size_t{1});
  crowded_used_ = false;
  crowded_range_ = none_crowded;
}

Histogram CodeCounter::harvest(DType dtype, HarvestSpace& space) {
  join_tables();
  Histogram result = is_16_bit(dtype)     ? harvest_16_bit(dtype, space)
                     : dtype == DType::f4 ? harvest_halves()
                                          : harvest_bytes(dtype);
  elements_ = 0;
  bytes_counted_ = 0;
  return result;
}

Histogram CodeCounter::harvest_16_bit(DType dtype, HarvestSpace& space) {
  Histogram result(dtype);
  if (elements_ == 0) {
    return result;
  }
  const std::size_t limit = first_nonfinite_key(dtype);
  result.zeros = items_[0];
  items_[0] = 0;
  const auto [least, beyond] = occupied(items_, elements_ - result.zeros, one_of_them_);
  const std::size_t first = std::max<std::size_t>(least, 1);
  const std::size_t end = std::min(beyond, limit);
  if (first < end) {
    const std::size_t room = end - first + gather_slack;
    space.codes.resize(std::max(space.codes.size(), room));
    space.counts.resize(space.codes.size());
    const std::size_t found = kernels().entries.take_counts(
        items_.data(), first, end, space.codes.data(), space.counts.data());
    std::fill(items_.data() + first, items_.data() + end, 0U);
    result.keys.swap(space.spare_keys);
    result.counts.swap(space.spare_counts);
    result.keys.resize(found);
    result.counts.resize(found);
    kernels().entries.lengthen(space.codes.data(), found, result.keys.data());
    kernels().entries.lengthen(space.counts.data(), found, result.counts.data());
    result.max_key = found == 0 ? 0 : result.keys.back();
  }
  for (std::size_t key = std::max(first, limit); key < beyond; ++key) {
    (key == limit ? result.infs : result.nans) += items_[key];
    items_[key] = 0;
  }
  return result;
}

void CodeCounter::add_pairs(DType dtype, std::uint64_t* by_raw) {
  if (!pairs_used_) {
    return;
  }
  const unsigned mask = byte_mask(dtype);
  const bool skewed = has_wide_rows(dtype);
  for (unsigned high = 0; high < 256; ++high) {
    if ((high & ~mask) != 0) {
      continue;
    }
    for (unsigned low = 0; low <= mask; ++low) {
      const unsigned pair = high << 8 | low;
      std::uint32_t& count = items_[skewed ? skewed_cell(pair) : pair];
      by_raw[low] += count;
      by_raw[high] += count;
      count = 0;
    }
  }
  pairs_used_ = false;
  // Pairs are counted without signs; but in these formats a zero with a sign is a NaN. Where zeros
  // were left out of the pairs this passes below 0, and the zeros among the single bytes make up
  // for it.
  by_raw[0] -= negative_zeros_;
  by_raw[negative_zero] += negative_zeros_;
  negative_zeros_ = 0;
}

Histogram CodeCounter::harvest_halves() {
  Histogram result(DType::f4);
  result.zeros = halves_[0];
  for (std::uint64_t key = 1; key < 8; ++key) {
    if (halves_[key] != 0) {
      result.append(key, halves_[key], 0);
      result.max_key = key;
    }
  }
  std::fill(std::begin(halves_), std::end(halves_), 0U);
  return result;
}

Histogram CodeCounter::harvest_bytes(DType dtype) {
  // Packed or not, the magnitudes of F4 are the same.
  Histogram result(dtype == DType::f4_unpacked ? DType::f4 : dtype);
  std::uint64_t by_raw[256] = {};
  add_pairs(dtype, by_raw);
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    by_raw[i % 256] += bytes_[i];
    bytes_[i] = 0;
  }
  const CodeTable& codes = code_table(dtype);
  std::uint64_t by_key[256] = {};
  const auto add = [&](unsigned raw, std::uint64_t count) {
    const CodeMeaning meaning = codes.meaning[raw];
    switch (meaning.magnitude) {
      case Magnitude::finite:
        by_key[meaning.key] += count;
        break;
      case Magnitude::zero:
        result.zeros += count;
        break;
      case Magnitude::nan:
        result.nans += count;
        break;
      case Magnitude::inf:
        result.infs += count;
        break;
    }
  };
  for (unsigned raw = 0; raw < 256; ++raw) {
    add(raw, by_raw[raw]);
  }
  for (unsigned key = 0; key < 256; ++key) {
    if (by_key[key] != 0) {
      result.append(key, by_key[key], 0);
    }
  }
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

}  // namespace weightgauge
