#include "core/exact/quantiles.hpp"

#include <algorithm>

#include "core/base/errors.hpp"

namespace weightgauge {

namespace {

// A bit for each bin from the first one wanted to the last.
class WantedBins {
 public:
  WantedBins(const Batch* batches, std::size_t n_batches, int bin_bits)
      : bin_bits_(bin_bits), first_(batches[0].range.first >> bin_bits) {
    size_ = (batches[n_batches - 1].range.last >> bin_bits) - first_ + 1;
    bits_.resize(size_ / 64 + 1);
    for (std::size_t b = 0; b < n_batches; ++b) {
      const std::uint64_t bin = (batches[b].range.first >> bin_bits) - first_;
      bits_[bin / 64] |= std::uint64_t{1} << (bin % 64);
    }
  }

  // Appends the keys of wanted bins; returns how many they are. There is room for n.
  template <class Key>
  std::size_t find(const std::byte* items, std::size_t n, Key* keys) const {
    const std::uint64_t* const bits = bits_.data();
    const std::uint64_t first = first_;
    const std::uint64_t size = size_;
    const int bin_bits = bin_bits_;
    std::size_t found = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // Written always, kept only where it is wanted: no branch to mispredict. Not wanted is the
      // key of zero, which is in the first bin of all but has no rank.
      const Key key = detail::key_of<Key>(items + i * sizeof(Key));
      const std::uint64_t bin = std::min((std::uint64_t{key} >> bin_bits) - first, size);
      keys[found] = key;
      found += bits[bin / 64] >> (bin % 64) & (key != 0 ? 1U : 0U);
    }
    return found;
  }

 private:
  int bin_bits_;
  std::uint64_t first_;
  std::uint64_t size_;
  std::vector<std::uint64_t> bits_;  // and one that is no bin's
};

std::uint64_t elements_of(const Batch* batches, std::size_t n_batches) {
  std::uint64_t elements = 0;
  for (std::size_t b = 0; b < n_batches; ++b) {
    elements += batches[b].count;
  }
  return elements;
}

// All keys of the bins, sorted.
template <class Key>
void look_up_keys(const ByteSource& source, const View& view, const Batch* batches,
                  std::size_t n_batches, int bin_bits, ReadBuffer& buffer, KeySpace<Key>& space,
                  const Control& control) {
  constexpr std::size_t block = 4096;
  const auto elements = static_cast<std::size_t>(elements_of(batches, n_batches));
  const WantedBins wanted(batches, n_batches, bin_bits);
  space.keys.make_room(elements + block + 1);
  space.scratch.make_room(elements);
  Key* const keys = space.keys.data();
  std::size_t found = 0;
  detail::for_each_block<Key>(source, view, block, buffer, control,
                              [&](const std::byte* packed, std::size_t n) {
                                if (found > elements) {
                                  throw DataChanged();
                                }
                                found += wanted.find(packed, n, keys + found);
                              });
  if (found != elements) {
    throw DataChanged();
  }
  radix_sort(keys, space.scratch.data(), found);
}

template <class Key>
void pick_keys(const ByteSource& source, const View& view, const Batch* batches,
               std::size_t n_batches, ReadBuffer& buffer, KeySpace<Key>& space,
               const Control& control, std::vector<Key*>& begins) {
  begins = detail::gather_keys(source, view, batches, n_batches, buffer, control, space.keys);
  for (std::size_t b = 0; b < n_batches; ++b) {
    const auto count = static_cast<std::size_t>(batches[b].count);
    space.scratch.make_room(count);
    radix_sort(begins[b], space.scratch.data(), count);
  }
}

template <class Key>
std::vector<double> select_ranks(const ByteSource& source, const View& view, const Batch* batches,
                                 std::size_t n_batches, int bin_bits,
                                 const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                 KeySpace<Key>& space, const Control& control) {
  std::vector<Key*> begins;
  if (n_batches <= most_picked) {
    pick_keys(source, view, batches, n_batches, buffer, space, control, begins);
  } else {
    look_up_keys(source, view, batches, n_batches, bin_bits, buffer, space, control);
    Key* begin = space.keys.data();
    for (std::size_t b = 0; b < n_batches; begin += batches[b++].count) {
      begins.push_back(begin);
    }
  }
  std::vector<double> magnitudes;
  auto next = std::lower_bound(ranks.begin(), ranks.end(), batches[0].rank_before);
  for (std::size_t b = 0; b < n_batches; ++b) {
    const std::uint64_t end = batches[b].rank_before + batches[b].count;
    for (; next != ranks.end() && *next < end; ++next) {
      magnitudes.push_back(magnitude_value(view.dtype, begins[b][*next - batches[b].rank_before]));
    }
  }
  return magnitudes;
}

// Of one batch that holds more than can be sorted at once.
std::vector<double> walk_to_ranks(const ByteSource& source, const View& view, const Batch& batch,
                                  const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                  SortSpace& space, const Control& control) {
  std::vector<double> magnitudes;
  auto next = std::lower_bound(ranks.begin(), ranks.end(), batch.rank_before);
  std::uint64_t rank = batch.rank_before;
  for_each_sorted(source, view, batch, buffer, space, control,
                  [&](std::uint64_t key, std::uint64_t count) {
                    rank += count;
                    for (; next != ranks.end() && *next < rank; ++next) {
                      magnitudes.push_back(magnitude_value(view.dtype, key));
                    }
                  });
  return magnitudes;
}

}  // namespace

std::vector<Batch> plan_ranks(const Histogram& bins, const std::vector<std::uint64_t>& ranks) {
  std::vector<Batch> batches;
  std::uint64_t rank = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < bins.size() && next < ranks.size(); ++i) {
    const std::uint64_t count = bins.counts[i];
    if (ranks[next] < rank + count) {
      batches.push_back({bin_range(bins, i), count, rank});
      while (next < ranks.size() && ranks[next] < rank + count) {
        ++next;
      }
    }
    rank += count;
  }
  return batches;
}

std::vector<double> magnitudes_of_ranks(const ByteSource& source, const View& view,
                                        const Batch* batches, std::size_t n_batches, int bin_bits,
                                        const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                        SortSpace& space, const Control& control) {
  if (batches[0].count > batch_limit(view.dtype)) {
    return walk_to_ranks(source, view, batches[0], ranks, buffer, space, control);
  }
  if (view.dtype == DType::f32) {
    return select_ranks(source, view, batches, n_batches, bin_bits, ranks, buffer,
                        space.of<std::uint32_t>(), control);
  }
  return select_ranks(source, view, batches, n_batches, bin_bits, ranks, buffer,
                      space.of<std::uint64_t>(), control);
}

}  // namespace weightgauge
