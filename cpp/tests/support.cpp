#include "support.hpp"

#if !defined(_WIN32)
#include <sys/stat.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace weightgauge::testing {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The value of a number in an IEEE-like format. `bits` must have no bits above the sign.
double ieee_value(std::uint64_t bits, int exponent_bits, int mantissa_bits, int bias) {
  const std::uint64_t exponents = (1ULL << exponent_bits) - 1;
  const auto exponent = static_cast<int>((bits >> mantissa_bits) & exponents);
  const std::uint64_t mantissa = bits & ((1ULL << mantissa_bits) - 1);
  const double fraction =
      static_cast<double>(mantissa) / static_cast<double>(1ULL << mantissa_bits);
  const double magnitude =
      exponent == 0 ? fraction * std::exp2(1 - bias) : (1 + fraction) * std::exp2(exponent - bias);
  const bool negative = ((bits >> (exponent_bits + mantissa_bits)) & 1) != 0;
  return negative ? -magnitude : magnitude;
}

double f4_value(std::uint64_t code) {
  constexpr double values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8) != 0 ? -values[code & 7] : values[code & 7];
}

template <class To, class From>
To bit_copy(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to{};
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

double Random::normal() {
  constexpr double two_pi = 6.283185307179586;
  return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(two_pi * uniform());
}

std::vector<std::byte> random_bytes(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::byte> bytes(n);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(random.next() & 0xFF);
  }
  return bytes;
}

std::vector<float> normal_floats(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(n);
  for (float& value : values) {
    value = static_cast<float>(0.02 * random.normal());
  }
  return values;
}

std::vector<double> normal_doubles(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values(n);
  for (double& value : values) {
    value = 0.02 * random.normal();
  }
  return values;
}

void Tally::add(double value, std::uint64_t count) {
  if (std::isnan(value)) {
    nans += count;
  } else if (std::isinf(value)) {
    infs += count;
  } else if (value == 0) {
    zeros += count;
  } else {
    magnitudes[std::fabs(value)] += count;
    n += count;
  }
}

double reference_value(DType dtype, std::uint64_t bits) {
  switch (dtype) {
    case DType::f64:
      return bit_copy<double>(bits);
    case DType::f32:
      return static_cast<double>(bit_copy<float>(static_cast<std::uint32_t>(bits)));
    case DType::bf16:
      return static_cast<double>(bit_copy<float>(static_cast<std::uint32_t>(bits << 16)));
    case DType::f16:
      if ((bits & 0x7C00) == 0x7C00) {
        return (bits & 0x03FF) != 0 ? not_a_number : (bits & 0x8000) != 0 ? -infinity : infinity;
      }
      return ieee_value(bits, 5, 10, 15);
    case DType::f8_e4m3:  // no infinity; the largest code of either sign is NaN
      return (bits & 0x7F) == 0x7F ? not_a_number : ieee_value(bits, 4, 3, 7);
    case DType::f8_e5m2:
      if ((bits & 0x7C) == 0x7C) {
        return (bits & 0x03) != 0 ? not_a_number : (bits & 0x80) != 0 ? -infinity : infinity;
      }
      return ieee_value(bits, 5, 2, 15);
    case DType::f8_e4m3fnuz:  // negative zero is NaN
      return bits == 0x80 ? not_a_number : ieee_value(bits, 4, 3, 8);
    case DType::f8_e5m2fnuz:
      return bits == 0x80 ? not_a_number : ieee_value(bits, 5, 2, 16);
    case DType::f8_e8m0:
      return bits == 0xFF ? not_a_number : std::exp2(static_cast<double>(bits) - 127);
    case DType::f4:
    case DType::f4_unpacked:
      return f4_value(bits & 0x0F);
  }
  throw std::logic_error("no such format");
}

Tally tally(DType dtype, const std::vector<std::byte>& bytes) {
  Tally result;
  const auto add = [&result, dtype](std::uint64_t bits, std::uint64_t count) {
    result.add(reference_value(dtype, bits), count);
    if (dtype == DType::f4) {
      result.add(reference_value(dtype, bits >> 4), count);
    }
  };
  const std::size_t item = item_bytes(dtype);
  const bool narrow = item <= 2;  // one look in the map for each code, however often it occurs
  std::vector<std::uint64_t> counts(narrow ? std::size_t{1} << 8 * item : 0);
  std::vector<double> wide;
  for (std::size_t at = 0; at + item <= bytes.size(); at += item) {
    std::uint64_t bits = 0;
    for (std::size_t i = item; i-- > 0;) {  // little-endian
      bits = bits << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
    }
    if (narrow) {
      ++counts[bits];
    } else if (const double value = reference_value(dtype, bits); std::isnan(value)) {
      result.add(value);
    } else {
      wide.push_back(value);
    }
  }
  // In ascending order a map finds the place beside the last one, which is in the cache.
  std::sort(wide.begin(), wide.end(),
            [](double a, double b) { return std::fabs(a) < std::fabs(b); });
  for (const double value : wide) {
    result.add(value);
  }
  for (std::size_t bits = 0; bits < counts.size(); ++bits) {
    if (counts[bits] > 0) {
      add(bits, counts[bits]);
    }
  }
  return result;
}

