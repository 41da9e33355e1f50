// Bytes of files that are not here, kept for as long as somebody needs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/io/byte_ranges.hpp"
#include "core/io/byte_source.hpp"

namespace weightgauge {

// Keeps blocks of 64 KiB: as many in memory as it may, the others in a temporary file without a
// name, which is made when the first of them comes and is gone with the spool.
class Spool {
 public:
  static constexpr std::size_t block_bytes = std::size_t{1} << 16;
  static constexpr std::size_t usual_memory = std::size_t{64} << 20;

  struct File {
    std::string label;
    std::uint64_t size;
  };

  // `directory` is where a temporary file would lie.
  Spool(const std::vector<File>& files, std::string directory, std::size_t memory = usual_memory);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // The files, each with what is kept of it.
  const std::vector<std::unique_ptr<ByteSource>>& sources() const { return sources_; }

  // From now on what is written in that range is kept, until it has been released as often as it
  // was asked to be held.
  void hold(std::size_t file, ByteRange range);
  void release(std::size_t file, ByteRange range);
  // Keeps those of the bytes that are held, and perhaps some around them. Throws ReadFailed where
  // the temporary file cannot be written.
  void write(std::size_t file, std::uint64_t offset, const std::byte* bytes, std::size_t n);
  // Reads bytes that are held and have been written.
  void read(std::size_t file, std::byte* to, std::size_t n, std::uint64_t offset) const;

 private:
  static constexpr std::size_t no_place = ~std::size_t{0};
  struct Block {
    std::size_t holders = 0;
    std::size_t place = no_place;
  };
  using Blocks = std::unordered_map<std::uint64_t, Block>;

  // Places below memory_places_ are in memory, the others in the temporary file.
  std::size_t free_place();
  void give_back(std::size_t place);
  void open_file();
  void transfer(std::size_t place, std::size_t within, std::byte* to, std::size_t n) const;
  void store(std::size_t place, std::size_t within, const std::byte* from, std::size_t n);

  std::string directory_;
  std::size_t memory_places_;
  std::vector<std::unique_ptr<ByteSource>> sources_;
  std::vector<Blocks> blocks_;  // of each file
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<std::size_t> free_in_memory_;
  std::vector<std::size_t> free_in_file_;
  std::size_t places_in_file_ = 0;
  int descriptor_ = -1;
};

}  // namespace weightgauge
