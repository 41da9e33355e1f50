#include "core/decode/grouped_codes.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

// So many groups are kept at a time, because neighbours are usually wanted next; few where those
// before these were not wanted.
constexpr std::uint64_t window = 1024;
constexpr std::uint64_t first_window = 32;

constexpr std::size_t values_at_a_time = DecodingSpace::value_bytes / sizeof(float);

// Of codes that are so narrow all values of a group are made, and looked up.
constexpr unsigned looked_up_bits = 4;
constexpr std::size_t most_looked_up = std::size_t{1} << looked_up_bits;
constexpr std::uint8_t all_codes[most_looked_up] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                    8, 9, 10, 11, 12, 13, 14, 15};

// Groups that are counted together, and of how many codes they must be for that to be quick, and
// for a kernel to add its counts up.
constexpr std::uint64_t groups_counted = 512;
constexpr std::uint64_t least_counted = 32;
constexpr std::uint64_t most_counted = std::uint64_t{1} << 20;

std::uint64_t bytes_for(std::uint64_t codes, unsigned bits) {
  return codes / 8 * bits + (codes % 8 * bits + 7) / 8;
}

}  // namespace

GroupedCodes::GroupedCodes(const GroupedForm& form, const GroupedParts& parts)
    : Decoding(DType::f32, 1), form_(form), parts_(parts) {
  check_parts();
}

void GroupedCodes::check_parts() const {
  constexpr std::uint64_t most_items = std::numeric_limits<std::uint64_t>::max() / most_bits;
  if (form_.items == 0 || form_.items > most_items || form_.group_items == 0) {
    throw std::invalid_argument("there are no codes, or too many, or none in a group");
  }
  if (form_.bits < 2 || form_.bits > most_bits || (form_.upper_first && form_.bits != 4) ||
      (form_.has_sign && form_.bits != 8)) {
    throw std::invalid_argument("codes have no such number of bits");
  }
  if (parts_.bytes != bytes_for(form_.items, form_.bits)) {
    throw std::invalid_argument("there are more or fewer codes than values");
  }
  if (!parts_.codes->has(parts_.offset, parts_.bytes, 1)) {
    throw std::invalid_argument("codes reach beyond the end of their file");
  }
  std::uint64_t scales = groups();
  if (const auto& nested = parts_.scale_codes) {
    if (nested->items != scales || nested->group_items == 0 || nested->values.items() != 256) {
      throw std::invalid_argument("there are more or fewer codes of scales than groups");
    }
    if (!nested->source->has(nested->offset, nested->items, 1)) {
      throw std::invalid_argument("codes of scales reach beyond the end of their file");
    }
    scales = (scales - 1) / nested->group_items + 1;
  }
  if (parts_.scales.items() != scales || (parts_.biases && parts_.biases->items() != groups())) {
    throw std::invalid_argument("there are more or fewer scales or biases than groups of codes");
  }
  if (parts_.zeros) {
    if (parts_.biases) {
      throw std::invalid_argument("groups have biases or zero points, and not both");
    }
    parts_.zeros->check(groups());
  }
  if (parts_.values && parts_.values->items() != std::uint64_t{1} << form_.bits) {
    throw std::invalid_argument("there are more or fewer values than codes");
  }
}

// Not before values are asked for: until then, what is fed may not be there.
void GroupedCodes::keep_values(ReadBuffer& buffer) const {
  std::vector<float>& values = buffer.decoding_space().values_of_codes;
  const std::size_t codes = std::size_t{1} << form_.bits;
  values.resize(codes);
  if (parts_.values) {
    parts_.values->read(0, codes, buffer, values.data());
    return;
  }
  for (std::size_t code = 0; code < codes; ++code) {
    const bool negative = form_.has_sign && code >= codes / 2;
    const auto number = static_cast<float>(code) - static_cast<float>(negative ? codes : 0);
    values[code] = (number - form_.zero) / form_.divisor;
  }
}

