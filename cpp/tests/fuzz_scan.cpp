// Any bytes as elements of any format, in any chunks: nothing may crash, every element is counted
// once, and the counts are those of a plain loop.
#include <cmath>
#include <cstdlib>

#include "core/scan/scan.hpp"
#include "support.hpp"

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weightgauge;
  if (size < 3) {
    return 0;
  }
  const auto dtype = static_cast<DType>(data[0] % 11);
  ScanOptions options;
  options.trim = static_cast<Trim>(data[1] % 3);
  options.exact = (data[1] & 4) != 0;
  options.fit = true;
  options.keep_histogram = true;
  options.chunk_bytes = std::size_t{1} + data[2];
  if ((data[1] & 8) != 0) {
    options.probabilities = {0.0, 0.5, 1.0};
  }
  const auto* const first = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(first + 3, first + size);

  const SliceResult result = testing::scan_bytes(dtype, bytes, options);
  const testing::Tally expected = testing::tally(dtype, bytes);
  require(result.n == expected.n);
  require(result.histogram.zeros == expected.zeros);
  require(result.histogram.nans == expected.nans);
  require(result.histogram.infs == expected.infs);
  require(result.histogram.size() == expected.magnitudes.size());
  std::size_t i = 0;
  for (const auto& [magnitude, count] : expected.magnitudes) {
    require(entry_at(result.histogram, i).mean == magnitude);
    require(result.histogram.counts[i++] == count);
  }
  if (!options.probabilities.empty() && expected.n > 0) {
    require(result.quantiles.front() == expected.magnitudes.begin()->first);
    require(result.quantiles.back() == expected.magnitudes.rbegin()->first);
  }
  if (result.fit.status == FitStatus::ok) {
    require(std::isfinite(result.fit.k) && result.fit.k > 0);
    require(result.fit.ks >= 0 && result.fit.ks <= 1);
  }
  return 0;
}
