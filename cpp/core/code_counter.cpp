#include "core/code_counter.hpp"

#include <algorithm>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

// Bytes of a stretch from which on two at a time are counted: what they save must be worth a look
// through the table of pairs.
constexpr std::size_t pairs_from = std::size_t{1} << 16;
// Items for which the choice of a loop holds.
constexpr std::size_t sampled_items = 32768;
constexpr std::uint8_t negative_zero = 0x80;

bool is_fnuz(DType dtype) { return dtype == DType::f8_e4m3fnuz || dtype == DType::f8_e5m2fnuz; }

// The bits of a byte that tell magnitudes apart.
std::uint16_t byte_mask(DType dtype) {
  switch (dtype) {
    case DType::f8_e8m0:
      return 0xFF;
    case DType::f4:
      return 0x77;
    case DType::f4_unpacked:
      return 0x07;
    default:
      return 0x7F;
  }
}

std::uint16_t pair_mask(DType dtype) {
  return static_cast<std::uint16_t>(byte_mask(dtype) * 0x0101);
}

}  // namespace

void CodeCounter::count(DType dtype, const std::byte* items, std::size_t n) {
  if (is_16_bit(dtype)) {
    count_items(items, n, 0x7FFF);
    return;
  }
  if (n >= pairs_from) {
    // Two bytes with one store: the table of pairs says how often each of them occurred.
    const std::size_t pairs = n / 2;
    count_items(items, pairs, pair_mask(dtype));
    pairs_used_ = true;
    if (is_fnuz(dtype)) {
      negative_zeros_ += kernels().count_equal_bytes(items, 2 * pairs, negative_zero);
    }
    items += 2 * pairs;
    n -= 2 * pairs;
  }
  bytes_.resize(sub_tables * 256);
  kernels().count_bytes(items, n, bytes_.data());
}

void CodeCounter::count_items(const std::byte* items, std::size_t n, std::uint16_t mask) {
  const Kernels& loops = kernels();
  items_.resize(item_codes);
  for (std::size_t from = 0; from < n; from += sampled_items) {
    const std::size_t size = std::min(sampled_items, n - from);
    const std::byte* begin = items + 2 * from;
    if (loops.items_are_crowded(begin, size, mask)) {
      crowded_.resize(sub_tables * sub_table_stride);
      crowded_used_ = true;
      loops.count_crowded_items(begin, size, mask, crowded_.data());
    } else {
      loops.count_items(begin, size, mask, items_.data());
    }
  }
}

void CodeCounter::join_tables() {
  if (!crowded_used_) {
    return;
  }
  for (std::size_t table = 0; table < sub_tables; ++table) {
    std::uint32_t* from = crowded_.data() + table * sub_table_stride;
    for (std::size_t code = 0; code < item_codes; ++code) {
      items_[code] += from[code];
      from[code] = 0;
    }
  }
  crowded_used_ = false;
}

Histogram CodeCounter::harvest(DType dtype) {
  join_tables();
  return is_16_bit(dtype) ? harvest_16_bit(dtype) : harvest_bytes(dtype);
}

Histogram CodeCounter::harvest_16_bit(DType dtype) {
  Histogram result(dtype);
  if (items_.empty()) {
    return result;
  }
  const std::uint64_t limit = first_nonfinite_key(dtype);
  result.zeros = items_[0];
  for (std::uint64_t key = 1; key < limit; ++key) {
    if (items_[key] != 0) {
      result.append(key, items_[key], 0);
    }
  }
  result.infs = items_[limit];
  for (std::uint64_t key = limit + 1; key < 0x8000; ++key) {
    result.nans += items_[key];
  }
  std::fill_n(items_.begin(), 0x8000, 0U);
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

void CodeCounter::add_pairs(DType dtype, std::uint64_t* by_raw) {
  if (!pairs_used_) {
    return;
  }
  const unsigned mask = byte_mask(dtype);
  for (unsigned high = 0; high < 256; ++high) {
    if ((high & ~mask) != 0) {
      continue;
    }
    for (unsigned low = 0; low <= mask; ++low) {
      std::uint32_t& count = items_[high << 8 | low];
      by_raw[low] += count;
      by_raw[high] += count;
      count = 0;
    }
  }
  pairs_used_ = false;
  // Pairs drop the sign, which is what makes a zero of these formats a NaN.
  by_raw[0] -= negative_zeros_;
  by_raw[negative_zero] += negative_zeros_;
  negative_zeros_ = 0;
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
    add(dtype == DType::f4 ? raw & 0x0F : raw, by_raw[raw]);
    if (dtype == DType::f4) {
      add(raw >> 4, by_raw[raw]);
    }
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
