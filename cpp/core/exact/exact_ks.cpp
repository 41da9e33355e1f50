#include "core/exact/exact_ks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weightgauge {

namespace {

// Neighbouring bins that may hold the largest distance are sorted together up to so many elements.
constexpr std::uint64_t most_sorted = std::uint64_t{1} << 18;

}  // namespace

double exact_ks(const ByteSource& source, const View& view, const Histogram& bins,
                std::uint64_t censored, double k, LogScale lambda, ReadBuffer& buffer,
                SortSpace& space, const Control& control) {
  const auto n = static_cast<double>(bins.n() + censored);
  const auto cdf = [&](double magnitude) {
    return magnitude > 0 ? weibull_cdf(scaled(magnitude), k, lambda) : 0.0;
  };
  std::vector<std::uint64_t> ranks;
  note_ranks(bins, ranks, censored);
  // The distances at the edges of the bins are reached (F_n is flat up to the next magnitude).
  EdgeDistances edges = edge_distances(bins, ranks, k, lambda);
  double best = edges.largest;
  std::vector<Contender>& contenders = edges.contenders;
  const auto hopeless = [&best](const Contender& contender) { return contender.most <= best; };
  const auto below = [&](std::size_t bin) { return bin == 0 ? censored : ranks[bin - 1]; };
  for (;;) {
    contenders.erase(std::remove_if(contenders.begin(), contenders.end(), hopeless),
                     contenders.end());
    if (contenders.empty()) {
      return best;
    }
    // The bins from the most promising one on, as far as one sorting goes.
    const auto start =
        std::max_element(contenders.begin(), contenders.end(),
                         [](const Contender& a, const Contender& b) { return a.most < b.most; });
    auto from = start;
    auto to = start;
    const auto elements = [&](auto first, auto last) {
      return ranks[last->bin] - below(first->bin);
    };
    while (to + 1 != contenders.end() && elements(from, to + 1) <= most_sorted) {
      ++to;
    }
    while (from != contenders.begin() && elements(from - 1, to) <= most_sorted) {
      --from;
    }
    const Batch batch{{bin_range(bins, from->bin).first, bin_range(bins, to->bin).last},
                      elements(from, to),
                      below(from->bin)};
    std::uint64_t rank = batch.rank_before;
    for_each_sorted(source, view, batch, buffer, space, control,
                    [&](std::uint64_t key, std::uint64_t count) {
                      const double f = cdf(magnitude_value(view.dtype, key));
                      const double p_low = static_cast<double>(rank) / n;
                      rank += count;
                      const double p_high = static_cast<double>(rank) / n;
                      best = std::max(best, std::max(std::fabs(p_low - f), std::fabs(p_high - f)));
                    });
    contenders.erase(from, to + 1);
  }
}

}  // namespace weightgauge
