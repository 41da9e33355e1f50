// What the core throws; the bindings turn each into its Python counterpart.
#pragma once

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

// The caller asked to stop.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("cancelled") {}
};

}  // namespace weightgauge
