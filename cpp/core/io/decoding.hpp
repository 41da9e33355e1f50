// Values that are not stored as such: they are made from what is stored, a little at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/zeroed_cells.hpp"
#include "core/kernels/page_notes.hpp"

namespace weightgauge {

class ReadBuffer;
class ByteSource;
struct Run;

// Stretches of `items` stored items each, whose first ones are `pitch` items apart.
struct StoredRows {
  std::uint64_t offset;
  std::uint64_t items;
  std::uint64_t rows;
  std::uint64_t pitch;
};

// Receives n packed values, aligned for any element format.
using TakeValues = std::function<void(const std::byte* values, std::size_t n)>;

// Receives n values of F32, and how often each occurs, which may be never.
using TakeCounted =
    std::function<void(const float* values, const std::uint32_t* counts, std::size_t n)>;

// One thread's memory: the values just made, and inputs that are kept because the next values need
// them too.
struct DecodingSpace {
  static constexpr std::size_t value_bytes = 64 * 1024;
  std::vector<std::uint64_t> values;
  const void* owner = nullptr;  // the decoding that filled `kept`
  std::uint64_t kept_first = 0;
  std::uint64_t kept_last = 0;
  std::uint64_t first_group = 0;
  std::uint64_t last_group = 0;
  std::vector<float> kept;
  std::vector<float> row;
  std::vector<float> values_of_codes;
  std::vector<std::byte> line;
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> groups;
  bool groups_in_order = false;
  std::vector<std::uint16_t> scale_codes;
  std::vector<std::uint8_t> zeros;
  std::vector<std::uint32_t> places;
  std::vector<std::byte> kept_bytes;
  std::vector<std::uint8_t> kept_lines;  // by line: whether `kept_bytes` has it
  std::vector<std::byte> codes;
  std::vector<double> left;  // `left` and `right` hold the operands of arithmetic
  std::vector<double> right;
  std::vector<double> whole;
  std::vector<std::byte> scales;
  // Of codes in groups: the zero point or the bias of each group, one code in a byte, counts.
  std::vector<float> added;
  std::vector<std::uint8_t> unpacked;
  std::vector<std::uint32_t> counts;

  std::byte* value_storage() {
    values.resize(value_bytes / sizeof(std::uint64_t));
    return reinterpret_cast<std::byte*>(values.data());
  }
  std::byte* code_storage() {
    codes.resize(value_bytes);
    return codes.data();
  }
};

// How often values occur that are small multiples of scales of 16 bits, by scale and multiple.
struct MultipleCounts {
  static constexpr std::size_t scales = std::size_t{1} << 16;
  static constexpr std::size_t row = 32;   // cells for each scale
  static constexpr std::size_t zero = 15;  // the cell of multiple 0, beside which the others lie

  DType format = DType::f16;           // of the scales
  std::optional<float> single;         // the only scale, which is counted as scale 0
  ZeroedCells<std::uint32_t> cells;    // none of which may reach 2^32
  std::vector<std::uint8_t> used;      // by scale: whether any of its cells may not be 0
  std::uint64_t in_cells = 0;          // elements, all of whose multiples are in cells
  std::uint64_t folded = 0;            // elements of which those that are not 0 are in cells,
  std::uint64_t folded_negatives = 0;  // without signs, and so many of them are negative
  std::uint64_t nans = 0;              // elements without a scale
  // Memory to sort products in.
  struct Product {
    std::uint64_t key;
    std::uint64_t count;
  };
  std::vector<Product> products;
  std::vector<std::uint64_t> table;

  void open(DType of_scales, std::optional<float> only) {
    format = of_scales;
    single = only;
    if (cells.size() == 0) {
      cells.make_room(scales * row);
      used.resize(scales);
    }
  }
};

// Bytes that lie side by side.
struct StoredCodes {
  const ByteSource* source;
  std::uint64_t offset;
  std::uint64_t bytes;
};

class Decoding {
 public:
  virtual ~Decoding() = default;
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;

  DType values() const { return values_; }
  std::uint64_t values_per_item() const { return values_per_item_; }
  // How many items there are, where no bytes stand behind them.
  virtual std::uint64_t items_in_all() const { return 0; }

  // Hands over the values of a run of stored items. They may come in any order, because counts do
  // not depend on it. A value must not depend on the run in which it is asked for.
  virtual void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                      const TakeValues& take) const = 0;

  // Whether the values of several rows can be made together.
  virtual bool makes_rows() const { return false; }
  // Where they can: writes them, one row after the other, packed. They are those of decode().
  virtual void make_rows(const StoredRows& /*rows*/, ReadBuffer& /*buffer*/,
                         std::byte* /*to*/) const {}
  // So many rows that follow each other, from a multiple of that number on, lie side by side: they
  // are best read together.
  virtual std::uint64_t rows_side_by_side() const { return 1; }

  // Whether the values of such a run can be counted without making them. They then have 16 bits.
  virtual bool can_count(const ByteSource& /*stored*/, const Run& /*run*/) const { return false; }
  // Where they can: adds to the counts by magnitude, of which none may reach 2^32, and returns how
  // many values are finite and negative. Whole pages from the run's first byte on are noted unless
  // `notes` is null.
  virtual std::uint64_t count(const ByteSource& /*stored*/, const Run& /*run*/,
                              ReadBuffer& /*buffer*/, std::uint32_t* /*magnitudes*/,
                              PageNotes* /*notes*/) const {
    return 0;
  }

  // Whether groups of values are best counted by their codes: each value is then made once a group.
  virtual bool counts_groups() const { return false; }
  // Where they are: hands over the values of a run, which are F32, and their counts.
  virtual void count_groups(const Run& /*run*/, ReadBuffer& /*buffer*/,
                            const TakeCounted& /*take*/) const {}

  // Whether all values are small multiples of scales that can be counted by scale and multiple.
  virtual bool counts_multiples() const { return false; }
  // Where they can: adds the values of a run of items. The pages of its codes are noted unless
  // `notes` is null: see notes_codes().
  virtual void count_multiples(const Run& /*run*/, ReadBuffer& /*buffer*/,
                               MultipleCounts& /*counts*/, PageNotes* /*notes*/) const {}
  // How many items there are in all, where slices of all of them are best counted in another order;
  // else 0.
  virtual std::uint64_t items_in_any_order() const { return 0; }
  // Adds the values of items `first` to `last` - 1 in that order.
  virtual void count_in_any_order(std::uint64_t /*first*/, std::uint64_t /*last*/,
                                  ReadBuffer& /*buffer*/, MultipleCounts& /*counts*/,
                                  PageNotes* /*notes*/) const {}
  // Where no bytes stand behind the items: where those of the codes lie of which values are made.
  virtual std::optional<StoredCodes> stored_codes() const { return std::nullopt; }
  // Whether pages of these can be noted by what counts multiples: each of them once, where all
  // items are counted in parts of items_together() or multiples of that.
  virtual bool notes_codes(ReadBuffer& /*buffer*/) const { return false; }
  // So many items, and multiples of them, are best counted together.
  virtual std::uint64_t items_together() const { return 1; }

 protected:
  Decoding(DType values, std::uint64_t values_per_item)
      : values_(values), values_per_item_(values_per_item) {}

 private:
  DType values_;
  std::uint64_t values_per_item_;
};

}  // namespace weightgauge
