// Objects that Python makes, of classes of the core.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <utility>

namespace weightgauge::bindings {

template <class T>
std::unique_ptr<T> owned(T made) {
  return std::make_unique<T>(std::move(made));
}
template <class T>
std::unique_ptr<T> owned(std::unique_ptr<T> made) {
  return made;
}
template <class T>
std::shared_ptr<T> owned(std::shared_ptr<T> made) {
  return made;
}

// What a class defines as "__init__" in place of pybind11::init(make), beside
// pybind11::detail::is_new_style_constructor(). That one notes the new object after the call has
// returned, where an exception for want of memory ends the process. `make` returns the object, or
// what the class holds it by.
template <class Made, class... Given>
auto constructed_by(Made (*make)(Given...)) {
  return [make](pybind11::detail::value_and_holder& place, Given... given) {
    auto made = owned(make(std::forward<Given>(given)...));
    place.value_ptr() = made.get();
    try {
      place.type->init_instance(place.inst, &made);
    } catch (...) {
      place.value_ptr() = nullptr;  // `made` still owns it
      throw;
    }
  };
}

}  // namespace weightgauge::bindings
