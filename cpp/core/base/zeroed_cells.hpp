// Large tables of which little is used, or that are filled anew each time.
#pragma once

#include <cstddef>
#include <memory>

#include "core/base/platform.hpp"

namespace weightgauge {

template <class Cell>
class ZeroedCells {
 public:
  ZeroedCells() = default;
  explicit ZeroedCells(std::size_t size)
      : cells_(static_cast<Cell*>(map_zeros(size * sizeof(Cell))), Unmap{size}) {}

  std::size_t size() const { return cells_.get_deleter().size; }
  // A table that is too small is replaced: what was in it is lost.
  void make_room(std::size_t size) {
    if (this->size() < size) {
      *this = ZeroedCells();
      *this = ZeroedCells(size);
    }
  }
  Cell* data() const { return cells_.get(); }
  Cell& operator[](std::size_t index) const { return cells_[index]; }

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(Cell* cells) const noexcept { unmap_zeros(cells, size * sizeof(Cell)); }
  };
  std::unique_ptr<Cell[], Unmap> cells_;
};

}  // namespace weightgauge
