// A scan of files whose bytes are pushed into it, in ranges of any order and any cut.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/io/spool.hpp"
#include "core/scan/fed_counting.hpp"
#include "core/scan/feed_round.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

struct FedSlice {
  SliceSpec spec;
  // Scales or factors: they must be there as a whole before the first value can be made.
  std::vector<FileRange> beside;
  // Whether its values are made of those alone, as products are: then its items lie in no file.
  bool made = false;
};

// The results are those of scan(), bit for bit: counts depend on no order, and whatever must look
// at a slice more than once works as there, on bytes that are kept meanwhile.
//
// A feed goes in rounds. When all bytes of a round have come, wanted() names those of the next one.
// Most models need one round. There are more where codes wait for their scales, which are wanted
// first, and where the counts of a large F32 or F64 slice turn out not to suffice: then that slice
// is wanted once more, and kept. What needs more than one look from the start (F32 and F64 that are
// small, or wanted exactly, or for quantiles; products of factors) is kept at once, until it is
// complete and fitted.
//
// Memory, whatever the sizes of files, tensors and ranges:
// - the spool's: 64 MiB, beyond which kept bytes go to a temporary file;
// - one workspace for counting or sorting, as of one thread of scan(): about 64 MiB;
// - of each slice that has begun, the rows of which a sample will be looked at again, in the spool;
// - counts of each slice that has begun and is not complete: at most 16 bytes for each magnitude
//   that differs (0.5 MiB for 16-bit formats), or 24 for each bin of F32 and F64 (6 MiB). Whoever
//   feeds in the order of wanted() has few of them at a time;
// - pages of 2 KiB of which only some bytes have come: at most two for each range that was fed.
class FedScan {
 public:
  // The slices' decodings read from the spool's sources.
  FedScan(std::unique_ptr<Spool> spool, std::vector<FedSlice> slices, const ScanOptions& options);

  // Counts n bytes of a file from `offset` on, in the calling thread. What is not wanted in this
  // round is passed over. Throws FeedFault where some of it came before or lies beyond the file's
  // end, and nothing is counted then; or where it is not what came in an earlier round. After that
  // and any other error (ReadFailed where bytes cannot be kept, std::bad_alloc) the scan has
  // failed, and so it has where the control is cancelled: it is looked at between two pieces of
  // 16 MiB. Calls from several threads wait for each other.
  void feed(std::size_t file, std::uint64_t offset, const std::byte* bytes, std::size_t n,
            Control& control);
  // What has not come in this round, by file and ascending; nothing when all is done.
  std::vector<FileRange> wanted() const;
  // The results in the order of the slices, once only. Throws FeedFault where bytes are missing.
  std::vector<SliceResult> finish();

 private:
  enum class Stage : std::uint8_t {
    beside,    // waits for its scales
    counting,  // is counted as it comes
    whole,     // is kept until all of it has come
    done,
  };
  struct State {
    explicit State(const Slice& known) : slice(known) {}
    Slice slice;
    Stage stage = Stage::done;
    std::uint64_t missing = 0;    // bytes in this round
    std::vector<FileRange> held;  // in the spool, for this slice
    std::unique_ptr<FedCounting> counting;
    std::unique_ptr<Phase> next;  // what remains to be done with the whole
  };

  // The turn of one of several threads. Throws FeedFault where the thread has it already: its
  // signal handler runs in the middle of a feed.
  class Turn {
   public:
    explicit Turn(const FedScan& scan);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    const FedScan& scan_;
  };

  Stage first_stage(std::size_t index) const;
  FileRange own_bytes(std::size_t index) const;
  // What a slice needs in the stage in which it is.
  std::vector<FileRange> needs_of(std::size_t index) const;
  void enter(std::size_t index, Stage stage);
  void hold_sample(std::size_t index);
  void end(std::size_t index);
  void start_round(Control& control);
  void count_part(const FileRange& part, const std::byte* bytes, Control& control);
  void complete(std::size_t index, Control& control);
  void end_counting(std::size_t index, Control& control);
  void measure_whole(std::size_t index, Control& control);
  void hand_over();
  void check_alive() const;
  bool done() const { return unfinished_ == 0; }

  mutable std::mutex mutex_;
  mutable std::atomic<std::thread::id> holder_;  // whose turn it is
  std::unique_ptr<Spool> spool_;
  std::vector<FedSlice> slices_;
  ScanOptions options_;
  std::vector<SliceResult> results_;
  std::deque<State> states_;
  FeedRound round_;
  Workspace workspace_;
  std::optional<std::size_t> in_table_;  // the slice whose counts are in the workspace's table
  std::size_t unfinished_ = 0;           // slices
  bool failed_ = false;
};

}  // namespace weightgauge
