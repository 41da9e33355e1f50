#include "core/scan/feed_round.hpp"

#include <algorithm>

#include "core/base/errors.hpp"

namespace weightgauge {

FeedRound::FeedRound(std::size_t files, const std::vector<Need>& needs) : files_(files) {
  for (const Need& need : needs) {
    const ByteRange range = need.bytes.range;
    files_.at(need.bytes.file).places.push_back({range, need.slice, range.end});
  }
  for (File& file : files_) {
    std::stable_sort(file.places.begin(), file.places.end(),
                     [](const Place& a, const Place& b) { return a.range.begin < b.range.begin; });
    std::uint64_t reach = 0;
    for (Place& place : file.places) {
      reach = std::max(reach, place.reach);
      place.reach = reach;
      file.wanted.add(place.range);
    }
    file.missing = file.wanted;
  }
}

bool FeedRound::complete() const {
  return std::all_of(files_.begin(), files_.end(),
                     [](const File& file) { return file.missing.empty(); });
}

std::vector<FileRange> FeedRound::missing() const {
  std::vector<FileRange> found;
  for (std::size_t file = 0; file < files_.size(); ++file) {
    for (const ByteRange range : files_[file].missing.all()) {
      found.push_back({file, range});
    }
  }
  return found;
}

std::vector<ByteRange> FeedRound::take(const FileRange& bytes) {
  File& file = files_.at(bytes.file);
  const std::vector<ByteRange> wanted = file.wanted.inside(bytes.range);
  for (const ByteRange part : wanted) {
    std::uint64_t next = part.begin;
    for (const ByteRange open : file.missing.inside(part)) {
      if (open.begin > next) {
        throw FeedFault(FeedFault::Kind::twice, bytes.file, next, open.begin);
      }
      next = open.end;
    }
    if (next < part.end) {
      throw FeedFault(FeedFault::Kind::twice, bytes.file, next, part.end);
    }
  }
  for (const ByteRange part : wanted) {
    file.missing.remove(part);
  }
  return wanted;
}

std::size_t FeedRound::first_reaching(const std::vector<Place>& places, std::uint64_t byte) {
  const auto found = std::partition_point(
      places.begin(), places.end(), [byte](const Place& place) { return place.reach <= byte; });
  return static_cast<std::size_t>(found - places.begin());
}

ByteRange FeedRound::common(ByteRange a, ByteRange b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

}  // namespace weightgauge
