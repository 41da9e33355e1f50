// Numbers as texts, many at once: Python's own way takes longer than counting the weights behind
// them where a model has a million matrices.
#include <pybind11/numpy.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

#if defined(__cpp_lib_to_chars)

// Python writes numbers outside of these powers of ten with an exponent.
constexpr int kLeastPlain = -4;
constexpr int kMostPlain = 16;
constexpr std::size_t kRoom = 40;  // 17 digits, 4 zeros, sign, point, exponent

using Buffer = std::array<char, kRoom>;

py::object text_of(std::string_view characters) {
  PyObject* made = PyUnicode_New(static_cast<Py_ssize_t>(characters.size()), 127);
  if (made == nullptr) {
    throw py::error_already_set();
  }
  std::memcpy(PyUnicode_1BYTE_DATA(made), characters.data(), characters.size());
  return py::reinterpret_steal<py::object>(made);
}

// Writes the fewest digits that tell a finite number from all others, as Python's repr does.
std::string_view shortest(double value, Buffer& out) {
  Buffer scientific{};
  const auto end = std::to_chars(scientific.data(), scientific.data() + kRoom, value,
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view made(scientific.data(), static_cast<std::size_t>(end - scientific.data()));
  const std::size_t mark = made.find('e');
  const int exponent = std::atoi(made.data() + mark + 1);
  if (exponent < kLeastPlain || exponent >= kMostPlain) {
    std::memcpy(out.data(), made.data(), made.size());
    return {out.data(), made.size()};
  }
  char* to = out.data();
  const char* digits = made.data();
  if (*digits == '-') {
    *to++ = *digits++;
  }
  const char* fraction = digits + 1;
  fraction += *fraction == '.' ? 1 : 0;
  const char* stop = made.data() + mark;
  if (exponent < 0) {
    *to++ = '0';
    *to++ = '.';
    for (int i = -1; i > exponent; --i) {
      *to++ = '0';
    }
    *to++ = *digits;
  } else {
    *to++ = *digits;
    for (int i = 0; i < exponent; ++i) {
      *to++ = fraction < stop ? *fraction++ : '0';
    }
    *to++ = '.';
    if (fraction == stop) {
      *to++ = '0';
    }
  }
  while (fraction < stop) {
    *to++ = *fraction++;
  }
  return {out.data(), static_cast<std::size_t>(to - out.data())};
}

py::object number_text(double value) {
  Buffer out{};
  return text_of(shortest(value, out));
}

#else  // a library that lacks what the language has

py::object number_text(double value) { return py::repr(py::float_(value)); }

#endif

py::list number_texts(const py::array_t<double, py::array::forcecast>& values,
                      const py::str& missing) {
  if (values.ndim() != 1) {
    throw std::invalid_argument("values must have one dimension");
  }
  const auto numbers = values.unchecked<1>();
  py::list texts(static_cast<std::size_t>(numbers.shape(0)));
  for (py::ssize_t row = 0; row < numbers.shape(0); ++row) {
    const double value = numbers(row);
    py::object text = std::isfinite(value) ? number_text(value) : py::object(missing);
    PyList_SET_ITEM(texts.ptr(), row, text.release().ptr());
  }
  return texts;
}

}  // namespace

void bind_text(py::module_& module) {
  module.def("number_texts", &number_texts, py::arg("values"), py::arg("missing"),
             "The text of each number as repr writes it, and another one for those not finite.");
}

}  // namespace weightgauge::bindings
