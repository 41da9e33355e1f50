// Entries of a safetensors header that are spelled as nearly every writer spells them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weightgauge {

// Entries as columns. Names and texts are parts of the text that was scanned.
struct HeaderEntries {
  struct Storage {
    std::string_view dtype;
    std::string_view shape;  // with its brackets
  };
  std::vector<std::string_view> names;    // without the quotes
  std::vector<std::uint32_t> storage_of;  // which of the storages each entry has
  std::vector<Storage> storages;          // no two are spelled alike
  std::vector<std::uint64_t> begins;      // offsets in the data
  std::vector<std::uint64_t> ends;
  std::size_t behind = 0;  // where the first entry stands that was left
};

// Scans entries from a place in the text on, as long as each has a plain name, a dtype, a shape and
// offsets within the data, once each and nothing else, and a comma behind it:
//
//   "name":{"dtype":"BF16","shape":[64,64],"data_offsets":[0,8192]},
//
// An entry that is spelled otherwise, is wrong or is cut off ends the scan; it is for the strict
// parser, which finds the precise error. What is left for the caller to check: that names are
// UTF-8, that dtypes are known, that shapes are lists of numbers, and that these fit the offsets.
HeaderEntries scan_header_entries(std::string_view text, std::size_t from, std::uint64_t data_size);

}  // namespace weightgauge
