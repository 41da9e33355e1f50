// Feeds ranges of bytes in any order and any cut, wrong ones among them, to slices of any layout.
// Wrong ranges are refused by a fault, and what was fed rightly gives the results of a scan.
#include <filesystem>
#include <optional>

#include "core/base/errors.hpp"
#include "core/kernels/kernels.hpp"
#include "fuzz_case.hpp"
#include "fuzz_require.hpp"
#include "support.hpp"

namespace {

using namespace weightgauge;
using testing::Choices;

testing::Told finished("feeds finished");

constexpr DType formats[] = {DType::f32, DType::f64, DType::bf16, DType::f8_e4m3, DType::f4};

struct Model {
  std::vector<std::byte> bytes;
  std::vector<FedSlice> slices;
  ScanOptions options;
};

FedSlice slice_from(Choices& choices, std::uint64_t size) {
  constexpr Noted of_pages[] = {Noted::tensor, Noted::digest, Noted::pages};
  const DType dtype = formats[choices.below(5)];
  const auto item = static_cast<std::int64_t>(item_bytes(dtype));
  const std::uint64_t offset = choices.bits(16);
  const std::uint64_t rows = choices.below(64);
  const std::uint64_t columns = choices.below(64);
  const std::int64_t step = item * static_cast<std::int64_t>(1 + choices.below(3));
  const std::int64_t row = step * static_cast<std::int64_t>(columns + choices.below(4));
  const std::size_t noted = choices.below(6);
  const std::uint64_t page = choices.below(4);
  View view = checked_view(dtype, offset, {{rows, row}, {columns, step}}, size);
  const bool whole = view.items() * item_bytes(dtype) == view.end() - view.offset;
  const Noted what = whole && noted < 3 ? of_pages[noted] : Noted::negatives;
  MatrixLayout matrix;
  if (columns > 0) {
    matrix = {rows * elements_per_item(dtype), columns, 1 + choices.below(4), 1};
  }
  return {{0, std::move(view), what, what == Noted::pages ? page : 0, matrix}, {}, false};
}

Model model_from(Choices& choices) {
  Model model;
  model.options = testing::options_from(choices);
  model.options.unused_rows = false;
  model.bytes = testing::random_bytes(choices.bits(16), choices.bits(8));
  const std::size_t slices = 1 + choices.below(4);
  for (std::size_t i = 0; i < slices; ++i) {
    try {
      model.slices.push_back(slice_from(choices, model.bytes.size()));
    } catch (const std::invalid_argument&) {
      continue;  // it does not lie within the file
    }
  }
  return model;
}

// Which bytes a feed takes: some of those that are wanted, or any.
ByteRange range_from(Choices& choices, const std::vector<FileRange>& wanted) {
  const std::uint64_t begin = choices.bits(16);
  const std::uint64_t length = choices.bits(16);
  if (wanted.empty() || choices.below(8) == 7) {
    return {begin, begin + length};
  }
  const ByteRange range = wanted[choices.below(256) % wanted.size()].range;
  const std::uint64_t from = range.begin + begin % (range.end - range.begin);
  return {from, std::min(range.end, from + 1 + length)};
}

void feed(FedScan& fed, const Model& model, ByteRange range, bool changed) {
  Control control;
  std::vector<std::byte> piece(static_cast<std::size_t>(range.end - range.begin));
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const std::uint64_t place = range.begin + i;
    piece[i] = place < model.bytes.size() ? model.bytes[place] : std::byte{0};
  }
  if (changed && !piece.empty()) {
    piece[0] ^= std::byte{1};
  }
  fed.feed(0, range.begin, piece.data(), piece.size(), control);
}

// Whether a feed with such a fault may go on: only where nothing was counted.
bool goes_on(FeedFault::Kind kind) {
  return kind == FeedFault::Kind::beyond_end || kind == FeedFault::Kind::twice;
}

// The results, or nothing where the scan failed or other bytes than the model's were fed.
std::optional<std::vector<SliceResult>> fed_through(FedScan& fed, const Model& model,
                                                    Choices& choices) {
  bool sound = true;
  try {
    for (std::size_t feeds = 0; !choices.ended() && feeds < 64; ++feeds) {
      const bool changed = choices.below(32) == 31;
      sound = sound && !changed;
      try {
        feed(fed, model, range_from(choices, fed.wanted()), changed);
      } catch (const FeedFault& fault) {
        if (!goes_on(fault.kind)) {
          throw;
        }
      }
    }
    if (choices.ended()) {
      for (auto wanted = fed.wanted(); !wanted.empty(); wanted = fed.wanted()) {
        for (const FileRange& range : wanted) {
          feed(fed, model, range.range, false);
        }
      }
    }
    std::vector<SliceResult> results = fed.finish();
    return sound ? std::optional(std::move(results)) : std::nullopt;
  } catch (const FeedFault&) {
    return std::nullopt;
  } catch (const DataChanged&) {
    REQUIRE(!sound);
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const Model model = model_from(choices);
  const auto levels = available_kernels();
  use_kernels(levels[choices.below(levels.size())]->level);
  const std::vector<Spool::File> files = {{"fed", model.bytes.size()}};
  auto spool = std::make_unique<Spool>(files, std::filesystem::temp_directory_path().string(),
                                       std::size_t{1} << 16);
  FedScan fed(std::move(spool), model.slices, model.options);
  const auto results = fed_through(fed, model, choices);
  if (results) {
    finished.add(1);
    const testing::Manner manner{testing::Place::memory, 1, 4096, levels.back()->level};
    const auto expected = testing::scanned(model.bytes, manner, model.options,
                                           [&](const testing::Sources&) { return model.slices; });
    REQUIRE(testing::hash_of(*results) == testing::hash_of(expected));
  }
  return 0;
}
