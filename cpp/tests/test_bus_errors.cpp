#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>

#include "core/base/errors.hpp"
#include "core/io/bus_errors.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t file_bytes = std::size_t{4} << 20;

void set_handler(void (*handler)(int), struct sigaction* before = nullptr) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGBUS, &action, before);
}

// The parent makes and removes what its child uses.
struct Files {
  const testing::TemporaryFile guarded{std::vector<std::byte>(file_bytes, std::byte{1})};
  const testing::TemporaryFile elsewhere{std::vector<std::byte>(8192, std::byte{1})};
};
const Files* files = nullptr;

// How a child ends that does this: its exit code, or minus the signal that killed it.
int end_of_child(const std::function<void()>& act) {
  const Files made;
  files = &made;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);             // so that a hang becomes a failure
    set_handler(SIG_DFL);  // a sanitizer has its own
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// As Python's faulthandler does: it tells what happened, puts back the handler that was there when
// it was set, and raises the signal for it.
struct sigaction before_telling;
int told = 0;
void tell_and_raise(int signal) {
  ++told;
  sigaction(SIGBUS, &before_telling, nullptr);
  raise(signal);
}

// Reads a page of a file that has lost it, and which no one guards.
void fault_elsewhere() {
  const testing::TemporaryFile& file = files->elsewhere;
  const OpenFile open_file(file.path(), file.identity());
  void* const mapped = mmap(nullptr, 8192, PROT_READ, MAP_SHARED, open_file.handle(), 0);
  file.truncate(0);
  _exit(static_cast<volatile unsigned char*>(mapped)[5000] == 0 ? 1 : 2);
}

// Reads pages that a guarded file has lost. Returns whether they were zeros, and noted.
bool fault_in_mapping(const std::function<void()>& before_reading) {
  const testing::TemporaryFile& file = files->guarded;
  file.write(std::vector<std::byte>(file_bytes, std::byte{1}));
  const OpenFile open_file(file.path(), file.identity());
  const MappedFile mapping(open_file);
  file.truncate(4096);
  before_reading();
  const volatile std::byte* const bytes = mapping.data();
  return bytes[4095] == std::byte{1} && bytes[8192] == std::byte{0} &&
         bytes[file_bytes - 1] == std::byte{0} && mapping.faulted();
}

// Runs while a mapping is guarded.
void guarded(const std::function<void()>& act) {
  const testing::TemporaryFile& file = files->guarded;
  const OpenFile open_file(file.path(), file.identity());
  const MappedFile mapping(open_file);
  act();
}

}  // namespace

TEST_SUITE("bus_errors") {
  TEST_CASE("a forked caller that blocks all signals may scan a file that shrinks") {
    for (const Caller caller : {Caller::works, Caller::watches}) {
      CHECK(end_of_child([caller] {
              sigset_t all;
              sigfillset(&all);
              sigdelset(&all, SIGALRM);
              pthread_sigmask(SIG_BLOCK, &all, nullptr);
              bool zeros = true;
              const testing::TemporaryFile& file = files->guarded;
              const OpenFile open_file(file.path(), file.identity());
              const MappedFile mapping(open_file);
              file.truncate(4096);
              Control control;
              run_parallel(
                  2, caller, control,
                  [&](int) {
                    zeros = zeros && *static_cast<const volatile std::byte*>(mapping.data() +
                                                                             8192) == std::byte{0};
                  },
                  testing::no_watch);
              sigset_t after;
              pthread_sigmask(SIG_BLOCK, nullptr, &after);
              _exit(zeros && mapping.faulted() && sigismember(&after, SIGBUS) == 1 ? 0 : 1);
            }) == 0);
    }
  }

  TEST_CASE("a handler that is set while mappings are guarded leaves them guarded") {
    const auto set_later = [] { set_handler(tell_and_raise, &before_telling); };
    CHECK(end_of_child([&] {  // and the signal comes before anything could be done about it
            const bool zeros = fault_in_mapping(set_later);
            _exit(zeros && told == 1 ? 0 : 1);
          }) == 0);
    CHECK(end_of_child([&] {  // it has been taken again meanwhile
            const bool zeros = fault_in_mapping([&] {
              set_later();
              take_bus_errors_again();
            });
            _exit(zeros && told == 0 ? 0 : 1);
          }) == 0);
    CHECK(end_of_child([&] {  // and with other mappings later
            guarded(set_later);
            const bool first = fault_in_mapping([] {});
            const bool second = fault_in_mapping([] {});
            _exit(first && second && told == 0 ? 0 : 1);
          }) == 0);
  }

  TEST_CASE("faults elsewhere go to the handlers of others, and end the process once") {
    const auto tells = [] { set_handler(tell_and_raise, &before_telling); };
    CHECK(end_of_child([] { guarded(fault_elsewhere); }) == -SIGBUS);
    CHECK(end_of_child([] {
            set_handler([](int) { _exit(3); });
            guarded(fault_elsewhere);
          }) == 3);
    CHECK(end_of_child([&] {
            tells();
            guarded(fault_elsewhere);
          }) == -SIGBUS);
    CHECK(end_of_child([&] {
            guarded([&] {
              tells();
              take_bus_errors_again();
              fault_elsewhere();
            });
          }) == -SIGBUS);
    CHECK(end_of_child([&] {  // it puts back a handler that guards nothing any more
            guarded(tells);
            fault_elsewhere();
          }) == -SIGBUS);
    CHECK(end_of_child([&] {
            guarded(tells);
            guarded(fault_elsewhere);
          }) == -SIGBUS);
  }

  TEST_CASE("a signal that is sent goes to the handlers of others") {
    CHECK(end_of_child([] { guarded([] { raise(SIGBUS); }); }) == -SIGBUS);
    CHECK(end_of_child([] { guarded([] { kill(getpid(), SIGBUS); }); }) == -SIGBUS);
    CHECK(end_of_child([] {
            set_handler([](int) { _exit(3); });
            guarded([] { kill(getpid(), SIGBUS); });
          }) == 3);
    CHECK(end_of_child([] {
            set_handler(SIG_IGN);
            guarded([] {
              raise(SIGBUS);
              kill(getpid(), SIGBUS);
            });
          }) == 0);
  }

  TEST_CASE("the handler of others is back when nothing is guarded") {
    CHECK(end_of_child([] {
            guarded([] {
              set_handler(tell_and_raise, &before_telling);
              take_bus_errors_again();
            });
            struct sigaction now = {};
            sigaction(SIGBUS, nullptr, &now);
            _exit(now.sa_handler == tell_and_raise ? 0 : 1);
          }) == 0);
  }
}

}  // namespace weightgauge
