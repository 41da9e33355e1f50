// Noting the pages of packed codes while these are counted.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

std::optional<StoredCodes> PackedCodes::stored_codes() const {
  return StoredCodes{parts_.codes, parts_.offset, parts_.bytes};
}

bool PackedCodes::notes_codes(ReadBuffer& buffer) const {
  return has_quarters_in_memory() || has_whole_groups(buffer);
}

void PackedCodes::note_stretch(std::uint64_t begin, std::uint64_t end, PageNotes* notes) const {
  const std::uint64_t first = (begin + page_bytes - 1) / page_bytes;
  const std::uint64_t last = (end + page_bytes - 1) / page_bytes;
  if (notes == nullptr || first >= last) {
    return;
  }
  const std::uint64_t bytes = std::min(parts_.bytes, last * page_bytes) - first * page_bytes;
  notes->page = first;
  kernels().note_pages(parts_.codes->memory() + parts_.offset + first * page_bytes,
                       static_cast<std::size_t>(bytes), *notes);
}

// The lines of a group are those of all rows, of which a part has some. They lie side by side, so
// that one part notes them at once, and then finds its own codes in the second cache.
void PackedCodes::note_lines_of(std::uint64_t group, std::uint64_t first_row,
                                std::uint64_t last_row, PageNotes* notes) const {
  const std::uint64_t rows = items_together() / form_.columns;
  const std::uint64_t parts = (form_.rows + rows - 1) / rows;
  const std::uint64_t row = group % parts * rows;
  if (first_row <= row && row < last_row) {
    const std::uint64_t bytes = form_.group_columns / columns_at_a_time() * line_pitch();
    note_stretch(group * bytes, (group + 1) * bytes, notes);
  }
}

}  // namespace weightgauge
