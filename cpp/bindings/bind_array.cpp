#include <pybind11/numpy.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

// The structures of DLPack (https://dmlc.github.io/dlpack/latest/). Their layout is its binary
// interface.
struct DlDevice {
  std::int32_t type;
  std::int32_t id;
};
struct DlDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DlTensor {
  void* data;
  DlDevice device;
  std::int32_t ndim;
  DlDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null for C order
  std::uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};
struct DlManagedVersioned {
  std::uint32_t major;
  std::uint32_t minor;
  void* context;
  void (*deleter)(DlManagedVersioned*);
  std::uint64_t flags;
  DlTensor tensor;
};

struct DlFormat {
  DlDataType type;
  DType dtype;
};
constexpr DlFormat dl_formats[] = {
    {{2, 64, 1}, DType::f64},     {{2, 32, 1}, DType::f32},
    {{2, 16, 1}, DType::f16},     {{4, 16, 1}, DType::bf16},
    {{10, 8, 1}, DType::f8_e4m3}, {{11, 8, 1}, DType::f8_e4m3fnuz},
    {{12, 8, 1}, DType::f8_e5m2}, {{13, 8, 1}, DType::f8_e5m2fnuz},
    {{14, 8, 1}, DType::f8_e8m0}, {{17, 4, 2}, DType::f4},
};

DType dtype_of(DlDataType type) {
  for (const DlFormat& format : dl_formats) {
    if (format.type.code == type.code && format.type.bits == type.bits &&
        format.type.lanes == type.lanes) {
      return format.dtype;
    }
  }
  constexpr const char* codes[] = {"int", "uint", "float", "handle", "bfloat", "complex", "bool"};
  std::string name = type.code < std::size(codes)
                         ? codes[type.code]
                         : "DLPack type " + std::to_string(type.code) + " of bits ";
  if (name != "bool") {
    name += std::to_string(type.bits);
  }
  if (type.lanes != 1) {
    name += "x" + std::to_string(type.lanes);
  }
  throw py::type_error(name);
}

bool is_empty(const std::vector<Dim>& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.extent == 0; });
}

// Refuses arrays with more elements than any memory holds. Such an array is broadcast, and all of
// its elements would be counted one by one.
void check_size(const std::vector<Dim>& dims) {
  constexpr std::uint64_t most = std::uint64_t{1} << 42;
  std::uint64_t size = 1;
  for (const Dim& dim : dims) {
    if (size > most / dim.extent) {
      throw std::invalid_argument("the array has more than 2^42 elements");
    }
    size *= dim.extent;
  }
}

// Bytes that an array reaches below its first element, and from there to the end of the last one.
struct Reach {
  std::int64_t below = 0;
  std::int64_t above = 0;
};

// Refuses strides that reach beyond what has addresses: the sums that follow would overflow.
Reach reach_of(const void* memory, DType dtype, const std::vector<Dim>& dims) {
  Reach reach{0, static_cast<std::int64_t>(item_bytes(dtype))};
  bool fits = true;
  for (const Dim& dim : dims) {
    std::int64_t span = 0;
    const auto steps = static_cast<std::int64_t>(dim.extent - 1);
    fits = fits && !__builtin_mul_overflow(dim.stride, steps, &span) &&
           (span < 0 ? !__builtin_sub_overflow(reach.below, span, &reach.below)
                     : !__builtin_add_overflow(reach.above, span, &reach.above));
  }
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  std::uintptr_t end = 0;
  if (!fits || static_cast<std::uintptr_t>(reach.below) > address ||
      __builtin_add_overflow(address, static_cast<std::uintptr_t>(reach.above), &end)) {
    throw py::buffer_error("its strides reach beyond any memory");
  }
  return reach;
}

// `memory` is the address of element [0, ..., 0]. Negative strides make the view begin below it.
ArrayView array_view(py::object owner, const void* memory, DType dtype, std::vector<Dim> dims) {
  ArrayView result;
  result.owner = std::move(owner);
  if (is_empty(dims)) {  // whatever its other sides are
    result.view = contiguous_view(dtype, 0, 0);
    return result;
  }
  check_size(dims);
  dims.erase(
      std::remove_if(dims.begin(), dims.end(), [](const Dim& dim) { return dim.extent == 1; }),
      dims.end());
  const Reach reach = reach_of(memory, dtype, dims);
  result.memory = static_cast<const std::byte*>(memory) - reach.below;
  result.view = normalised_view(dtype, reach.below, std::move(dims));
  return result;
}

ArrayView from_numpy(const py::array& array, const std::string& dtype_name) {
  const DType dtype = dtype_from_name(dtype_name);
  if (static_cast<std::size_t>(array.itemsize()) != item_bytes(dtype)) {
    throw std::invalid_argument("the array's items do not have the size of the element format");
  }
  std::vector<Dim> dims;
  for (py::ssize_t d = 0; d < array.ndim(); ++d) {
    dims.push_back({static_cast<std::uint64_t>(array.shape(d)), array.strides(d)});
  }
  return array_view(array, array.data(), dtype, std::move(dims));
}

