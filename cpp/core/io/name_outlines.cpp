#include "core/io/name_outlines.hpp"

namespace weightgauge {

namespace {

// More might not fit into 32 bits.
constexpr std::size_t most_digits = 9;
// Stands in an outline in place of a number. No text in UTF-8 has this byte.
constexpr char hole = '\xff';

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Returns where the number ends that begins at a place, or that place if there is none.
std::size_t end_of_number(std::string_view name, std::size_t begin) {
  std::size_t end = begin;
  while (end < name.size() && is_digit(name[end])) {
    ++end;
  }
  const bool found = end - begin <= most_digits && end < name.size() && name[end] == '.';
  return found ? end : begin;
}

}  // namespace

void NameOutlines::add(std::string_view name) {
  const std::int32_t count = cut(name);
  outline_of_.push_back(count == 0 ? new_outline(0) : known_outline(count));
}

// Writes the outline of a name and its numbers; returns how many these are.
std::int32_t NameOutlines::cut(std::string_view name) {
  outline_.clear();
  std::int32_t count = 0;
  std::size_t copied = 0;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos;) {
    std::size_t at = dot + 1;
    const std::size_t end = end_of_number(name, at);
    if (at < end) {
      while (at + 1 < end && name[at] == '0') {
        ++at;
      }
      outline_.append(name, copied, at - copied);
      outline_.push_back(hole);
      std::int32_t number = 0;
      for (; at < end; ++at) {
        number = 10 * number + (name[at] - '0');
      }
      numbers_.push_back(number);
      ++count;
      copied = end;
    }
    dot = name.find('.', at);
  }
  outline_.append(name, copied);
  return count;
}

std::int32_t NameOutlines::known_outline(std::int32_t count) {
  const std::string_view outline = outline_;
  auto& recent = recent_[std::hash<std::string_view>{}(outline) % recent_.size()];
  if (recent == nullptr || recent->first != outline) {
    auto found = known_.find(outline);
    if (found == known_.end()) {
      found = known_.emplace(outline_, new_outline(count)).first;
    }
    recent = &*found;
  }
  return recent->second;
}

std::int32_t NameOutlines::new_outline(std::int32_t count) {
  counts_.push_back(count);
  first_names_.push_back(static_cast<std::int32_t>(outline_of_.size()));
  return static_cast<std::int32_t>(first_names_.size() - 1);
}

}  // namespace weightgauge
