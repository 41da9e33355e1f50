#include <doctest/doctest.h>

#include <vector>

#include "core/base/errors.hpp"
#include "core/scan/workspace.hpp"
#include "support.hpp"

namespace weightgauge {

TEST_SUITE("workspace") {
  TEST_CASE("a workspace that was given back is lent again, to one call at a time") {
    const Workspace* given_back = nullptr;
    {
      LentWorkspace workspace;
      given_back = &*workspace;
      workspace.give_back();
    }
    LentWorkspace next;
    CHECK(&*next == given_back);
    LentWorkspace at_the_same_time;
    CHECK(&*at_the_same_time != given_back);
  }

  TEST_CASE("a call that fails leaves no counts behind for the next one") {
    const std::vector<std::byte> bytes = testing::random_bytes(8'000, 31);
    const ScanOptions options = testing::keeping(1, 1 << 12);
    const SliceResult expected = testing::scan_bytes(DType::bf16, bytes, options);
    {
      LentWorkspace workspace;  // gets counts in its table and is given back with them
      workspace->table(0).count(Method::codes, DType::bf16, bytes.data(), 4'000, nullptr);
    }
    std::vector<std::unique_ptr<ByteSource>> sources;
    sources.push_back(std::make_unique<MemorySource>(bytes.data(), bytes.size()));
    Control control;
    control.cancelled.store(true);
    CHECK_THROWS_AS(scan(sources, {{0, contiguous_view(DType::bf16, 0, 4'000)}}, options, control,
                         testing::no_watch),
                    Cancelled);
    const SliceResult again = testing::scan_bytes(DType::bf16, bytes, options);
    CHECK(testing::hash_of({again}) == testing::hash_of({expected}));
  }
}

}  // namespace weightgauge
