#include "core/scan/scan.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>

#include "core/base/errors.hpp"
#include "core/scan/held_pages.hpp"
#include "core/scan/reading.hpp"
#include "core/scan/shared_rows.hpp"
#include "core/scan/slice_job.hpp"
#include "core/scan/task_queue.hpp"
#include "core/scan/worker.hpp"

namespace weightgauge {

namespace {

// Up to this many bytes in all, starting threads takes longer than the work.
constexpr std::uint64_t alone_bytes = std::uint64_t{1} << 18;
// The jobs of a scan, one for each slice, and which of them are done together.
class Jobs {
 public:
  Jobs(const std::vector<std::unique_ptr<ByteSource>>& sources,
       const std::vector<SliceSpec>& slices, const ScanOptions& options) {
    const std::vector<std::vector<std::size_t>> sets = sets_in_shared_rows(slices);
    for (const SliceSpec& slice : slices) {
      bytes_ += bytes_of(slice.view);
    }
    set_of_.resize(sets.empty() ? 0 : slices.size());
    for (std::size_t set = 0; set < sets.size(); ++set) {
      for (const std::size_t index : sets[set]) {
        set_of_[index] = set + 1;
      }
    }
    const ReadingChoice reading(sources, slices, options);
    results_.reserve(slices.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const std::size_t set = set_at(i);
      const std::uint64_t slices_in_part = set == 0 ? 1 : sets[set - 1].size();
      SliceResult& result = results_.emplace_back(slices[i].view.dtype);
      jobs_.emplace_back(Slice{reading.source_of(slices[i]), slices[i].view, options, result,
                               slices[i].noted, slices[i].first_page, slices[i].layout},
                         std::max<std::uint64_t>(options.chunk_bytes / slices_in_part, 1));
    }
    for (const std::vector<std::size_t>& set : sets) {
      std::vector<SliceJob*> together;
      for (const std::size_t index : set) {
        together.push_back(&jobs_[index]);
      }
      shared_.emplace_back(std::move(together));
    }
  }

  std::uint64_t bytes() const { return bytes_; }

  // In the order of the slices, those that are read together where the first of them stands.
  void enter_into(TaskQueue& queue) {
    std::vector<bool> entered(shared_.size());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const std::size_t set = set_at(i);
      if (set == 0) {
        queue.append(jobs_[i], bytes_of(jobs_[i].view()), nullptr);
      } else if (!entered[set - 1]) {
        entered[set - 1] = true;
        const SharedRows& together = shared_[set - 1];
        queue.append(*together.jobs().front(), bytes_of(jobs_[i].view()) * together.jobs().size(),
                     &together);
      }
    }
  }

  // Once all are done.
  std::vector<SliceResult> take_results() { return std::move(results_); }

 private:
  static std::uint64_t bytes_of(const View& view) { return view.items() * item_bytes(view.dtype); }
  // The number of the slice's set, from 1; 0 where it is read alone.
  std::size_t set_at(std::size_t index) const { return set_of_.empty() ? 0 : set_of_[index]; }

  std::vector<SliceResult> results_;
  std::deque<SliceJob> jobs_;
  std::deque<SharedRows> shared_;
  std::vector<std::size_t> set_of_;
  std::uint64_t bytes_ = 0;
};

void run_workers(int threads, Caller caller, TaskQueue& queue, HeldPages& pages, Control& control,
                 const std::function<void()>& watch) {
  const auto work = [&](int index) {
    const auto number = static_cast<std::size_t>(index);
    if (number == 0 && caller == Caller::works) {
      LentWorkspace workspace;
      Worker(number, queue, control, *workspace).work();
      workspace.give_back();
    } else {
      Workspace workspace;
      Worker(number, queue, control, workspace).work();
    }
    if (threads > 1) {
      pages.give_back(control);
    }
  };
  run_parallel(threads, caller, control, work, watch);
}

void verify_all(const std::vector<std::unique_ptr<ByteSource>>& sources) {
  for (const std::unique_ptr<ByteSource>& source : sources) {
    source->verify();
  }
}

std::vector<SliceResult> scan_with(int most,
                                   const std::vector<std::unique_ptr<ByteSource>>& sources,
                                   const std::vector<SliceSpec>& slices, const ScanOptions& options,
                                   Control& control, const std::function<void()>& watch) {
  Jobs jobs(sources, slices, options);
  if (jobs.bytes() <= alone_bytes) {
    most = 1;
  }
  TaskQueue queue(slices.size(), most);
  jobs.enter_into(queue);
  const auto threads = static_cast<int>(
      std::clamp<std::uint64_t>(queue.useful_workers(), 1, static_cast<std::uint64_t>(most)));
  const Caller caller = jobs.bytes() <= caller_bytes ? Caller::works : Caller::watches;
  HeldPages pages(sources);
  run_workers(threads, caller, queue, pages, control, watch);
  return jobs.take_results();
}

// A million slices have a result each, but do not need all else at the same time.
std::vector<SliceResult> scan_in_rounds(int most,
                                        const std::vector<std::unique_ptr<ByteSource>>& sources,
                                        const std::vector<SliceSpec>& slices,
                                        const ScanOptions& options, Control& control,
                                        const std::function<void()>& watch) {
  const std::size_t most_slices = std::max<std::size_t>(options.slices_in_round, 1);
  if (slices.size() <= most_slices) {
    return scan_with(most, sources, slices, options, control, watch);
  }
  std::vector<SliceResult> results;
  results.reserve(slices.size());
  for (std::size_t begin = 0; begin < slices.size(); begin += most_slices) {
    const std::size_t end = std::min(slices.size(), begin + most_slices);
    const std::vector<SliceSpec> round(slices.begin() + static_cast<std::ptrdiff_t>(begin),
                                       slices.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<SliceResult> found = scan_with(most, sources, round, options, control, watch);
    std::move(found.begin(), found.end(), std::back_inserter(results));
  }
  return results;
}

}  // namespace

std::vector<SliceResult> scan(const std::vector<std::unique_ptr<ByteSource>>& sources,
                              const std::vector<SliceSpec>& slices, const ScanOptions& options,
                              Control& control, const std::function<void()>& watch) {
  try {
    std::vector<SliceResult> results = with_memory_for(
        std::max(options.threads, 1), control,
        [&](int most) { return scan_in_rounds(most, sources, slices, options, control, watch); });
    verify_all(sources);
    return results;
  } catch (const DataChanged&) {
    verify_all(sources);  // says which file it was
    throw;
  }
}

}  // namespace weightgauge