std::vector<int> thread_counts(std::initializer_list<int> all) {
#if defined(WEIGHTGAUGE_EMULATED)
  return {*all.begin()};
#elif defined(__SANITIZE_ADDRESS__)
  return {*all.begin(), *(all.end() - 1)};
#elif defined(__SANITIZE_THREAD__)
  const int* const several = std::find_if(all.begin(), all.end(), [](int n) { return n > 1; });
  const int most = *(all.end() - 1);
  return *several == most ? std::vector<int>{most} : std::vector<int>{*several, most};
#else
  return all;
#endif
}

ScanOptions keeping(int threads, std::size_t chunk_bytes) {
  ScanOptions options;
  options.keep_histogram = true;
  options.threads = threads;
  options.chunk_bytes = chunk_bytes;
  return options;
}

SliceResult scan_bytes(DType dtype, const std::vector<std::byte>& bytes,
                       const ScanOptions& options) {
  std::vector<std::unique_ptr<ByteSource>> sources;
  sources.push_back(std::make_unique<MemorySource>(bytes.data(), bytes.size()));
  Control control;
  return scan(sources, {{0, contiguous_view(dtype, 0, bytes.size() / item_bytes(dtype))}}, options,
              control, no_watch)
      .front();
}

std::uint64_t hash_of(const std::vector<SliceResult>& results) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  const auto mix = [&hash](std::uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) {
      hash = (hash ^ ((word >> (8 * byte)) & 0xFF)) * 0x100000001B3ULL;
    }
  };
  const auto mix_all = [&mix](const std::vector<std::uint64_t>& words) {
    mix(words.size());
    for (const std::uint64_t word : words) {
      mix(word);
    }
  };
  for (const SliceResult& result : results) {
    const Histogram& histogram = result.histogram;
    const Fit& fit = result.fit;
    mix_all({static_cast<std::uint64_t>(histogram.dropped_bits), histogram.zeros, histogram.nans,
             histogram.infs, histogram.max_key, result.n, static_cast<std::uint64_t>(fit.status)});
    mix_all({result.notes.negatives, result.notes.zero_pages, result.digest.value_or(0),
             result.ends.levels, result.ends.at_max, bit_copy<std::uint64_t>(result.ends.second),
             bit_copy<std::uint64_t>(result.ends.lowest)});
    mix_all(histogram.keys);
    mix_all(histogram.counts);
    mix_all(histogram.residuals);
    for (const double number : {result.rms, result.max, fit.k, fit.lambda, fit.r2, fit.ks, fit.k_se,
                                fit.ln_lambda_se, fit.error_bound}) {
      mix(bit_copy<std::uint64_t>(number));
    }
    mix_all({result.far_out, static_cast<std::uint64_t>(result.large.rows),
             static_cast<std::uint64_t>(result.large.columns)});
    const MatrixNumbers& matrix = result.matrix;
    mix_all({static_cast<std::uint64_t>(matrix.basis), matrix.empty.rows, matrix.empty.columns});
    for (const double number : {matrix.k_se, matrix.ln_lambda_se, matrix.fresh_z, matrix.rows,
                                matrix.columns, matrix.core}) {
      mix(bit_copy<std::uint64_t>(number));
    }
    for (const double quantile : result.quantiles) {
      mix(bit_copy<std::uint64_t>(quantile));
    }
  }
  return hash;
}

void ReadSource::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  if (offset > bytes_.size() || bytes > bytes_.size() - offset) {
    throw std::out_of_range("a test reads beyond the end");
  }
  std::memcpy(to, bytes_.data() + offset, bytes);
  read_ += bytes;
}

TemporaryFile::TemporaryFile(const std::vector<std::byte>& contents)
    : path_((std::filesystem::temp_directory_path() / "weightgauge-XXXXXX").string()) {
  const int descriptor = mkstemp(path_.data());
  if (descriptor < 0) {
    throw std::runtime_error("no temporary file");
  }
  close(descriptor);
  write(contents);
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

FileIdentity TemporaryFile::identity() const {
#if defined(_WIN32)
  FileIdentity known = {};
  if (!weightgauge::identify(path_, known)) {
    throw std::runtime_error("cannot ask about the temporary file");
  }
  return known;
#else
  struct stat status = {};
  if (stat(path_.c_str(), &status) != 0) {
    throw std::runtime_error("cannot stat the temporary file");
  }
  const auto nanoseconds = [](const struct timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
#if defined(__APPLE__)
          static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtimespec),
          nanoseconds(status.st_ctimespec)};
#else
          static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
#endif
#endif
}

void TemporaryFile::truncate(std::uint64_t size) const {
  std::filesystem::resize_file(path_, size);
}

void TemporaryFile::write(const std::vector<std::byte>& contents) const {
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(contents.data()),
             static_cast<std::streamsize>(contents.size()));
}

}  // namespace weightgauge::testing
