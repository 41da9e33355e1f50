// What the core throws; the bindings turn each into its Python counterpart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace weightgauge {

// A file shrank, was replaced or was rewritten between the reading of its header and the end of
// the scan.
class FileChanged : public std::runtime_error {
 public:
  FileChanged(std::string file, const std::string& what_happened)
      : std::runtime_error(what_happened), path(std::move(file)) {}
  std::string path;
};

// The operating system refused to open or read a file.
class ReadFailed : public std::runtime_error {
 public:
  ReadFailed(std::string file, int error)
      : std::runtime_error("read failed"), path(std::move(file)), code(error) {}
  std::string path;
  int code;  // errno
};

// Two passes over the same elements did not see the same ones.
class DataChanged : public std::runtime_error {
 public:
  DataChanged() : std::runtime_error("the weights changed while they were read") {}
};

// Bytes that were fed to a scan do not fit what it wants.
class FeedFault : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    beyond_end,  // they lie beyond the end of their file
    twice,       // they have come before
    missing,     // they have not come, and the results are asked for
    changed,     // they are not those that came before
    failed,      // the scan has failed before, whatever is fed to it now
    within,      // a call of the same thread is under way
  };
  FeedFault(Kind fault, std::size_t in_file, std::uint64_t first, std::uint64_t behind)
      : std::runtime_error("what was fed is not what is wanted"),
        kind(fault),
        file(in_file),
        begin(first),
        end(behind) {}
  Kind kind;
  std::size_t file;
  std::uint64_t begin;  // of the bytes concerned
  std::uint64_t end;
};

// The caller asked to stop.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("cancelled") {}
};

}  // namespace weightgauge
