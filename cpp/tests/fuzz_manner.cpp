#include "fuzz_manner.hpp"

#include <filesystem>
#include <utility>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge::testing {

namespace {

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

std::vector<SliceResult> scanned_as_fed(const std::vector<std::byte>& contents,
                                        const ScanOptions& options, const MakeSlices& slices) {
  const std::vector<Spool::File> files = {{"fed", contents.size()}};
  // With so little memory, what is kept of a large input goes to a temporary file.
  constexpr std::size_t memory = std::size_t{256} << 10;
  auto spool =
      std::make_unique<Spool>(files, std::filesystem::temp_directory_path().string(), memory);
  std::vector<FedSlice> wanted = slices(spool->sources());
  FedScan fed(std::move(spool), std::move(wanted), options);
  feed_all(fed, contents, options.chunk_bytes);
  return fed.finish();
}

}  // namespace

Manner manner_from(Choices& choices, bool large) {
  const std::vector<const Kernels*> levels = available_kernels();
  Manner manner;
  manner.place = static_cast<Place>(choices.below(4));
  manner.threads = 1 + static_cast<int>(choices.below(3));
  const std::size_t odd = choices.below(256);
  manner.chunk_bytes = large ? (std::size_t{1} << (12 + choices.below(10))) + odd : 1 + odd;
  manner.level = levels[levels.size() - 1 - choices.below(levels.size())]->level;
  return manner;
}

Opened::Opened(const std::vector<std::byte>& contents, Place place) {
  if (place == Place::mapping || place == Place::reads) {
    file_ = std::make_unique<TemporaryFile>(contents);
    const Io io = place == Place::mapping ? Io::mmap : Io::pread;
    sources_.push_back(open_file(file_->path(), file_->identity(), io));
  } else {
    sources_.push_back(std::make_unique<MemorySource>(contents.data(), contents.size()));
  }
}

Opened::~Opened() = default;

std::vector<SliceResult> scanned(const std::vector<std::byte>& contents, const Manner& manner,
                                 ScanOptions options, const MakeSlices& slices) {
  options.threads = manner.threads;
  options.chunk_bytes = manner.chunk_bytes;
  use_kernels(manner.level);
  if (manner.place == Place::fed) {
    return scanned_as_fed(contents, options, slices);
  }
  const Opened opened(contents, manner.place);
  std::vector<SliceSpec> specs;
  for (const FedSlice& slice : slices(opened.sources())) {
    specs.push_back(slice.spec);
  }
  Control control;
  return scan(opened.sources(), specs, options, control, no_watch);
}

}  // namespace weightgauge::testing
