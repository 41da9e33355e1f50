#include "core/scan/fed_scan.hpp"

#include <algorithm>
#include <utility>

#include "core/base/errors.hpp"
#include "core/scan/matrix_errors.hpp"
#include "core/scan/slice_job.hpp"
#include "core/two_way/sums.hpp"

namespace weightgauge {

namespace {

// Between two of these, whoever feeds may stop: they are counted in a few hundredths of a second.
constexpr std::uint64_t piece_bytes = std::uint64_t{16} << 20;

// A slice all of whose bytes are there, from its first phase on.
void run_job(const Slice& slice, Workspace& workspace, Control& control) {
  SliceJob job(slice, slice.options.chunk_bytes);
  for (auto progress = SliceJob::Progress::next_phase; progress != SliceJob::Progress::finished;) {
    const std::uint64_t parts = job.parts();
    for (std::uint64_t part = 0; part < parts; ++part) {
      job.run_part(part, workspace, control);
      progress = job.flush(1, 0, workspace, control);
    }
  }
}

// The same from a later phase on.
void run_phases(std::unique_ptr<Phase> phase, Workspace& workspace, Control& control) {
  while (phase != nullptr) {
    for (std::uint64_t part = 0; part < phase->parts(); ++part) {
      phase->run_part(part, workspace, control);
      phase->hand_over(0, workspace);
    }
    phase = phase->finish(workspace, control);
  }
}

}  // namespace

FedScan::Turn::Turn(const FedScan& scan) : scan_(scan) {
  if (scan_.holder_.load() == std::this_thread::get_id()) {
    throw FeedFault(FeedFault::Kind::within, 0, 0, 0);
  }
  scan_.mutex_.lock();
  scan_.holder_.store(std::this_thread::get_id());
}

FedScan::Turn::~Turn() {
  scan_.holder_.store(std::thread::id());
  scan_.mutex_.unlock();
}

FedScan::FedScan(std::unique_ptr<Spool> spool, std::vector<FedSlice> slices,
                 const ScanOptions& options)
    : spool_(std::move(spool)), slices_(std::move(slices)), options_(options) {
  options_.threads = 1;
  options_.unused_rows = false;  // all bytes would be wanted once more
  results_.reserve(slices_.size());
  for (const FedSlice& slice : slices_) {
    const View& view = slice.spec.view;
    SliceResult& result = results_.emplace_back(view.dtype);
    states_.emplace_back(Slice{*spool_->sources().at(slice.spec.source), view, options_, result,
                               slice.spec.noted, slice.spec.first_page, slice.spec.layout});
  }
  unfinished_ = slices_.size();
  for (std::size_t index = 0; index < slices_.size(); ++index) {
    enter(index, first_stage(index));
  }
  Control control;
  start_round(control);
}

FedScan::Stage FedScan::first_stage(std::size_t index) const {
  const FedSlice& slice = slices_[index];
  const View& view = slice.spec.view;
  const Method method = first_method(view);
  const bool looked_at_again =
      slice.spec.noted == Noted::digest || method == Method::sorted ||
      (method == Method::bins && (options_.exact || !options_.probabilities.empty())) ||
      (options_.errors == ErrorsFor::matrix && slice.spec.layout.rows > 1);
  if (slice.made || looked_at_again) {
    return Stage::whole;
  }
  return slice.beside.empty() ? Stage::counting : Stage::beside;
}

FileRange FedScan::own_bytes(std::size_t index) const {
  const FedSlice& slice = slices_[index];
  const View& view = slice.spec.view;
  const bool none = slice.made || view.items() == 0;
  return {slice.spec.source, none ? ByteRange{0, 0} : ByteRange{view.offset, view.end()}};
}

std::vector<FileRange> FedScan::needs_of(std::size_t index) const {
  const State& state = states_[index];
  std::vector<FileRange> needs;
  if (state.stage == Stage::beside || (state.stage == Stage::whole && state.next == nullptr)) {
    needs = slices_[index].beside;
  }
  if (state.stage == Stage::counting || state.stage == Stage::whole) {
    needs.push_back(own_bytes(index));
  }
  return needs;
}

// Bytes that are read later than they come are held from that stage on to the end.
void FedScan::enter(std::size_t index, Stage stage) {
  State& state = states_[index];
  state.stage = stage;
  if (stage == Stage::counting) {
    hold_sample(index);
  }
  if (stage == Stage::beside || stage == Stage::whole) {
    for (const FileRange& bytes : needs_of(index)) {
      spool_->hold(bytes.file, bytes.range);
      state.held.push_back(bytes);
    }
  }
}

// The rows of the sample that will be looked at once more, when the slice has been fitted.
void FedScan::hold_sample(std::size_t index) {
  State& state = states_[index];
  const std::optional<Sample> sample = sample_for_errors(state.slice);
  if (!sample) {
    return;
  }
  const View& view = state.slice.view;
  const std::uint64_t items = sample->layout.columns / column_unit(view);
  const std::size_t file = slices_[index].spec.source;
  for (const std::uint64_t row : sample->rows) {
    for_each_run(view, row * items, (row + 1) * items, [&](const Run& run) {
      const std::uint64_t end =
          run.offset + (run.items - 1) * run.stride + view.stored_item_bytes();
      spool_->hold(file, {run.offset, end});
      state.held.push_back({file, {run.offset, end}});
    });
  }
}

void FedScan::end(std::size_t index) {
  State& state = states_[index];
  state.stage = Stage::done;
  for (const FileRange& bytes : state.held) {
    spool_->release(bytes.file, bytes.range);
  }
  state.held = {};
  --unfinished_;
}

// A slice that needs nothing in a round is complete before it begins.
void FedScan::start_round(Control& control) {
  std::vector<Need> needs;
  for (std::size_t index = 0; index < states_.size(); ++index) {
    State& state = states_[index];
    state.missing = 0;
    while (state.stage != Stage::done && state.missing == 0) {
      for (const FileRange& bytes : needs_of(index)) {
        state.missing += bytes.range.end - bytes.range.begin;
        if (bytes.range.begin < bytes.range.end) {
          needs.push_back({bytes, index});
        }
      }
      if (state.missing == 0) {
        complete(index, control);
      }
    }
  }
  round_ = FeedRound(spool_->sources().size(), needs);
}

void FedScan::feed(std::size_t file, std::uint64_t offset, const std::byte* bytes, std::size_t n,
                   Control& control) {
  const Turn turn(*this);
  check_alive();
  const std::uint64_t size = spool_->sources().at(file)->size();
  if (offset > size || n > size - offset) {
    throw FeedFault(FeedFault::Kind::beyond_end, file, offset, offset + n);
  }
  const std::vector<ByteRange> parts = round_.take({file, {offset, offset + n}});
  failed_ = true;  // until all of it has been counted
  for (const ByteRange part : parts) {
    for (std::uint64_t at = part.begin; at < part.end;) {
      control.check();
      const ByteRange piece = {at, std::min(part.end, at + piece_bytes)};
      const std::byte* const begin = bytes + (at - offset);
      spool_->write(file, at, begin, static_cast<std::size_t>(piece.end - at));
      count_part({file, piece}, begin, control);
      at = piece.end;
    }
  }
  while (round_.complete() && !done()) {
    start_round(control);
  }
  failed_ = false;
}

void FedScan::count_part(const FileRange& part, const std::byte* bytes, Control& control) {
  std::vector<std::size_t> completed;
  round_.for_each_need(part, [&](std::size_t index, ByteRange common) {
    State& state = states_[index];
    if (state.stage == Stage::counting) {
      if (in_table_ != index) {
        hand_over();
        in_table_ = index;
      }
      if (state.counting == nullptr) {
        const View& view = state.slice.view;
        state.counting = std::make_unique<FedCounting>(state.slice, first_method(view));
      }
      state.counting->count(common, bytes + (common.begin - part.range.begin), workspace_);
    }
    state.missing -= common.end - common.begin;
    if (state.missing == 0) {
      completed.push_back(index);
    }
  });
  for (const std::size_t index : completed) {
    complete(index, control);
  }
}

void FedScan::complete(std::size_t index, Control& control) {
  hand_over();
  switch (states_[index].stage) {
    case Stage::beside:
      enter(index, Stage::counting);
      break;
    case Stage::counting:
      end_counting(index, control);
      break;
    case Stage::whole:
      measure_whole(index, control);
      break;
    case Stage::done:
      break;
  }
}

void FedScan::end_counting(std::size_t index, Control& control) {
  State& state = states_[index];
  if (state.counting == nullptr) {  // a slice without items
    const View& view = state.slice.view;
    state.counting = std::make_unique<FedCounting>(state.slice, first_method(view));
    state.counting->hand_over(workspace_);
  }
  state.next = state.counting->finish(workspace_, control);
  state.counting.reset();
  if (state.next != nullptr && !state.next->needs_all()) {
    run_phases(std::move(state.next), workspace_, control);
  }
  if (state.next == nullptr) {
    end(index);
  } else {
    enter(index, Stage::whole);
  }
}

void FedScan::measure_whole(std::size_t index, Control& control) {
  State& state = states_[index];
  try {
    if (state.next == nullptr) {
      run_job(state.slice, workspace_, control);
    } else {
      run_phases(std::move(state.next), workspace_, control);
    }
  } catch (const DataChanged&) {
    const FileRange own = own_bytes(index);
    throw FeedFault(FeedFault::Kind::changed, own.file, own.range.begin, own.range.end);
  }
  end(index);
}

void FedScan::hand_over() {
  if (in_table_) {
    states_[*in_table_].counting->hand_over(workspace_);
    in_table_.reset();
  }
}

std::vector<FileRange> FedScan::wanted() const {
  const Turn turn(*this);
  check_alive();
  return round_.missing();
}

std::vector<SliceResult> FedScan::finish() {
  const Turn turn(*this);
  check_alive();
  if (!done()) {
    const FileRange first = round_.missing().front();
    throw FeedFault(FeedFault::Kind::missing, first.file, first.range.begin, first.range.end);
  }
  failed_ = true;  // nothing is left
  return std::move(results_);
}

void FedScan::check_alive() const {
  if (failed_) {
    throw FeedFault(FeedFault::Kind::failed, 0, 0, 0);
  }
}

}  // namespace weightgauge
