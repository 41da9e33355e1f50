// Names of tensors, cut at the numbers in them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weightgauge {

// The outlines of names, and the numbers that are cut out of these.
//
// A number is one to nine digits with a dot on either side. Two names have the same outline if they
// differ in their numbers alone. Zeros before a number belong to the outline, so that outline and
// numbers together say how a name is written. Names without numbers have an outline each, and
// nobody looks whether two are the same.
class NameOutlines {
 public:
  NameOutlines() = default;
  NameOutlines(const NameOutlines&) = delete;
  NameOutlines& operator=(const NameOutlines&) = delete;
  ~NameOutlines() = default;

  // The name is in UTF-8.
  void add(std::string_view name);

  // Of each name the number of its outline, counted in the order in which they come up.
  const std::vector<std::int32_t>& outline_of() const { return outline_of_; }
  // Of each outline the place of the first name that has it.
  const std::vector<std::int32_t>& first_names() const { return first_names_; }
  // Of each outline how many numbers stand in it.
  const std::vector<std::int32_t>& counts() const { return counts_; }
  // The numbers of all names, one after the other.
  const std::vector<std::int32_t>& numbers() const { return numbers_; }

 private:
  // A tree, because hostile names can make the lists of a hash table long.
  using Known = std::map<std::string, std::int32_t, std::less<>>;

  std::int32_t cut(std::string_view name);
  std::int32_t known_outline(std::int32_t count);
  std::int32_t new_outline(std::int32_t count);

  std::vector<std::int32_t> outline_of_;
  std::vector<std::int32_t> first_names_;
  std::vector<std::int32_t> counts_;
  std::vector<std::int32_t> numbers_;
  std::string outline_;  // of the name that is being added
  Known known_;
  std::array<const Known::value_type*, 1024> recent_{};  // a few of them, found without the tree
};

}  // namespace weightgauge
