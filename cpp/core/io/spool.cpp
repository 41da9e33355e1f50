#include "core/io/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/base/errors.hpp"

namespace weightgauge {

namespace {

class SpooledSource : public ByteSource {
 public:
  SpooledSource(const Spool& spool, std::size_t file, const Spool::File& description)
      : ByteSource({description.label, std::nullopt}, description.size),
        spool_(spool),
        file_(file) {}
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override {
    spool_.read(file_, to, bytes, offset);
  }

 private:
  const Spool& spool_;
  std::size_t file_;
};

// Calls visit(block, offset in the block, bytes of the range before it, bytes in it) for each block
// that the range touches.
template <class Visit>
void for_each_block_of(ByteRange range, Visit&& visit) {
  for (std::uint64_t at = range.begin; at < range.end;) {
    const std::uint64_t within = at % Spool::block_bytes;
    const std::uint64_t n = std::min(range.end - at, Spool::block_bytes - within);
    visit(at / Spool::block_bytes, static_cast<std::size_t>(within),
          static_cast<std::size_t>(at - range.begin), static_cast<std::size_t>(n));
    at += n;
  }
}

// Repeats a system call that may transfer only a part: `some(done)` returns how many bytes it
// moved.
template <class Some>
void repeat(std::size_t bytes, const std::string& where, Some&& some) {
  for (std::size_t done = 0; done < bytes;) {
    const std::ptrdiff_t n = some(done);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      throw ReadFailed(where, n < 0 ? errno : EIO);
    }
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

Spool::Spool(const std::vector<File>& files, std::string directory, std::size_t memory)
    : directory_(std::move(directory)), memory_places_(memory / block_bytes) {
  for (std::size_t file = 0; file < files.size(); ++file) {
    sources_.push_back(std::make_unique<SpooledSource>(*this, file, files[file]));
  }
  blocks_.resize(files.size());
}

Spool::~Spool() {
  if (scratch_ != no_file) {
    close_file(scratch_);
  }
}

void Spool::hold(std::size_t file, ByteRange range) {
  Blocks& blocks = blocks_.at(file);
  for_each_block_of(range, [&](std::uint64_t block, std::size_t, std::size_t, std::size_t) {
    ++blocks[block].holders;
  });
}

void Spool::release(std::size_t file, ByteRange range) {
  Blocks& blocks = blocks_.at(file);
  for_each_block_of(range, [&](std::uint64_t block, std::size_t, std::size_t, std::size_t) {
    const auto found = blocks.find(block);
    if (--found->second.holders == 0) {
      give_back(found->second.place);
      blocks.erase(found);
    }
  });
}

void Spool::write(std::size_t file, std::uint64_t offset, const std::byte* bytes, std::size_t n) {
  Blocks& blocks = blocks_.at(file);
  for_each_block_of({offset, offset + n}, [&](std::uint64_t block, std::size_t within,
                                              std::size_t before, std::size_t part) {
    const auto found = blocks.find(block);
    if (found == blocks.end()) {
      return;
    }
    if (found->second.place == no_place) {
      found->second.place = free_place();
    }
    store(found->second.place, within, bytes + before, part);
  });
}

void Spool::read(std::size_t file, std::byte* to, std::size_t n, std::uint64_t offset) const {
  const Blocks& blocks = blocks_.at(file);
  for_each_block_of({offset, offset + n}, [&](std::uint64_t block, std::size_t within,
                                              std::size_t before, std::size_t part) {
    const auto found = blocks.find(block);
    if (found == blocks.end() || found->second.place == no_place) {
      throw std::logic_error("bytes are read that were not kept");
    }
    transfer(found->second.place, within, to + before, part);
  });
}

std::size_t Spool::free_place() {
  for (std::vector<std::size_t>* free : {&free_in_memory_, &free_in_file_}) {
    const bool in_memory = free == &free_in_memory_;
    if (in_memory && free->empty() && memory_.size() < memory_places_) {
      memory_.push_back(std::make_unique<std::byte[]>(block_bytes));
      return memory_.size() - 1;
    }
    if (!free->empty()) {
      const std::size_t place = free->back();
      free->pop_back();
      return place;
    }
  }
  open_file();
  return memory_places_ + places_in_file_++;
}

void Spool::give_back(std::size_t place) {
  if (place != no_place) {
    (place < memory_places_ ? free_in_memory_ : free_in_file_).push_back(place);
  }
}

void Spool::open_file() {
  if (scratch_ != no_file) {
    return;
  }
  scratch_ = open_scratch(directory_);
  if (scratch_ == no_file) {
    throw ReadFailed(directory_, errno);
  }
}

void Spool::transfer(std::size_t place, std::size_t within, std::byte* to, std::size_t n) const {
  if (place < memory_places_) {
    std::memcpy(to, memory_[place].get() + within, n);
    return;
  }
  const std::size_t at = (place - memory_places_) * block_bytes + within;
  repeat(n, directory_,
         [&](std::size_t done) { return read_some(scratch_, to + done, n - done, at + done); });
}

void Spool::store(std::size_t place, std::size_t within, const std::byte* from, std::size_t n) {
  if (place < memory_places_) {
    std::memcpy(memory_[place].get() + within, from, n);
    return;
  }
  const std::size_t at = (place - memory_places_) * block_bytes + within;
  repeat(n, directory_,
         [&](std::size_t done) { return write_some(scratch_, from + done, n - done, at + done); });
}

}  // namespace weightgauge
