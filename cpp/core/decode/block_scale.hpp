// Codes of eight or four bits; each block of them has a scale.
#pragma once

#include <cstdint>
#include <optional>

#include "core/decode/float_reader.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Matrices of codes lie one after the other in C order from byte `origin` on. There are as many
// matrices of scales, with one scale for each block of rows and columns. A block may reach beyond
// the matrix's edge.
struct BlockGrid {
  std::uint64_t origin = 0;
  std::uint64_t matrices = 1;
  std::uint64_t rows = 1;
  std::uint64_t columns = 1;  // bytes of codes in a row
  std::uint64_t block_rows = 1;
  std::uint64_t block_columns = 1;  // bytes of codes
};

// What all scales are multiplied with, or divided by, as float32 arithmetic does.
struct ScaleOfAll {
  FloatReader number;  // one, or one for each matrix
  bool divides = false;
};

// A value is code x scale. For F4 with scales of E8M0 or E4M3 it is made in BF16, which holds the
// product exactly. For all other formats, and where there is a scale of all as well, it is made in
// F32, rounded as float32 arithmetic does. A product that is too large is infinite.
class BlockScale : public Decoding {
 public:
  // `size` is the size of the file with the codes. Throws std::invalid_argument if codes or scales
  // would lie beyond the end, if the number of scales is not the number of blocks, or if the scale
  // of all is neither one number nor one for each matrix.
  BlockScale(DType codes, const BlockGrid& grid, std::uint64_t size, const FloatReader& scales,
             const std::optional<ScaleOfAll>& of_all = std::nullopt);

  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;
  // Rows of F4 that are cut into blocks of 16 or 32 codes can be counted where they are in memory.
  bool can_count(const ByteSource& stored, const Run& run) const override;
  std::uint64_t count(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                      std::uint32_t* magnitudes, PageNotes* notes) const override;
  // The first byte behind the codes.
  std::uint64_t end() const { return grid_.origin + grid_.matrices * grid_.rows * grid_.columns; }

 private:
  struct Place {
    std::uint64_t scale;  // index of the first scale of this row of blocks
    std::uint64_t column;
  };
  Place place_of(std::uint64_t offset) const;
  // Converts a scale and its neighbours if need be; returns its place among the scales kept.
  std::uint64_t keep_scale(std::uint64_t index, ReadBuffer& buffer) const;
  void read_scales(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer, float* to) const;
  // Decodes codes that share a scale.
  void decode_block(const std::byte* codes, std::size_t n, std::uint64_t scale, ReadBuffer& buffer,
                    std::byte* to) const;
  void decode_piece(const std::byte* codes, std::uint64_t offset, std::uint64_t stride,
                    std::size_t n, ReadBuffer& buffer, std::byte* to) const;

  // Counts the codes of `n` whole blocks from number `first` on; returns how many are negative.
  // Whole pages from the first on are noted unless `notes` is null.
  std::uint64_t count_blocks(const std::byte* codes, std::uint64_t first, std::uint64_t n,
                             ReadBuffer& buffer, std::uint32_t* magnitudes, PageNotes* notes) const;
  // The same for a part of a block, whose values are made.
  std::uint64_t count_made(const std::byte* codes, std::uint64_t offset, std::size_t n,
                           ReadBuffer& buffer, std::uint32_t* magnitudes) const;

  DType codes_;
  const float* code_values_;
  BlockGrid grid_;
  std::uint64_t blocks_across_;
  std::uint64_t blocks_down_;
  FloatReader scales_;
  std::optional<ScaleOfAll> of_all_;
  const std::uint32_t* pairs_;  // BF16 values of every byte for every scale; null if made in F32
};

}  // namespace weightgauge
