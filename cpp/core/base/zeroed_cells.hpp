// Large tables of which little is used, or that are filled anew each time.
#pragma once

#include <cstddef>
#include <memory>

namespace weightgauge {

namespace detail {
// Zeros straight from the system, which provides memory only for the pages that are touched, and
// gets it back at once. Throws std::bad_alloc.
void* map_zeros(std::size_t bytes);
void unmap_zeros(void* begin, std::size_t bytes) noexcept;
}  // namespace detail

template <class Cell>
class ZeroedCells {
 public:
  ZeroedCells() = default;
  explicit ZeroedCells(std::size_t size)
      : cells_(static_cast<Cell*>(detail::map_zeros(size * sizeof(Cell))), Unmap{size}) {}

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
    void operator()(Cell* cells) const noexcept { detail::unmap_zeros(cells, size * sizeof(Cell)); }
  };
  std::unique_ptr<Cell[], Unmap> cells_;
};

}  // namespace weightgauge
