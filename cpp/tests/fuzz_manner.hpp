// Scans the same slices in one manner or another: results must not depend on it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/scan/fed_scan.hpp"
#include "core/scan/scan.hpp"
#include "fuzz_choices.hpp"

namespace weightgauge::testing {

// Where the bytes are, or how they are passed.
enum class Place : std::uint8_t { memory, mapping, reads, fed };

// Everything on which a result must not depend.
struct Manner {
  Place place = Place::memory;
  int threads = 1;
  std::size_t chunk_bytes = 1;  // of chunks, and at most of the pieces in which bytes are fed
  std::string level;            // the kernels' instruction set
};

// Large inputs are cut into thousands of bytes, small ones into a few.
Manner manner_from(Choices& choices, bool large);

using Sources = std::vector<std::unique_ptr<ByteSource>>;
// What is wanted of the sources. `beside` and `made` are for bytes that are fed.
using MakeSlices = std::function<std::vector<FedSlice>(const Sources&)>;

// Scans one file with these contents.
std::vector<SliceResult> scanned(const std::vector<std::byte>& contents, const Manner& manner,
                                 ScanOptions options, const MakeSlices& slices);

// Opens the file in the manner's place, and keeps it for as long as it lives. What is fed is in no
// place: there it is memory.
class Opened {
 public:
  Opened(const std::vector<std::byte>& contents, Place place);
  ~Opened();
  const Sources& sources() const { return sources_; }

 private:
  std::unique_ptr<class TemporaryFile> file_;
  Sources sources_;
};

}  // namespace weightgauge::testing