std::size_t GroupedCodes::keep_group(std::uint64_t group, ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  if (space.owner != this || group < space.kept_first || group >= space.kept_last) {
    const bool known = space.owner == this;
    const std::uint64_t wanted = known && group == space.kept_last ? window : first_window;
    const std::uint64_t first = group - group % first_window;
    const std::uint64_t last = std::min(first + wanted, groups());
    space.owner = nullptr;
    if (!known) {
      keep_values(buffer);
    }
    space.kept.resize(window);
    space.added.resize(window);
    read_scales(first, last - first, buffer);
    if (parts_.biases) {
      parts_.biases->read(first, last - first, buffer, space.added.data());
    } else if (parts_.zeros) {
      parts_.zeros->read(first, last - first, space.added.data());
    }
    space.owner = this;
    space.kept_first = first;
    space.kept_last = last;
  }
  return static_cast<std::size_t>(group - space.kept_first);
}

void GroupedCodes::read_scales(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  if (!parts_.scale_codes) {
    parts_.scales.read(first, n, buffer, space.kept.data());
    return;
  }
  const ScaleCodes& nested = *parts_.scale_codes;
  float values[256];
  nested.values.read(0, 256, buffer, values);
  space.scales.resize(window);
  nested.source->read(space.scales.data(), static_cast<std::size_t>(n), nested.offset + first);
  std::uint64_t known = std::numeric_limits<std::uint64_t>::max();
  float scale = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t group = (first + i) / nested.group_items;
    if (group != known) {
      parts_.scales.read(group, 1, buffer, &scale);
      known = group;
    }
    const float product = values[std::to_integer<unsigned>(space.scales[i])] * scale;
    space.kept[i] = product + nested.added;
  }
}

const std::byte* GroupedCodes::bytes_of(std::uint64_t item, std::uint64_t n,
                                        DecodingSpace& space) const {
  const std::uint64_t first = item / 8 * form_.bits + item % 8 * form_.bits / 8;
  if (const std::byte* const memory = parts_.codes->memory()) {
    return memory + parts_.offset + first;
  }
  const std::uint64_t end = bytes_for(item + n, form_.bits);
  std::byte* const codes = space.code_storage();
  parts_.codes->read(codes, static_cast<std::size_t>(end - first), parts_.offset + first);
  return codes;
}

void GroupedCodes::unpack(const std::byte* bytes, std::uint64_t item, std::size_t n,
                          std::uint8_t* codes) const {
  const auto byte_at = [bytes](std::size_t at) { return std::to_integer<unsigned>(bytes[at]); };
  if (form_.bits == 8) {
    std::transform(bytes, bytes + n, codes,
                   [](std::byte each) { return std::to_integer<std::uint8_t>(each); });
    return;
  }
  if (form_.bits == 4) {
    const unsigned turned = form_.upper_first ? 1 : 0;
    const auto odd = static_cast<unsigned>(item % 2);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = i + odd;
      codes[i] = byte_at(at / 2) >> (4 * ((at % 2) ^ turned)) & 15U;
    }
    return;
  }
  const unsigned mask = (1U << form_.bits) - 1;
  auto shift = static_cast<unsigned>(item % 8 * form_.bits % 8);
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    unsigned code = byte_at(at) >> shift;
    shift += form_.bits;
    if (shift > 8) {  // the rest is in the next byte, which exists
      code |= byte_at(at + 1) << (8 - (shift - form_.bits));
    }
    codes[i] = static_cast<std::uint8_t>(code & mask);
    at += shift / 8;
    shift %= 8;
  }
}

void GroupedCodes::make(const std::uint8_t* codes, std::size_t n, std::size_t place,
                        const DecodingSpace& space, float* to) const {
  const float* const values = space.values_of_codes.data();
  const float scale = space.kept[place];
  if (parts_.zeros) {
    const float zero = space.added[place];
    for (std::size_t i = 0; i < n; ++i) {
      to[i] = (values[codes[i]] - zero) * scale;
    }
    return;
  }
  if (!parts_.biases) {
    for (std::size_t i = 0; i < n; ++i) {
      to[i] = values[codes[i]] * scale;
    }
    return;
  }
  const float bias = space.added[place];
  for (std::size_t i = 0; i < n; ++i) {
    const float product = values[codes[i]] * scale;
    to[i] = product + bias;
  }
}

