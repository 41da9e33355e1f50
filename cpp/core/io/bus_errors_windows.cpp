// Windows lets nobody shorten a file that is mapped. But a page may still be out of reach when it
// is read: the server is gone, or the disk is. That raises EXCEPTION_IN_PAGE_ERROR, and not a
// signal. A handler that comes before all others puts zeros in place of the whole mapping, of which
// nothing is used any more, and has the instruction tried again.
#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/base/windows.hpp"
#include "core/io/bus_errors.hpp"

namespace weightgauge {

// Published by storing its begin address and withdrawn by storing 0; a reader sees one or the
// other.
struct GuardedMapping {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> faulted{false};
  std::atomic<bool> replaced{false};
};

namespace {

constexpr std::size_t most_mappings = 4096;
GuardedMapping table[most_mappings];

std::mutex install_mutex;
void* installed = nullptr;

// The first thread that faults replaces the mapping. Others may find nothing there meanwhile: they
// wait for it.
void put_zeros(GuardedMapping& mapping, std::uintptr_t begin, std::uintptr_t end) {
  if (mapping.faulted.exchange(true)) {
    while (!mapping.replaced.load(std::memory_order_acquire)) {
      SwitchToThread();
    }
    return;
  }
  auto* const memory = reinterpret_cast<void*>(begin);
  UnmapViewOfFile(memory);
  // Another thread may take some of the room first. Then the process ends, as it would have before.
  VirtualAlloc(memory, end - begin, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
  mapping.replaced.store(true, std::memory_order_release);
}

LONG CALLBACK on_exception(EXCEPTION_POINTERS* given) {
  const EXCEPTION_RECORD& record = *given->ExceptionRecord;
  const bool lost = record.ExceptionCode == EXCEPTION_IN_PAGE_ERROR;
  if ((!lost && record.ExceptionCode != EXCEPTION_ACCESS_VIOLATION) ||
      record.NumberParameters < 2) {
    return EXCEPTION_CONTINUE_SEARCH;
  }
  const auto address = static_cast<std::uintptr_t>(record.ExceptionInformation[1]);
  for (GuardedMapping& mapping : table) {
    const std::uintptr_t begin = mapping.begin.load(std::memory_order_acquire);
    const std::uintptr_t end = mapping.end.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= end) {
      continue;
    }
    // Nothing there at all: another thread is replacing it, or it is a mistake.
    if (lost || (mapping.faulted.load() && !mapping.replaced.load())) {
      put_zeros(mapping, begin, end);
      return EXCEPTION_CONTINUE_EXECUTION;
    }
    // It has been replaced since this thread found nothing there.
    MEMORY_BASIC_INFORMATION there = {};
    const bool readable =
        VirtualQuery(reinterpret_cast<void*>(address), &there, sizeof there) != 0 &&
        there.State == MEM_COMMIT && record.ExceptionInformation[0] == 0;
    if (mapping.replaced.load() && readable) {
      return EXCEPTION_CONTINUE_EXECUTION;
    }
  }
  return EXCEPTION_CONTINUE_SEARCH;
}

}  // namespace

// The handler stays: it costs nothing until there is an exception, and then knows its mappings.
GuardedMapping* guard_mapping(const void* begin, std::size_t bytes, FileHandle /*file*/) {
  const std::lock_guard<std::mutex> lock(install_mutex);
  if (installed == nullptr) {
    constexpr ULONG first = 1;
    installed = AddVectoredExceptionHandler(first, on_exception);
  }
  if (installed == nullptr) {
    return nullptr;
  }
  for (GuardedMapping& mapping : table) {
    if (mapping.begin.load() != 0) {
      continue;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(begin);
    mapping.faulted.store(false);
    mapping.replaced.store(false);
    mapping.end.store(address + bytes, std::memory_order_release);
    mapping.begin.store(address, std::memory_order_release);
    return &mapping;
  }
  return nullptr;
}

void end_guarding(GuardedMapping& mapping) {
  const std::lock_guard<std::mutex> lock(install_mutex);
  mapping.begin.store(0, std::memory_order_release);
}

bool has_faulted(const GuardedMapping& mapping) { return mapping.faulted.load(); }

// Handlers of exceptions do not take each other's place.
void take_bus_errors_again() {}

}  // namespace weightgauge
