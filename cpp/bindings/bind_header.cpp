#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "core/io/header_scan.hpp"
#include "core/io/name_outlines.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

template <class T>
py::array_t<T> array_of(const std::vector<T>& numbers) {
  return py::array_t<T>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

PyObject* text_from(std::string_view bytes) {
  return PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "strict");
}

// Leaves the entries from the first one on whose name is not UTF-8.
py::list take_names(HeaderEntries& entries, std::string_view text) {
  py::list names;
  for (const std::string_view name : entries.names) {
    const auto made = py::reinterpret_steal<py::object>(text_from(name));
    if (!made) {
      if (PyErr_ExceptionMatches(PyExc_UnicodeDecodeError) == 0) {
        throw py::error_already_set();
      }
      PyErr_Clear();
      entries.behind = static_cast<std::size_t>(name.data() - text.data()) - 1;  // at its quote
      break;
    }
    names.append(made);
  }
  return names;
}

py::tuple usual_entries(const py::bytes& header, std::size_t start, std::uint64_t data_start,
                        std::uint64_t data_size) {
  const std::string_view text = header;
  HeaderEntries entries = scan_header_entries(text, start, data_size);
  py::list names = take_names(entries, text);
  const std::size_t size = names.size();
  py::list storages;
  for (const auto& [dtype, shape] : entries.storages) {
    storages.append(py::make_tuple(py::bytes(dtype.data(), dtype.size()),
                                   py::bytes(shape.data(), shape.size())));
  }
  std::vector<std::int64_t> offsets(size);
  std::vector<std::int64_t> lengths(size);
  entries.storage_of.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    offsets[i] = static_cast<std::int64_t>(data_start + entries.begins[i]);
    lengths[i] = static_cast<std::int64_t>(entries.ends[i] - entries.begins[i]);
  }
  return py::make_tuple(std::move(names), std::move(storages), array_of(entries.storage_of),
                        array_of(offsets), array_of(lengths), entries.behind);
}

void add_name(NameOutlines& outlines, py::handle name) {
  if (PyUnicode_Check(name.ptr()) && PyUnicode_IS_COMPACT_ASCII(name.ptr())) {
    const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(name.ptr()));
    outlines.add({reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(name.ptr())), size});
    return;
  }
  // Names in memory may hold halves of surrogate pairs.
  const auto bytes = py::reinterpret_steal<py::bytes>(
      PyUnicode_AsEncodedString(name.ptr(), "utf-8", "surrogatepass"));
  if (!bytes) {
    throw py::error_already_set();
  }
  outlines.add(std::string_view(bytes));
}

py::tuple name_outlines(const py::list& names) {
  NameOutlines outlines;
  for (const py::handle name : names) {
    add_name(outlines, name);
  }
  return py::make_tuple(array_of(outlines.outline_of()), array_of(outlines.first_names()),
                        array_of(outlines.counts()), array_of(outlines.numbers()));
}

}  // namespace

void bind_header(py::module_& module) {
  module.def("usual_entries", &usual_entries, py::arg("text"), py::arg("start"), py::kw_only(),
             py::arg("data_start"), py::arg("data_size"),
             "Entries of a header from `start` on that are spelled as usual: names, spellings of "
             "dtype and shape, which of these each has, offsets, lengths; and where the next is.");
  module.def("name_outlines", &name_outlines, py::arg("names"),
             "Names cut at their numbers: which outline each has, the first name of each outline "
             "and how many numbers stand in it, and all numbers in a row.");
}

}  // namespace weightgauge::bindings
