// Scans any array of any format in two manners. It must not crash and must count every element
// once. The counts must be those of a plain loop, and no bit may depend on the manner.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "core/kernels/kernels.hpp"
#include "core/scan/fed_scan.hpp"
#include "core/scan/scan.hpp"
#include "fuzz_case.hpp"
#include "support.hpp"

namespace {

using namespace weightgauge;
using testing::FuzzCase;
using testing::Manner;
using testing::Place;

#define REQUIRE(condition) require(condition, #condition, __LINE__)

void require(bool condition, const char* what, int line) {
  if (!condition) {
    std::fprintf(stderr, "fuzz_scan.cpp:%d: this does not hold: %s\n", line, what);
    std::abort();
  }
}

// Prints at the end how many slices were counted in bins. Without any, little would be tested.
struct Tell {
  std::uint64_t slices = 0;
  std::uint64_t binned = 0;
  Tell() = default;
  Tell(const Tell&) = delete;
  Tell& operator=(const Tell&) = delete;
  ~Tell() {
    std::fprintf(stderr, "slices: %llu, of which binned: %llu\n",
                 static_cast<unsigned long long>(slices), static_cast<unsigned long long>(binned));
  }
} tell;

// The elements of a slice, counted one by one; magnitudes in ascending order.
struct Plain {
  std::vector<double> magnitudes;
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
  std::uint64_t negatives = 0;

  void add(double value) {
    if (std::isnan(value)) {
      ++nans;
    } else if (std::isinf(value)) {
      ++infs;
    } else if (value == 0) {
      ++zeros;
    } else {
      magnitudes.push_back(std::fabs(value));
      negatives += value < 0 ? 1 : 0;
    }
  }
};

Plain plain(DType dtype, const std::vector<std::byte>& items) {
  Plain found;
  const std::size_t item = item_bytes(dtype);
  for (std::size_t at = 0; at + item <= items.size(); at += item) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, items.data() + at, item);
    found.add(testing::reference_value(dtype, bits));
    if (dtype == DType::f4) {
      found.add(testing::reference_value(dtype, bits >> 4));
    }
  }
  std::sort(found.magnitudes.begin(), found.magnitudes.end());
  return found;
}

// Rows and columns, and clusters of rows, of as many values.
MatrixLayout some_layout(std::uint64_t values) {
  std::uint64_t columns = 1 + values * 0x9E3779B97F4A7C15U % 600;
  while (columns > 1 && values % columns != 0) {
    --columns;
  }
  return {values / columns, columns, 1 + values % 5, 1 + values % 3};
}

// A slice whose items lie side by side is taken for a tensor.
SliceSpec spec_of(const testing::FuzzSlice& slice) {
  const View& view = slice.view;
  const bool whole = view.items() * item_bytes(view.dtype) == view.end() - view.offset;
  return {0, view, whole ? Noted::tensor : Noted::negatives, 0, some_layout(view.elements())};
}

// Feeds all ranges that are wanted, in pieces of at most `most` bytes, the last ones first.
void feed_all(FedScan& fed, const std::vector<std::byte>& bytes, std::size_t most) {
  Control control;
  for (auto wanted = fed.wanted(); !wanted.empty(); wanted = fed.wanted()) {
    for (auto range = wanted.rbegin(); range != wanted.rend(); ++range) {
      const std::uint64_t begin = range->range.begin;
      for (std::uint64_t end = range->range.end; end > begin;) {
        const std::uint64_t from = end - begin > most ? end - most : begin;
        fed.feed(range->file, from, bytes.data() + from, static_cast<std::size_t>(end - from),
                 control);
        end = from;
      }
    }
  }
}

std::vector<SliceResult> scanned_as_fed(const FuzzCase& made, const ScanOptions& options) {
  const std::vector<Spool::File> files = {{"fed", made.bytes.size()}};
  std::vector<FedSlice> slices;
  for (const testing::FuzzSlice& slice : made.slices) {
    slices.push_back({spec_of(slice), {}, false});
  }
  FedScan fed(std::make_unique<Spool>(files, std::filesystem::temp_directory_path().string(),
                                      Spool::usual_memory),
              std::move(slices), options);
  feed_all(fed, made.bytes, options.chunk_bytes);
  return fed.finish();
}

std::vector<SliceResult> scanned(const FuzzCase& made, const Manner& manner, bool exact) {
  ScanOptions options = made.options;
  options.exact = exact;
  options.threads = manner.threads;
  options.chunk_bytes = manner.chunk_bytes;
  use_kernels(manner.level);
  if (manner.place == Place::fed) {
    return scanned_as_fed(made, options);
  }
  const bool in_memory = manner.place == Place::memory;
  const testing::TemporaryFile file(in_memory ? std::vector<std::byte>() : made.bytes);
  std::vector<std::unique_ptr<ByteSource>> sources;
  if (in_memory) {
    sources.push_back(std::make_unique<MemorySource>(made.bytes.data(), made.bytes.size()));
  } else {
    const Io io = manner.place == Place::mapping ? Io::mmap : Io::pread;
    sources.push_back(open_file(file.path(), file.identity(), io));
  }
  std::vector<SliceSpec> slices;
  for (const testing::FuzzSlice& slice : made.slices) {
    slices.push_back(spec_of(slice));
  }
  Control control;
  return scan(sources, slices, options, control, testing::no_watch);
}

