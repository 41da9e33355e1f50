#include <doctest/doctest.h>

#include <string>

#include "core/io/header_scan.hpp"

using namespace weightgauge;

namespace {

constexpr std::uint64_t data_size = 1000;

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "},";
}

std::string usual() { return entry("h.0.weight", "BF16", "[2,3]", "[0,12]"); }

HeaderEntries scan(const std::string& text) { return scan_header_entries(text, 0, data_size); }

}  // namespace

TEST_SUITE_BEGIN("header_scan");

TEST_CASE("entries become columns, and equal storages get one number") {
  const std::string text = usual() + entry("norm", "F32", "[]", "[12,16]") +
                           entry("h.1.weight", "BF16", "[2,3]", "[16,28]") + "\"last\":";
  const HeaderEntries found = scan(text);
  REQUIRE(found.names.size() == 3);
  CHECK(found.names[0] == "h.0.weight");
  CHECK(found.names[1] == "norm");
  CHECK(found.storage_of == std::vector<std::uint32_t>{0, 1, 0});
  REQUIRE(found.storages.size() == 2);
  CHECK(found.storages[0].dtype == "BF16");
  CHECK(found.storages[0].shape == "[2,3]");
  CHECK(found.storages[1].shape == "[]");
  CHECK(found.begins == std::vector<std::uint64_t>{0, 12, 16});
  CHECK(found.ends == std::vector<std::uint64_t>{12, 16, 28});
  CHECK(text.substr(found.behind) == "\"last\":");
}

TEST_CASE("scanning begins where it is told to") {
  const std::string text = "{" + usual();
  CHECK(scan_header_entries(text, 0, data_size).names.empty());
  CHECK(scan_header_entries(text, 1, data_size).names.size() == 1);
  const HeaderEntries beyond = scan_header_entries(text, text.size() + 7, data_size);
  CHECK(beyond.names.empty());
  CHECK(beyond.behind == text.size());
}

TEST_CASE("fields come in any order, with white space anywhere") {
  const std::string text =
      " \n\"a\"\t: {\r\n \"data_offsets\" : [ 0 , 8 ] ,\"shape\":[1 , 2], \"dtype\" : \"F32\" } , ";
  const HeaderEntries found = scan(text);
  REQUIRE(found.names.size() == 1);
  CHECK(found.storages[0].shape == "[1 , 2]");
  CHECK(found.ends[0] == 8);
  CHECK(found.behind == text.size());
}

TEST_CASE("what is unusual is left, and so is all that follows") {
  for (const std::string& other : {
           entry("__metadata__", "F32", "[2]", "[0,8]"),
           entry("with \\\" escape", "F32", "[2]", "[0,8]"),
           entry("control \x01 character", "F32", "[2]", "[0,8]"),
           entry("a", "f32", "[2]", "[0,8]"),
           entry("a", "F32", "2", "[0,8]"),
           entry("a", "F32", "[[2]]", "[0,8]"),
           entry("a", "F32", "[-2]", "[0,8]"),
           entry("a", "F32", "[2]", "[8]"),
           entry("a", "F32", "[2]", "[0,8,8]"),
           entry("a", "F32", "[2]", "[8,0]"),
           entry("a", "F32", "[2]", "[0,1001]"),
           entry("a", "F32", "[2]", "[00,8]"),
           entry("a", "F32", "[2]", "[0,8.0]"),
           entry("a", "F32", "[2]", "[0,+8]"),
           entry("a", "F32", "[2]", "[0,18446744073709551624]"),  // 2^64 + 8
           std::string(R"("a":{"dtype":"F32","shape":[2]},)"),
           std::string(R"("a":{"dtype":"F32","shape":[2],"shape":[2]},)"),
           std::string(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1},)"),
           std::string(R"("a":{"dtype":"F32","shape":[2],"offsets":[0,8]},)"),
           std::string(R"("a":null,)"),
           std::string(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
           "," + usual(),
           "\x0b" + usual(),
       }) {
    CAPTURE(other);
    const HeaderEntries found = scan(usual() + other + usual());
    CHECK(found.names.size() == 1);
    CHECK(found.begins.size() == 1);
    CHECK(found.ends.size() == 1);
    CHECK(found.storage_of.size() == 1);
    CHECK(found.behind == usual().size());
  }
}

TEST_CASE("an entry that is cut off anywhere is left") {
  const std::string twice = usual() + usual();
  for (std::size_t size = usual().size(); size < twice.size(); ++size) {
    const std::string cut = twice.substr(0, size);
    CHECK(scan(cut).names.size() == 1);
    CHECK(scan(cut).behind == usual().size());
  }
}

TEST_SUITE_END();
