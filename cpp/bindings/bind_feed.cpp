#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/constructing.hpp"
#include "bindings/file_slices.hpp"
#include "bindings/scan_results.hpp"
#include "core/base/errors.hpp"
#include "core/scan/fed_scan.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

using FedFile = std::pair<std::string, std::uint64_t>;  // name and size
using Wanted = std::tuple<std::size_t, std::uint64_t, std::uint64_t>;

FileRange range_of(const FileNumbers& numbers) {
  const auto& [file, dtype, offset, items] = numbers;
  return {file, {offset, offset + items * item_bytes(dtype_from_name(dtype))}};
}

FileRange range_of(const FileItems& items, std::uint64_t item_bytes) {
  const auto& [file, offset, n] = items;
  return {file, {offset, offset + n * item_bytes}};
}

std::vector<FileRange> ranges_of(const PackedCodesSpec& packed) {
  std::vector<FileRange> ranges = {range_of(packed.codes, 1), range_of(packed.scales)};
  for (const std::optional<FileItems>& words : {packed.zeros, packed.index}) {
    if (words) {
      ranges.push_back(range_of(*words, word_bytes));
    }
  }
  return ranges;
}

std::vector<FileRange> ranges_of(const GroupedCodesSpec& grouped) {
  std::vector<FileRange> ranges = {range_of(grouped.codes, 1), range_of(grouped.scales)};
  for (const std::optional<FileNumbers>& numbers : {grouped.biases, grouped.values}) {
    if (numbers) {
      ranges.push_back(range_of(*numbers));
    }
  }
  if (grouped.scale_codes) {
    ranges.push_back(range_of(grouped.scale_codes->codes, 1));
    ranges.push_back(range_of(grouped.scale_codes->values));
  }
  if (grouped.zeros) {
    ranges.push_back(range_of(grouped.zeros->words, 1));
  }
  return ranges;
}

FedSlice fed_slice(const FileSlice& slice, const Sources& sources) {
  FedSlice fed{spec_from(slice, sources), {}, false};
  if (slice.decoding == nullptr) {
    return fed;
  }
  if (const auto* scaled = std::get_if<BlockScaleSpec>(&*slice.decoding)) {
    fed.beside = {range_of(scaled->scales)};
    if (scaled->scale_of_all) {
      fed.beside.push_back(range_of(*scaled->scale_of_all));
    }
    return fed;
  }
  fed.made = true;
  if (const auto* packed = std::get_if<PackedCodesSpec>(&*slice.decoding)) {
    fed.beside = ranges_of(*packed);
    return fed;
  }
  if (const auto* grouped = std::get_if<GroupedCodesSpec>(&*slice.decoding)) {
    fed.beside = ranges_of(*grouped);
    return fed;
  }
  const auto& product = std::get<LowRankSpec>(*slice.decoding);
  fed.beside = {range_of(product.left), range_of(product.right)};
  return fed;
}

std::unique_ptr<FedScan> make_scan(const std::vector<FedFile>& files, const FileSlices& slices,
                                   const ScanOptions& options, const std::string& directory,
                                   std::size_t memory) {
  std::vector<Spool::File> described;
  for (const auto& [name, size] : files) {
    described.push_back({name, size});
  }
  return without_gil([&](ReleasedGil&) {
    auto spool = std::make_unique<Spool>(described, directory, memory);
    std::vector<FedSlice> fed;
    fed.reserve(slices.rows.size());
    for (const FileSlice& slice : slices.rows) {
      fed.push_back(fed_slice(slice, spool->sources()));
    }
    return std::make_unique<FedScan>(std::move(spool), std::move(fed), options);
  });
}

// The bytes of a buffer, whatever the item type of its owner is.
class HeldBytes {
 public:
  explicit HeldBytes(const py::object& owner) {
    if (PyObject_GetBuffer(owner.ptr(), &view_, PyBUF_SIMPLE) != 0) {
      throw py::error_already_set();
    }
    if (view_.len < 0 || (view_.len > 0 && view_.buf == nullptr)) {
      PyBuffer_Release(&view_);
      throw py::buffer_error("the buffer has no memory, or a negative length");
    }
  }
  ~HeldBytes() { PyBuffer_Release(&view_); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  const std::byte* data() const { return static_cast<const std::byte*>(view_.buf); }
  std::size_t size() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_{};
};

void feed(FedScan& scan, std::size_t file, std::uint64_t offset, const py::object& data) {
  const HeldBytes bytes(data);
  without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, Py_None);
    const auto work = [&](int) { scan.feed(file, offset, bytes.data(), bytes.size(), control); };
    run_parallel(1, Caller::works, control, work, watch);
  });
}

std::vector<Wanted> wanted(const FedScan& scan) {
  std::vector<Wanted> found;
  for (const auto& [file, range] : scan.wanted()) {
    found.emplace_back(file, range.begin, range.end);
  }
  return found;
}

const char* name_of(FeedFault::Kind kind) {
  switch (kind) {
    case FeedFault::Kind::beyond_end:
      return "beyond_end";
    case FeedFault::Kind::twice:
      return "twice";
    case FeedFault::Kind::missing:
      return "missing";
    case FeedFault::Kind::changed:
      return "changed";
    case FeedFault::Kind::within:
      return "within";
    case FeedFault::Kind::failed:
      break;
  }
  return "failed";
}

// The exception carries arguments; Python makes a message of them.
void register_fault(py::module_& module) {
  static PyObject* fault = nullptr;
  fault = PyErr_NewException("weightgauge._core.FeedFault", nullptr, nullptr);
  if (fault == nullptr) {
    throw py::error_already_set();
  }
  module.add_object("FeedFault", fault);
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown != nullptr) {
        std::rethrow_exception(thrown);
      }
    } catch (const FeedFault& error) {
      PyErr_SetObject(
          fault, py::make_tuple(name_of(error.kind), error.file, error.begin, error.end).ptr());
    }
  });
}

}  // namespace

void bind_feed(py::module_& module) {
  register_fault(module);
  py::class_<FedScan>(module, "FedScan")
      .def("__init__", constructed_by(&make_scan), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("files"), py::arg("slices"), py::arg("options"),
           py::arg("directory"), py::arg("memory") = Spool::usual_memory)
      .def("feed", &feed, py::arg("file"), py::arg("offset"), py::arg("data"))
      .def("wanted", &wanted)
      .def("finish", [](FedScan& scan) { return ScanResults(scan.finish()); });
}

}  // namespace weightgauge::bindings
