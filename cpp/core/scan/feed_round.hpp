// Which bytes a scan that is fed waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/io/byte_ranges.hpp"

namespace weightgauge {

struct FileRange {
  std::size_t file;
  ByteRange range;
};

// Bytes that a slice needs, from the first to the last.
struct Need {
  FileRange bytes;
  std::size_t slice;
};

// Every byte that some slice needs is wanted once in a round. What lies between is not.
class FeedRound {
 public:
  FeedRound() = default;
  FeedRound(std::size_t files, const std::vector<Need>& needs);

  // Whether all have come.
  bool complete() const;
  // Those that have not, by file and ascending.
  std::vector<FileRange> missing() const;
  // Takes note that these bytes have come; returns those of them that are wanted. Throws FeedFault
  // where some of those have come before; then nothing is noted.
  std::vector<ByteRange> take(const FileRange& bytes);

  // Calls visit(slice, ByteRange) for what the slices need of these bytes.
  template <class Visit>
  void for_each_need(const FileRange& bytes, Visit&& visit) const {
    const std::vector<Place>& places = files_[bytes.file].places;
    for (std::size_t i = first_reaching(places, bytes.range.begin);
         i < places.size() && places[i].range.begin < bytes.range.end; ++i) {
      const ByteRange part = common(places[i].range, bytes.range);
      if (part.begin < part.end) {
        visit(places[i].slice, part);
      }
    }
  }

 private:
  struct Place {
    ByteRange range;
    std::size_t slice;
    std::uint64_t reach;  // the largest end up to here
  };
  struct File {
    std::vector<Place> places;  // by their beginning
    ByteRanges wanted;
    ByteRanges missing;
  };
  // The first one from which on a place may end behind a byte.
  static std::size_t first_reaching(const std::vector<Place>& places, std::uint64_t byte);
  static ByteRange common(ByteRange a, ByteRange b);

  std::vector<File> files_;
};

}  // namespace weightgauge
