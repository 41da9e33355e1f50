// Scans any text for entries of a header. It must not crash, read out of bounds or hang, and what
// it returns must be what the text says.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "core/io/header_scan.hpp"
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
  // What was read, written again as usual, is read as the same and as a whole; and the scan of the
  // rest begins where this one ended.
  const std::string again = written(found);
  const HeaderEntries second = scan_header_entries(again, 0, data_size);
  require_same(found, second);
  REQUIRE(second.behind == again.size());
  REQUIRE(scan_header_entries(text, found.behind, data_size).names.empty());
  return 0;
}