// Values of items that follow each other, no more than are made at a time.
void GroupedCodes::make_items(std::uint64_t item, std::size_t n, ReadBuffer& buffer,
                              float* to) const {
  DecodingSpace& space = buffer.decoding_space();
  std::vector<std::uint8_t>& codes = space.unpacked;
  codes.resize(values_at_a_time);
  unpack(bytes_of(item, n, space), item, n, codes.data());
  const std::size_t of_codes = std::size_t{1} << form_.bits;
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t group = (item + done) / form_.group_items;
    const std::uint64_t left = form_.group_items - (item + done) % form_.group_items;
    const auto same = static_cast<std::size_t>(std::min<std::uint64_t>(left, n - done));
    const std::size_t place = keep_group(group, buffer);
    const std::uint8_t* const of_group = codes.data() + done;
    if (form_.bits > looked_up_bits || same < of_codes) {
      make(of_group, same, place, space, to + done);
    } else {
      float values[most_looked_up];
      make(all_codes, of_codes, place, space, values);
      for (std::size_t i = 0; i < same; ++i) {
        to[done + i] = values[of_group[i]];
      }
    }
    done += same;
  }
}

void GroupedCodes::decode(const ByteSource& /*stored*/, const Run& run, ReadBuffer& buffer,
                          const TakeValues& take) const {
  std::byte* const to = buffer.decoding_space().value_storage();
  auto* const values = reinterpret_cast<float*>(to);
  for (std::uint64_t from = 0; from < run.items;) {
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(values_at_a_time, run.items - from));
    if (run.stride == 1) {
      make_items(run.offset + from, n, buffer, values);
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        make_items(run.offset + (from + i) * run.stride, 1, buffer, values + i);
      }
    }
    take(to, n);
    from += n;
  }
}

bool GroupedCodes::counts_groups() const {
  return form_.bits == 4 && form_.group_items % 2 == 0 && form_.group_items >= least_counted &&
         form_.group_items <= most_counted && parts_.codes->memory() != nullptr;
}

void GroupedCodes::count_groups(const Run& run, ReadBuffer& buffer, const TakeCounted& take) const {
  if (run.stride != 1) {
    for (std::uint64_t i = 0; i < run.items; ++i) {
      make_counted(run.offset + i * run.stride, 1, buffer, take);
    }
    return;
  }
  const std::uint64_t unit = form_.group_items;
  const std::uint64_t end = run.offset + run.items;
  const std::uint64_t first = std::min(end, (run.offset + unit - 1) / unit * unit);
  const std::uint64_t last = std::max(first, end / unit * unit);
  make_counted(run.offset, first - run.offset, buffer, take);
  count_whole_groups(first / unit, last / unit, buffer, take);
  make_counted(last, end - last, buffer, take);
}

// Whole groups are counted by their codes; the order of the two in a byte makes no difference.
void GroupedCodes::count_whole_groups(std::uint64_t first, std::uint64_t last, ReadBuffer& buffer,
                                      const TakeCounted& take) const {
  DecodingSpace& space = buffer.decoding_space();
  const std::uint64_t group_bytes = form_.group_items / 2;
  const std::byte* const codes = parts_.codes->memory() + parts_.offset;
  auto* const values = reinterpret_cast<float*>(space.value_storage());
  std::uint32_t places[groups_counted];
  for (std::size_t i = 0; i < groups_counted; ++i) {
    places[i] = static_cast<std::uint32_t>(i * most_looked_up);
  }
  for (std::uint64_t group = first; group < last;) {
    const auto n = static_cast<std::size_t>(std::min(groups_counted, last - group));
    space.counts.assign(groups_counted * most_looked_up, 0);
    kernels().groups.count_classes(codes + group * group_bytes, n, group_bytes, CodeClasses::each,
                                   places, space.counts.data());
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = keep_group(group + i, buffer);
      make(all_codes, most_looked_up, place, space, values + i * most_looked_up);
    }
    take(values, space.counts.data(), n * most_looked_up);
    group += n;
  }
}

void GroupedCodes::make_counted(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer,
                                const TakeCounted& take) const {
  DecodingSpace& space = buffer.decoding_space();
  auto* const values = reinterpret_cast<float*>(space.value_storage());
  for (std::uint64_t done = 0; done < n;) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(values_at_a_time, n - done));
    make_items(first + done, some, buffer, values);
    space.counts.assign(some, 1);
    take(values, space.counts.data(), some);
    done += some;
  }
}

}  // namespace weightgauge
