// Digests of the bytes that are stored, whatever is made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "core/count/byte_notes.hpp"
#include "core/io/read_buffer.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Notes the pages of a part of a tensor, in the order of its view: those of its items, or as large
// a share of its codes' where these lie elsewhere. Parts of items must begin between pages.
ByteNotes pages_of_part(const Slice& slice, const Chunks& chunks, std::uint64_t part,
                        ReadBuffer& buffer);

// Puts what was noted of a slice into its result, and the digest where it has one.
void note_result(const Slice& slice, const ByteNotes& notes);

// The only phase of a slice that is not counted.
class Digesting final : public Phase {
 public:
  Digesting(const Slice& slice, const Chunks& chunks) : slice_(slice), chunks_(chunks) {}
  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  Chunks chunks_;
  std::mutex mutex_;
  ByteNotes notes_;
};

}  // namespace weightgauge
