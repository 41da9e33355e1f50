#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/name_outlines.hpp"

using namespace weightgauge;

namespace {

using Numbers = std::vector<std::int32_t>;

void add(NameOutlines& outlines, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    outlines.add(name);
  }
}

Numbers numbers_in(std::string_view name) {
  NameOutlines outlines;
  outlines.add(name);
  CHECK(outlines.counts()[0] == static_cast<std::int32_t>(outlines.numbers().size()));
  return outlines.numbers();
}

bool same(std::string_view a, std::string_view b) {
  NameOutlines outlines;
  add(outlines, {a, b});
  return outlines.outline_of()[0] == outlines.outline_of()[1];
}

}  // namespace

TEST_SUITE_BEGIN("name_outlines");

TEST_CASE("names that differ in their numbers have one outline") {
  NameOutlines outlines;
  add(outlines, {"h.0.w", "norm", "h.12.w", "h.3.4.w", "h.5.b", "h.6.7.w", "h.8.w"});
  CHECK(outlines.outline_of() == Numbers{0, 1, 0, 2, 3, 2, 0});
  CHECK(outlines.first_names() == Numbers{0, 1, 3, 4});
  CHECK(outlines.counts() == Numbers{1, 0, 2, 1});
  CHECK(outlines.numbers() == Numbers{0, 12, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("a number is one to nine digits between two dots") {
  CHECK(numbers_in("a.1.2.b") == Numbers{1, 2});
  CHECK(numbers_in(".7.") == Numbers{7});
  CHECK(numbers_in("a.999999999.b") == Numbers{999999999});
  for (const char* name : {"", ".", "1", "1.a", "a.1", "a.1b.c", "a.b1.c", "a..b", "a.-1.b",
                           "a. 1.b", "a.1234567890.b", "a.\xd9\xa3.b"}) {
    CAPTURE(name);
    CHECK(numbers_in(name).empty());
  }
  CHECK(numbers_in("a.1234567890.5.b") == Numbers{5});
}

TEST_CASE("zeros before a number belong to the outline") {
  CHECK(numbers_in("a.007.b") == Numbers{7});
  CHECK(numbers_in("a.000.b") == Numbers{0});
  CHECK(same("a.007.b", "a.001.b"));
  CHECK(same("a.00.b", "a.07.b"));
  CHECK_FALSE(same("a.007.b", "a.07.b"));
  CHECK_FALSE(same("a.0.b", "a.00.b"));
}

TEST_CASE("what looks like an outline is none") {
  CHECK_FALSE(same("a.1.b", "a.#.b"));
  CHECK_FALSE(same("a.1.b", std::string_view("a.\0.b", 5)));
  CHECK_FALSE(same("a.1.b", "a..b"));
  CHECK_FALSE(same("a.1.2.b", "a.12.b"));
}

TEST_CASE("names without numbers are not compared") { CHECK_FALSE(same("norm", "norm")); }

TEST_CASE("more outlines than are remembered apart are still told apart") {
  NameOutlines outlines;
  constexpr std::int32_t different = 5000;
  for (int round = 0; round < 2; ++round) {
    for (std::int32_t i = 0; i < different; ++i) {
      outlines.add("m" + std::to_string(i) + "." + std::to_string(round) + ".w");
    }
  }
  REQUIRE(outlines.first_names().size() == different);
  Numbers expected(2 * different);
  std::iota(expected.begin(), expected.begin() + different, 0);
  std::iota(expected.begin() + different, expected.end(), 0);
  CHECK(outlines.outline_of() == expected);
}

TEST_SUITE_END();