// The bits of a magnitude in F32 or F64.
std::uint64_t key_of(DType dtype, double magnitude) {
  std::uint64_t key = 0;
  if (dtype == DType::f64) {
    std::memcpy(&key, &magnitude, sizeof magnitude);
  } else {
    const auto single = static_cast<float>(magnitude);
    std::memcpy(&key, &single, sizeof single);
  }
  return key;
}

void check_entries(const Histogram& histogram, const std::vector<double>& magnitudes) {
  const auto together = [&](double a, double b) {
    return histogram.exact() ? a == b
                             : key_of(histogram.dtype, a) >> histogram.dropped_bits ==
                                   key_of(histogram.dtype, b) >> histogram.dropped_bits;
  };
  std::size_t entry = 0;
  for (std::size_t from = 0; from < magnitudes.size(); ++entry) {
    std::size_t to = from + 1;
    while (to < magnitudes.size() && together(magnitudes[from], magnitudes[to])) {
      ++to;
    }
    REQUIRE(entry < histogram.size());
    REQUIRE(histogram.counts[entry] == to - from);
    const double mean = entry_at(histogram, entry).mean;
    // The sums leave out 22 bits of each F64 key, so the mean may be off by up to half of that.
    const double slack = histogram.exact() ? 0 : std::max(0x1p-31 * mean, 0x1p-1053);
    REQUIRE(mean >= magnitudes[from] - slack && mean <= magnitudes[to - 1] + slack);
    from = to;
  }
  REQUIRE(entry == histogram.size());
}

void check_result(const SliceResult& result, const Plain& expected, const ScanOptions& options) {
  const std::vector<double>& magnitudes = expected.magnitudes;
  const std::size_t n = magnitudes.size();
  REQUIRE(result.n == n);
  REQUIRE(result.histogram.zeros == expected.zeros);
  REQUIRE(result.histogram.nans == expected.nans);
  REQUIRE(result.histogram.infs == expected.infs);
  REQUIRE(result.notes.negatives == expected.negatives);
  if (options.keep_histogram) {
    check_entries(result.histogram, magnitudes);
  }
  if (n > 0) {
    REQUIRE(result.max == magnitudes.back());
  }
  if (!options.probabilities.empty() && n > 0) {
    REQUIRE(result.quantiles[0] == magnitudes[(n + 1) / 2 - 1]);
    REQUIRE(result.quantiles[1] == magnitudes.front());
    REQUIRE(result.quantiles[2] == magnitudes.back());
  }
  if (result.fit.status == FitStatus::ok) {
    REQUIRE(std::isfinite(result.fit.k) && result.fit.k > 0);
    REQUIRE(result.fit.ks >= 0 && result.fit.ks <= 1);
  }
}

// Checks that a fit from bins is as close to the exact fit as its bounds promise.
void check_tolerance(const Fit& fit, const Fit& exact) {
  REQUIRE(fit.status == exact.status);
  if (fit.status != FitStatus::ok) {
    return;
  }
  // The exact fit itself is good to 1e-12; 1e-11 leaves room for both.
  const auto close = [](double a, double b) {
    return std::fabs(a - b) <= (fit_tolerance + 1e-11) * std::fabs(b);
  };
  REQUIRE(close(fit.k, exact.k));
  REQUIRE(close(fit.lambda, exact.lambda));
  REQUIRE(close(fit.r2, exact.r2));
  REQUIRE(std::fabs(fit.ks - exact.ks) <= ks_tolerance);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzCase made = testing::fuzz_case(data, size);
  const std::vector<SliceResult> results = scanned(made, made.one, made.options.exact);
  for (std::size_t i = 0; i < results.size(); ++i) {
    check_result(results[i], plain(made.dtype, made.slices[i].items), made.options);
    ++tell.slices;
    tell.binned += results[i].histogram.exact() ? 0 : 1;
    if (results[i].digest) {
      const std::vector<std::byte>& items = made.slices[i].items;
      const ByteNotes notes =
          notes_of(made.dtype, items.data(), items.size() / item_bytes(made.dtype), 0);
      REQUIRE(*results[i].digest == digest_of(notes.page_sum, items.size()));
    }
  }
  REQUIRE(testing::hash_of(results) ==
          testing::hash_of(scanned(made, made.other, made.options.exact)));
  if (is_wide(made.dtype) && made.options.fit && !made.options.exact) {
    const std::vector<SliceResult> exact = scanned(made, made.other, true);
    for (std::size_t i = 0; i < results.size(); ++i) {
      check_tolerance(results[i].fit, exact[i].fit);
    }
  }
  return 0;
}