// The exporter is foreign code, so its shape is checked before memory is touched.
void check_shape(const DlTensor& tensor) {
  constexpr std::int32_t most_dimensions = 64;
  if (tensor.ndim < 0 || tensor.ndim > most_dimensions ||
      (tensor.ndim > 0 && tensor.shape == nullptr)) {
    throw py::buffer_error("the tensor's shape is damaged");
  }
  bool empty = false;
  for (std::int32_t d = 0; d < tensor.ndim; ++d) {
    if (tensor.shape[d] < 0) {
      throw py::buffer_error("the tensor has a negative dimension");
    }
    empty = empty || tensor.shape[d] == 0;
  }
  if (!empty && tensor.data == nullptr) {
    throw py::buffer_error("the tensor has no memory");
  }
}

ArrayView from_tensor(py::object owner, const DlTensor& tensor) {
  constexpr std::int32_t cpu = 1;
  constexpr std::int32_t pinned = 3;
  if (tensor.device.type != cpu && tensor.device.type != pinned) {
    throw py::buffer_error("the tensor does not lie in the CPU's memory");
  }
  const DType dtype = dtype_of(tensor.dtype);
  check_shape(tensor);
  const auto item = static_cast<std::int64_t>(item_bytes(dtype));
  std::vector<Dim> dims(static_cast<std::size_t>(tensor.ndim));
  for (std::size_t d = 0; d < dims.size(); ++d) {
    dims[d] = {static_cast<std::uint64_t>(tensor.shape[d]), 0};
  }
  if (!is_empty(dims)) {
    check_size(dims);  // so that products of sides do not overflow
    std::int64_t c_order = 1;
    for (std::size_t d = dims.size(); d-- > 0;) {
      const std::int64_t stride = tensor.strides == nullptr ? c_order : tensor.strides[d];
      if (dims[d].extent > 1 && __builtin_mul_overflow(stride, item, &dims[d].stride)) {
        throw py::buffer_error("its strides reach beyond any memory");
      }
      c_order *= tensor.shape[d];
    }
  }
  std::uintptr_t address = 0;
  if (__builtin_add_overflow(reinterpret_cast<std::uintptr_t>(tensor.data), tensor.byte_offset,
                             &address)) {
    throw py::buffer_error("its offset reaches beyond any memory");
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the sum has been checked for an overflow
  const void* const memory = reinterpret_cast<const void*>(address);
  return array_view(std::move(owner), memory, dtype, std::move(dims));
}

// Takes over the capsule, as the protocol demands of a consumer.
template <class Managed>
ArrayView consume(py::capsule capsule, const char* used_name) {
  auto* const managed = capsule.get_pointer<Managed>();
  const py::capsule owner(managed, [](void* pointer) {
    auto* const tensor = static_cast<Managed*>(pointer);
    if (tensor->deleter != nullptr) {
      tensor->deleter(tensor);
    }
  });
  capsule.set_name(used_name);
  return from_tensor(owner, managed->tensor);
}

ArrayView from_dlpack(const py::object& given) {
  if (PyCapsule_CheckExact(given.ptr()) == 0) {
    throw py::buffer_error("what it exports is no DLPack capsule");
  }
  const auto capsule = py::reinterpret_borrow<py::capsule>(given);
  const std::string name = capsule.name() == nullptr ? "" : capsule.name();
  if (name == "dltensor") {
    return consume<DlManaged>(capsule, "used_dltensor");
  }
  if (name == "dltensor_versioned") {
    if (capsule.get_pointer<DlManagedVersioned>()->major != 1) {
      throw py::buffer_error("it speaks another major version of DLPack");
    }
    return consume<DlManagedVersioned>(capsule, "used_dltensor_versioned");
  }
  throw py::buffer_error("what it exports is no DLPack capsule, or has been used");
}

}  // namespace

void bind_array(py::module_& module) {
  py::class_<ArrayView>(module, "ArrayView")
      .def_static("from_numpy", &from_numpy, py::arg("array"), py::arg("dtype"))
      .def_static("from_dlpack", &from_dlpack, py::arg("capsule"))
      .def_property_readonly("dtype",
                             [](const ArrayView& array) { return dtype_name(array.view.dtype); })
      .def_property_readonly("size", [](const ArrayView& array) { return array.view.elements(); })
      .def_property_readonly(
          "address",
          [](const ArrayView& array) { return reinterpret_cast<std::uintptr_t>(array.memory); })
      .def_property_readonly("span", [](const ArrayView& array) { return array.view.end(); });
}

}  // namespace weightgauge::bindings
