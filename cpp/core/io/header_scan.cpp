#include "core/io/header_scan.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace weightgauge {

namespace {

constexpr std::string_view metadata_name = "__metadata__";
// More digits might not fit into 64 bits.
constexpr std::size_t most_digits = 19;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool in_dtype(char c) { return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_'; }
bool in_shape(char c) { return is_digit(c) || c == ',' || c == ' '; }
// What may stand in a string as it is. A backslash begins an escape.
bool in_name(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

struct Entry {
  std::string_view name;
  HeaderEntries::Storage storage;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// A position in the text. Each function steps over what it is called after and returns whether that
// was there; where it was not, the position means nothing any more.
class Scanner {
 public:
  Scanner(std::string_view text, std::size_t from)
      : text_(text), at_(std::min(from, text.size())) {}

  std::size_t position() const { return at_; }

  bool entry(Entry& entry) {
    space();
    if (!quoted(entry.name, in_name) || !sign(':') || !sign('{')) {
      return false;
    }
    unsigned seen = 0;
    for (int fields = 0; fields < 3; ++fields) {
      if ((fields > 0 && !sign(',')) || !field(entry, seen)) {
        return false;
      }
    }
    return sign('}') && sign(',');
  }

 private:
  void space() {
    while (at_ < text_.size() && is_space(text_[at_])) {
      ++at_;
    }
  }

  bool next_is(char c) {
    const bool found = at_ < text_.size() && text_[at_] == c;
    at_ += found ? 1 : 0;
    return found;
  }

  // One character, with white space on both sides.
  bool sign(char c) {
    space();
    const bool found = next_is(c);
    space();
    return found;
  }

  template <class Allowed>
  std::string_view stretch(Allowed allowed) {
    const std::size_t from = at_;
    while (at_ < text_.size() && allowed(text_[at_])) {
      ++at_;
    }
    return text_.substr(from, at_ - from);
  }

  template <class Allowed>
  bool quoted(std::string_view& content, Allowed allowed) {
    if (!next_is('"')) {
      return false;
    }
    content = stretch(allowed);
    return next_is('"');
  }

  bool field(Entry& entry, unsigned& seen) {
    std::string_view name;
    if (!quoted(name, in_name) || !sign(':')) {
      return false;
    }
    const unsigned which = name == "dtype"          ? 1
                           : name == "shape"        ? 2
                           : name == "data_offsets" ? 4
                                                    : 0;
    if (which == 0 || (seen & which) != 0) {
      return false;
    }
    seen |= which;
    if (which == 1) {
      return quoted(entry.storage.dtype, in_dtype);
    }
    return which == 2 ? shape(entry.storage.shape) : offsets(entry);
  }

  bool shape(std::string_view& shape) {
    const std::size_t from = at_;
    if (!next_is('[')) {
      return false;
    }
    stretch(in_shape);
    if (!next_is(']')) {
      return false;
    }
    shape = text_.substr(from, at_ - from);
    return true;
  }

  bool offsets(Entry& entry) {
    if (!next_is('[')) {
      return false;
    }
    space();
    return number(entry.begin) && sign(',') && number(entry.end) && (space(), next_is(']'));
  }

  bool number(std::uint64_t& value) {
    const std::string_view digits = stretch(is_digit);
    if (digits.empty() || digits.size() > most_digits || (digits[0] == '0' && digits.size() > 1)) {
      return false;
    }
    value = 0;
    for (const char digit : digits) {
      value = 10 * value + static_cast<std::uint64_t>(digit - '0');
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_;
};

// Numbers spellings of storages in the order in which they come up. A tree, because a hostile
// header can make the lists of a hash table long.
class StorageNumbers {
 public:
  explicit StorageNumbers(std::vector<HeaderEntries::Storage>& storages) : storages_(storages) {}

  std::uint32_t of(const HeaderEntries::Storage& storage) {
    const auto number = static_cast<std::uint32_t>(storages_.size());
    const auto [found, is_new] = known_.emplace(std::pair(storage.dtype, storage.shape), number);
    if (is_new) {
      storages_.push_back(storage);
    }
    return found->second;
  }

 private:
  std::vector<HeaderEntries::Storage>& storages_;
  std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> known_;
};

}  // namespace

HeaderEntries scan_header_entries(std::string_view text, std::size_t from,
                                  std::uint64_t data_size) {
  HeaderEntries found;
  StorageNumbers numbers(found.storages);
  Scanner scanner(text, from);
  found.behind = scanner.position();
  for (Entry entry; scanner.entry(entry); found.behind = scanner.position()) {
    if (entry.name == metadata_name || entry.begin > entry.end || entry.end > data_size) {
      break;
    }
    found.names.push_back(entry.name);
    found.storage_of.push_back(numbers.of(entry.storage));
    found.begins.push_back(entry.begin);
    found.ends.push_back(entry.end);
  }
  return found;
}

}  // namespace weightgauge
