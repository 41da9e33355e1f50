// Large tables of counts of which little is used.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace weightgauge {

// Zeros for which the system provides memory only where they are touched.
template <class Cell>
class ZeroedCells {
 public:
  ZeroedCells() = default;
  explicit ZeroedCells(std::size_t size)
      : cells_(static_cast<Cell*>(std::calloc(size, sizeof(Cell)))), size_(size) {
    if (cells_ == nullptr) {
      throw std::bad_alloc();
    }
  }

  std::size_t size() const { return size_; }
  Cell* data() const { return cells_.get(); }
  Cell& operator[](std::size_t index) const { return cells_[index]; }

 private:
  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };
  std::unique_ptr<Cell[], Free> cells_;
  std::size_t size_ = 0;
};

}  // namespace weightgauge
