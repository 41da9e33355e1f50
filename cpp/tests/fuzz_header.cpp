// Scans any text for entries of a header, and cuts their names at their numbers. It must not crash,
// read out of bounds or hang, and what it returns must be what the text says.
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/header_scan.hpp"
#include "core/io/name_outlines.hpp"
#include "fuzz_require.hpp"

namespace {

using namespace weightgauge;

testing::Told entries_read("header entries read");

// Writes entries as writers do.
std::string written(const HeaderEntries& entries) {
  std::string text;
  for (std::size_t i = 0; i < entries.names.size(); ++i) {
    const HeaderEntries::Storage& storage = entries.storages.at(entries.storage_of[i]);
    text += "\"" + std::string(entries.names[i]) + "\":{\"dtype\":\"" + std::string(storage.dtype) +
            "\",\"shape\":" + std::string(storage.shape) + ",\"data_offsets\":[" +
            std::to_string(entries.begins[i]) + "," + std::to_string(entries.ends[i]) + "]},";
  }
  return text;
}

void require_same(const HeaderEntries& a, const HeaderEntries& b) {
  REQUIRE(a.names == b.names);
  REQUIRE(a.storage_of == b.storage_of);
  REQUIRE(a.storages.size() == b.storages.size());
  for (std::size_t i = 0; i < a.storages.size(); ++i) {
    REQUIRE(a.storages[i].dtype == b.storages[i].dtype);
    REQUIRE(a.storages[i].shape == b.storages[i].shape);
  }
  REQUIRE(a.begins == b.begins);
  REQUIRE(a.ends == b.ends);
}

std::string without_digits(std::string_view name) {
  std::string left;
  std::copy_if(name.begin(), name.end(), std::back_inserter(left),
               [](char c) { return c < '0' || c > '9'; });
  return left;
}

void require_cut(std::vector<std::string_view> names) {
  // Whoever reads headers has left out what is no UTF-8, in which this byte does not occur.
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](std::string_view name) { return name.find('\xff') != name.npos; }),
              names.end());
  NameOutlines outlines;
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    outlines.add(names[i]);
    const auto outline = static_cast<std::size_t>(outlines.outline_of().at(i));
    const auto first = static_cast<std::size_t>(outlines.first_names().at(outline));
    REQUIRE(first <= i);
    REQUIRE(without_digits(names[i]) == without_digits(names[first]));
    numbers += static_cast<std::size_t>(outlines.counts().at(outline));
    REQUIRE(outlines.numbers().size() == numbers);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::size_t from = data[0];
  const std::uint64_t data_size = std::uint64_t{1} << (data[1] % 64);
  // A buffer that ends with the text, so that a sanitizer sees each byte read beyond it.
  const std::size_t length = size - 2;
  const std::unique_ptr<char[]> memory(new char[length]);
  std::copy(data + 2, data + size, memory.get());
  const std::string_view text(memory.get(), length);
  const HeaderEntries found = scan_header_entries(text, from, data_size);
  const std::size_t entries = found.names.size();
  entries_read.add(entries);
  REQUIRE(found.behind <= length);
  REQUIRE(found.behind >= std::min(from, length));
  REQUIRE(found.storage_of.size() == entries);
  REQUIRE(found.begins.size() == entries);
  REQUIRE(found.ends.size() == entries);
  REQUIRE(found.storages.size() <= entries);
  for (std::size_t i = 0; i < entries; ++i) {
    REQUIRE(found.begins[i] <= found.ends[i]);
    REQUIRE(found.ends[i] <= data_size);
  }
  require_cut(found.names);
  // What was read, written again as usual, is read as the same and as a whole; and the scan of the
  // rest begins where this one ended.
  const std::string again = written(found);
  const HeaderEntries second = scan_header_entries(again, 0, data_size);
  require_same(found, second);
  REQUIRE(second.behind == again.size());
  REQUIRE(scan_header_entries(text, found.behind, data_size).names.empty());
  return 0;
}
