// Keeps bytes of files that are not on this machine for as long as they are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/io/byte_ranges.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/system_file.hpp"

namespace weightgauge {

// Bytes are kept in blocks of 64 KiB. As many blocks as `memory` allows are in memory, the others
// in a temporary file without a name. The file is made when it is first needed, and goes with the
// spool.
class Spool {
 public:
  static constexpr std::size_t block_bytes = std::size_t{1} << 16;
  static constexpr std::size_t usual_memory = std::size_t{64} << 20;

  struct File {
    std::string label;
    std::uint64_t size;
  };

  // `directory` is where the temporary file is made, if one is needed.
  Spool(const std::vector<File>& files, std::string directory, std::size_t memory = usual_memory);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // One source for each file; it reads what is kept of the file.
  const std::vector<std::unique_ptr<ByteSource>>& sources() const { return sources_; }

  // From now on, what is written in this range is kept, until release() has been called as often as
  // hold().
  void hold(std::size_t file, ByteRange range);
  void release(std::size_t file, ByteRange range);
  // Keeps those of the bytes that are held, and perhaps some around them. Throws ReadFailed if the
  // temporary file cannot be written.
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

  // A block's place is its number: places below memory_places_ are in memory, the others in the
  // file.
  std::size_t free_place();
  void give_back(std::size_t place);
  void open_file();
  void transfer(std::size_t place, std::size_t within, std::byte* to, std::size_t n) const;
  void store(std::size_t place, std::size_t within, const std::byte* from, std::size_t n);

  std::string directory_;
  std::size_t memory_places_;
  std::vector<std::unique_ptr<ByteSource>> sources_;
  std::vector<Blocks> blocks_;  // one for each file
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<std::size_t> free_in_memory_;
  std::vector<std::size_t> free_in_file_;
  std::size_t places_in_file_ = 0;
  FileHandle scratch_ = no_file;
};

}  // namespace weightgauge
