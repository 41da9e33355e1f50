#include "core/scan/workspace.hpp"

#include <atomic>

#include "core/scan/options.hpp"

namespace weightgauge {

namespace {

// Larger histograms leave no memory behind: no fit from bins has more entries, and getting memory
// anew would take twice as long as the fit itself.
constexpr std::size_t most_entries_kept = most_bins_of_fit;
// Nor does room to sort more elements than a slice has that is sorted as a whole.
constexpr std::size_t most_keys_kept = sorted_limit;

// No lock: a process may be forked while another thread is here.
class Waiting {
 public:
  Waiting() = default;
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() = delete;

  std::unique_ptr<Workspace> take() {
    return std::unique_ptr<Workspace>(workspace_.exchange(nullptr, std::memory_order_acq_rel));
  }
  void put(std::unique_ptr<Workspace> workspace) {
    delete workspace_.exchange(workspace.release(), std::memory_order_acq_rel);
  }

 private:
  std::atomic<Workspace*> workspace_{nullptr};
};

// Never destroyed: a thread may still work while the process exits.
Waiting& waiting() {
  static auto& workspace = *new Waiting;
  return workspace;
}

}  // namespace

LentWorkspace::LentWorkspace() : workspace_(waiting().take()) {
  if (workspace_ == nullptr) {
    workspace_ = std::make_unique<Workspace>();
  }
}

void LentWorkspace::give_back() {
  workspace_->release_tables();
  workspace_->sort.release_beyond(most_keys_kept);
  // What has been decoded is known by the decoding's address, which another may have later.
  workspace_->buffer = ReadBuffer();
  if (workspace_->fit.plot.entries.ranks.capacity() > most_entries_kept) {
    workspace_->fit = FitSpace();
  }
  waiting().put(std::move(workspace_));
}

}  // namespace weightgauge
