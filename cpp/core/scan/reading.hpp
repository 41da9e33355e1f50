// Mapped or read: the first touch of a mapped page takes time, and so does copying its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/scan/options.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Which slices of mapped files are read piece by piece into a buffer that stays in the second-level
// cache. Where the page cache has large pages, mapping them takes next to nothing; where it has
// small ones, bringing each into the process and taking it out again takes longer than copying it.
// Nothing but the file itself tells which, so both are tried.
class ReadingChoice {
 public:
  // Smaller slices stay mapped: another look at a sample of a matrix takes a call for each stretch
  // of a row where it is not in memory.
  static constexpr std::uint64_t least_slice = std::uint64_t{1} << 25;
  // The trial takes half a millisecond, which is little for a file of which so much is wanted.
  static constexpr std::uint64_t least_wanted = std::uint64_t{1} << 30;

  // Sources and options must outlive it.
  ReadingChoice(const std::vector<std::unique_ptr<ByteSource>>& sources,
                const std::vector<SliceSpec>& slices, const ScanOptions& options);

  // What the slice's bytes are taken from.
  const ByteSource& source_of(const SliceSpec& slice) const;

 private:
  bool may_be_read(const SliceSpec& slice) const;

  const std::vector<std::unique_ptr<ByteSource>>& sources_;
  const ScanOptions& options_;
  std::vector<bool> read_;  // of each source, whether slices are read that may be
};

// Whether bytes from this offset on come faster by reading than by mapping. About 1.5 MiB are
// tried, and must be there.
bool reads_faster(const ByteSource& mapped, std::uint64_t offset);

}  // namespace weightgauge
