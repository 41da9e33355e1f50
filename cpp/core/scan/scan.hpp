// Whole checkpoints: every slice counted and fitted in one parallel pass.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/io/byte_source.hpp"
#include "core/scan/options.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Up to so many bytes in all the calling thread works as well: the time is worth using in which
// threads start, and the milliseconds until the system has spread them over the processors.
constexpr std::uint64_t caller_bytes = std::uint64_t{1} << 30;

// Results come in the order of the slices and do not depend on threads or chunk size. `watch` is
// called by the calling thread while the workers run; whatever it throws ends the scan. Throws
// FileChanged, ReadFailed, Cancelled, std::bad_alloc.
std::vector<SliceResult> scan(const std::vector<std::unique_ptr<ByteSource>>& sources,
                              const std::vector<SliceSpec>& slices, const ScanOptions& options,
                              Control& control, const std::function<void()>& watch);

}  // namespace weightgauge
