// Codes of two to eight bits that follow each other without gaps, whose values depend on a scale
// that the codes of a group share.
#pragma once

#include <cstdint>
#include <optional>

#include "core/decode/float_reader.hpp"
#include "core/decode/zero_points.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Codes fill their bytes from the lowest bits up, and a code may lie in two bytes. A matrix whose
// rows begin with a byte is such a row of codes as a whole.
struct GroupedForm {
  std::uint64_t items = 1;
  unsigned bits = 4;
  std::uint64_t group_items = 1;  // of which the last group may have fewer
  bool upper_first = false;       // of the two codes of a byte the first is in the upper bits
  bool has_sign = false;          // codes are integers of two's complement
  float divisor = 1;              // of the numbers that codes spell
  float zero = 0;                 // the code that spells 0
};

// Scales that are codes of eight bits themselves: the value of a code, times the scale of its
// group, plus a number.
struct ScaleCodes {
  const ByteSource* source = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t items = 0;
  FloatReader values;  // 256
  std::uint64_t group_items = 1;
  float added = 0;
};

struct GroupedParts {
  const ByteSource* codes = nullptr;
  std::uint64_t offset = 0;           // of the first code
  std::uint64_t bytes = 0;            // of all codes
  FloatReader scales;                 // one for each group, or for each group of scale codes
  std::optional<FloatReader> biases;  // what is added to the values of each group
  std::optional<FloatReader> values;  // of all codes; else a code is the number that it spells
  std::optional<ScaleCodes> scale_codes;
  std::optional<ZeroPoints> zeros;  // subtracted from the values of codes; there are no biases then
};

// Item i has the value (value of code i - zero point) x scale + bias in float32, each operation
// rounded. No byte stands behind an item: it is only a number.
class GroupedCodes : public Decoding {
 public:
  // Throws std::invalid_argument if the parts do not fit each other, or lie beyond the end of a
  // file.
  GroupedCodes(const GroupedForm& form, const GroupedParts& parts);

  std::uint64_t items() const { return form_.items; }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;
  bool counts_groups() const override;
  void count_groups(const Run& run, ReadBuffer& buffer, const TakeCounted& take) const override;

  static constexpr unsigned most_bits = 8;

 private:
  std::uint64_t groups() const { return (form_.items - 1) / form_.group_items + 1; }
  void check_parts() const;
  void keep_values(ReadBuffer& buffer) const;
  // Keeps scale and bias of a group and of its neighbours; returns its place among those kept.
  std::size_t keep_group(std::uint64_t group, ReadBuffer& buffer) const;
  void read_scales(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer) const;
  // The bytes of some codes: in memory, or read into a place that other inputs leave alone.
  const std::byte* bytes_of(std::uint64_t item, std::uint64_t n, DecodingSpace& space) const;
  void unpack(const std::byte* bytes, std::uint64_t item, std::size_t n, std::uint8_t* codes) const;
  // Writes the values of all codes, or of codes that stand alone, of one group.
  void make(const std::uint8_t* codes, std::size_t n, std::size_t place, const DecodingSpace& space,
            float* to) const;
  void make_items(std::uint64_t item, std::size_t n, ReadBuffer& buffer, float* to) const;
  void make_counted(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer,
                    const TakeCounted& take) const;
  void count_whole_groups(std::uint64_t first, std::uint64_t last, ReadBuffer& buffer,
                          const TakeCounted& take) const;

  GroupedForm form_;
  GroupedParts parts_;
};

}  // namespace weightgauge
