#include "core/wide_exact.hpp"

#include <algorithm>
#include <cmath>

#include "core/ks.hpp"

namespace weightgauge {

namespace {

// Aimed at by plan_exact where there are elements enough: each batch is a pass over all of them,
// and work for one thread.
constexpr std::uint64_t wanted_batches = 8;
constexpr std::uint64_t least_batch = std::uint64_t{1} << 18;
KeyRange bin_range(const Histogram& bins, std::size_t i) {
  const int dropped = bins.dropped_bits;
  const std::uint64_t first = bins.keys[i] << dropped;
  // Bin 0 also holds the key of zero, and the last bin may reach into the non-finite keys.
  return {std::max<std::uint64_t>(first, 1),
          std::min<std::uint64_t>(first | ((1ULL << dropped) - 1),
                                  first_nonfinite_key(bins.dtype) - 1)};
}

}  // namespace

std::vector<Batch> plan_exact(const Histogram& leading) {
  const std::uint64_t limit =
      std::clamp(leading.n() / wanted_batches, least_batch, batch_limit(leading.dtype));
  std::vector<Batch> batches;
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < leading.size(); ++i) {
    const KeyRange range = bin_range(leading, i);
    if (!batches.empty() && batches.back().count + leading.counts[i] <= limit) {
      batches.back().range.last = range.last;
      batches.back().count += leading.counts[i];
    } else {
      batches.push_back({range, leading.counts[i], rank});
    }
    rank += leading.counts[i];
  }
  return batches;
}

std::vector<Batch> plan_ranks(const Histogram& leading, const std::vector<std::uint64_t>& ranks) {
  std::vector<Batch> batches;
  std::uint64_t rank = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < leading.size() && next < ranks.size(); ++i) {
    const std::uint64_t count = leading.counts[i];
    if (ranks[next] < rank + count) {
      batches.push_back({bin_range(leading, i), count, rank});
      while (next < ranks.size() && ranks[next] < rank + count) {
        ++next;
      }
    }
    rank += count;
  }
  // What lies between two bins is gathered and sorted along with them where that costs less than
  // one more pass over everything, and fits.
  const std::uint64_t most_between = leading.n() / 16;
  std::vector<Batch> joined;
  for (const Batch& batch : batches) {
    if (!joined.empty()) {
      Batch& last = joined.back();
      const std::uint64_t between = batch.rank_before - (last.rank_before + last.count);
      const std::uint64_t together = batch.rank_before + batch.count - last.rank_before;
      if (between <= most_between && together <= batch_limit(leading.dtype)) {
        last.range.last = batch.range.last;
        last.count = together;
        continue;
      }
    }
    joined.push_back(batch);
  }
  return joined;
}

std::vector<double> batch_magnitudes(const Source& source, const View& view, const Batch& batch,
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

double exact_ks(const Source& source, const View& view, const Histogram& bins, double k,
                LogScale lambda, ReadBuffer& buffer, SortSpace& space, const Control& control) {
  const auto n = static_cast<double>(bins.n());
  const auto cdf = [&](double magnitude) {
    return magnitude > 0 ? weibull_cdf(scaled(magnitude), k, lambda) : 0.0;
  };
  // The distances at the edges of the bins are reached (F_n is flat up to the next magnitude).
  struct Candidate {
    std::size_t bin;
    double most;
    std::uint64_t below;
  };
  double best = 0;
  std::vector<Candidate> candidates;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const std::uint64_t above = below + bins.counts[i];
    const Entry entry = entry_at(bins, i);
    const double f_low = cdf(entry.low);
    const double f_high = cdf(entry.high);
    const double p_low = static_cast<double>(below) / n;
    const double p_high = static_cast<double>(above) / n;
    best = std::max(best, std::max(std::fabs(p_low - f_low), std::fabs(p_high - f_high)));
    candidates.push_back({i, std::max(p_high - f_low, f_high - p_low), below});
    below = above;
  }
  const auto hopeless = [&best](const Candidate& candidate) { return candidate.most <= best; };
  for (;;) {
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(), hopeless),
                     candidates.end());
    if (candidates.empty()) {
      return best;
    }
    // The bins from the most promising one on, as far as one sorting goes.
    const auto start =
        std::max_element(candidates.begin(), candidates.end(),
                         [](const Candidate& a, const Candidate& b) { return a.most < b.most; });
    auto from = start;
    auto to = start;
    const auto elements = [&] { return to->below + bins.counts[to->bin] - from->below; };
    while (to + 1 != candidates.end() &&
           (to + 1)->below + bins.counts[(to + 1)->bin] - from->below <= least_batch) {
      ++to;
    }
    while (from != candidates.begin() &&
           to->below + bins.counts[to->bin] - (from - 1)->below <= least_batch) {
      --from;
    }
    const Batch batch{
        {bin_range(bins, from->bin).first, bin_range(bins, to->bin).last}, elements(), from->below};
    std::uint64_t rank = batch.rank_before;
    for_each_sorted(source, view, batch, buffer, space, control,
                    [&](std::uint64_t key, std::uint64_t count) {
                      const double f = cdf(magnitude_value(view.dtype, key));
                      const double p_low = static_cast<double>(rank) / n;
                      rank += count;
                      const double p_high = static_cast<double>(rank) / n;
                      best = std::max(best, std::max(std::fabs(p_low - f), std::fabs(p_high - f)));
                    });
    candidates.erase(from, to + 1);
  }
}

}  // namespace weightgauge
