#include "core/scan/reading.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>

namespace weightgauge {

namespace {

// A multiple of the size of pages everywhere.
constexpr std::uint64_t piece = std::uint64_t{1} << 17;
constexpr int tries = 6;

template <class Call>
double seconds_of(const Call& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Brings the pages of a piece into the process and takes them out again.
void touch(const ByteSource& mapped, std::uint64_t offset) {
  constexpr std::uint64_t smallest_page = 4096;
  const volatile std::byte* const bytes = mapped.memory() + offset;
  for (std::uint64_t at = 0; at < piece; at += smallest_page) {
    static_cast<void>(bytes[at]);
  }
  mapped.give_back(offset, piece);
}

std::uint64_t bytes_of(const SliceSpec& slice) {
  return slice.view.stored_bytes(slice.view.items());
}

// Of those that are read, all must be wanted once; whatever is mapped comes the second time for
// nothing.
struct Wanted {
  std::uint64_t in_all = 0;
  std::uint64_t readable = 0;
  const SliceSpec* first = nullptr;  // that may be read
};

}  // namespace

bool reads_faster(const ByteSource& mapped, std::uint64_t offset) {
  const ByteSource* const unmapped = mapped.unmapped();
  if (unmapped == nullptr) {
    return false;
  }
  std::vector<std::byte> buffer(piece);
  offset = (offset + piece - 1) / piece * piece;
  // The least of several, since other work may come in between. They take turns, so that a disk
  // that reads ahead has done so for both.
  double touching = std::numeric_limits<double>::infinity();
  double reading = touching;
  for (int i = 0; i < tries; ++i) {
    touching = std::min(touching, seconds_of([&] { touch(mapped, offset); }));
    offset += piece;
    reading = std::min(reading, seconds_of([&] { unmapped->read(buffer.data(), piece, offset); }));
    offset += piece;
  }
  constexpr double clearly = 0.9;
  return reading < clearly * touching;
}

ReadingChoice::ReadingChoice(const std::vector<std::unique_ptr<ByteSource>>& sources,
                             const std::vector<SliceSpec>& slices, const ScanOptions& options)
    : sources_(sources), options_(options), read_(sources.size()) {
  std::vector<Wanted> wanted(sources.size());
  for (const SliceSpec& slice : slices) {
    Wanted& of_source = wanted.at(slice.source);
    of_source.in_all += bytes_of(slice);
    if (may_be_read(slice)) {
      of_source.readable += bytes_of(slice);
      of_source.first = of_source.first == nullptr ? &slice : of_source.first;
    }
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const bool tried = wanted[i].readable >= least_wanted && wanted[i].in_all <= sources[i]->size();
    read_[i] = options.reading == Reading::always ||
               (options.reading == Reading::tried && tried &&
                reads_faster(*sources[i], wanted[i].first->view.offset));
  }
}

const ByteSource& ReadingChoice::source_of(const SliceSpec& slice) const {
  const ByteSource& mapped = *sources_.at(slice.source);
  const ByteSource* const unmapped = mapped.unmapped();
  return unmapped != nullptr && read_[slice.source] && may_be_read(slice) ? *unmapped : mapped;
}

// What lies side by side, is counted in one go, and is looked at but little afterwards.
bool ReadingChoice::may_be_read(const SliceSpec& slice) const {
  const View& view = slice.view;
  const auto item = static_cast<std::int64_t>(view.stored_item_bytes());
  const bool in_one_go =
      !is_wide(view.dtype) || (!options_.exact && options_.probabilities.empty());
  const bool looked_at_again =
      options_.errors == ErrorsFor::matrix ||
      (options_.errors == ErrorsFor::sample && slice.layout.rows_are_tokens);
  return sources_.at(slice.source)->unmapped() != nullptr && view.decoding == nullptr &&
         view.dims.size() == 1 && view.dims[0].stride == item && in_one_go && !looked_at_again &&
         (options_.reading == Reading::always || bytes_of(slice) >= least_slice);
}

}  // namespace weightgauge
