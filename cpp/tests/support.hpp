// Helpers that several tests of the core share. Expected values are counted and summed in the
// plainest way; nothing here takes them from the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/io/mapped_file.hpp"
#include "core/scan/scan.hpp"

namespace weightgauge::testing {

// SplitMix64: the same numbers on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  double uniform();  // in [0, 1)
  double normal();

 private:
  std::uint64_t state_;
};

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!values.empty()) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  return bytes;
}

std::vector<std::byte> random_bytes(std::size_t n, std::uint64_t seed);
std::vector<float> normal_floats(std::size_t n, std::uint64_t seed);
std::vector<double> normal_doubles(std::size_t n, std::uint64_t seed);

// Counts of magnitudes, made one by one.
struct Tally {
  std::map<double, std::uint64_t> magnitudes;  // finite and not zero
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
  std::uint64_t n = 0;

  void add(double value, std::uint64_t count = 1);
};
Tally tally(DType dtype, const std::vector<std::byte>& bytes);
// The value of an item's only element, or of the lower of two, from the definition of the format.
double reference_value(DType dtype, std::uint64_t bits);

// Numbers of threads to test with, in ascending order. What takes many times as long is tested with
// fewer. The thread sanitizer looks for races, of which one thread has none: it gets the fewest and
// the most of several. The address sanitizer gets the fewest and the most. An emulator gets the
// fewest, because who does what is decided alike on all processors.
std::vector<int> thread_counts(std::initializer_list<int> all);

// Options for a scan that returns the counts.
ScanOptions keeping(int threads, std::size_t chunk_bytes);

// Scans one contiguous slice in memory.
SliceResult scan_bytes(DType dtype, const std::vector<std::byte>& bytes,
                       const ScanOptions& options);

// FNV-1a hash of all numbers of the results.
std::uint64_t hash_of(const std::vector<SliceResult>& results);

// A new file, which is removed at the end of the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::vector<std::byte>& contents);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  FileIdentity identity() const;
  void truncate(std::uint64_t size) const;
  void write(const std::vector<std::byte>& contents) const;

 private:
  std::string path_;
};

// Bytes that are read piece by piece, as those of a file that is not mapped.
class ReadSource : public ByteSource {
 public:
  explicit ReadSource(const std::vector<std::byte>& bytes)
      : ByteSource({"read", {}}, bytes.size()), bytes_(bytes) {}
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override;
  std::uint64_t bytes_read() const { return read_; }

 private:
  const std::vector<std::byte>& bytes_;
  mutable std::uint64_t read_ = 0;
};

inline void no_watch() {}

}  // namespace weightgauge::testing
