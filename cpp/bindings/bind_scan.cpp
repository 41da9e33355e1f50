#include <pybind11/stl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/constructing.hpp"
#include "bindings/file_slices.hpp"
#include "bindings/scan_results.hpp"
#include "core/base/errors.hpp"
#include "core/base/region.hpp"
#include "core/scan/scan.hpp"
#include "core/scan/shared_rows.hpp"
#include "core/scan/task_queue.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

constexpr std::size_t most_chunk_bytes = std::size_t{16} << 20;

ErrorsFor errors_from(const std::string& name) {
  if (name == "independent") {
    return ErrorsFor::independent;
  }
  if (name == "sampled") {
    return ErrorsFor::sample;
  }
  if (name == "full") {
    return ErrorsFor::matrix;
  }
  throw std::invalid_argument("unknown choice of errors '" + name + "'");
}

ScanOptions options_from(const std::string& trim, const std::string& zeros,
                         std::shared_ptr<PaperBins> paper, bool exact, bool fit,
                         bool keep_histogram, std::vector<double> probabilities, int threads,
                         std::size_t chunk_bytes, const std::string& errors) {
  ScanOptions options;
  options.trim = trim_from_name(trim);
  options.zeros = zeros_from_name(zeros);
  options.paper = std::move(paper);
  options.exact = exact;
  options.fit = fit;
  options.keep_histogram = keep_histogram;
  for (const double probability : probabilities) {
    if (!(probability >= 0 && probability <= 1)) {
      throw std::invalid_argument("a probability lies outside [0, 1]");
    }
  }
  options.probabilities = std::move(probabilities);
  options.threads = threads;
  options.errors = errors_from(errors);
  options.chunk_bytes = std::min(std::max<std::size_t>(chunk_bytes, 1), most_chunk_bytes);
  return options;
}

ScanResults scan_files(const std::vector<SourceSpec>& files, const FileSlices& slices,
                       const std::string& io, const py::object& progress,
                       const ScanOptions& options) {
  return without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, progress.ptr());
    const Sources sources = open_sources(files, io);
    std::vector<SliceSpec> specs;
    specs.reserve(slices.rows.size());
    for (const FileSlice& slice : slices.rows) {
      specs.push_back(spec_from(slice, sources));
    }
    return ScanResults(scan(sources, specs, options, control, watch));
  });
}

ScanResults scan_array(const ArrayView& array, const py::object& progress,
                       const ScanOptions& options) {
  return without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, progress.ptr());
    std::vector<std::unique_ptr<ByteSource>> sources;
    sources.push_back(std::make_unique<MemorySource>(array.memory, array.view.end()));
    return ScanResults(scan(sources, {{0, array.view, Noted::nothing}}, options, control, watch));
  });
}

// The exceptions carry arguments; Python makes messages of them.
void register_exceptions(py::module_& module) {
  static PyObject* file_changed = nullptr;
  static PyObject* read_failed = nullptr;
  const auto add = [&module](const char* name) {
    const std::string full = "weightgauge._core." + std::string(name);
    PyObject* type = PyErr_NewException(full.c_str(), nullptr, nullptr);
    if (type == nullptr) {
      throw py::error_already_set();
    }
    module.add_object(name, type);
    return type;
  };
  file_changed = add("FileChanged");
  read_failed = add("ReadFailed");
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown != nullptr) {
        std::rethrow_exception(thrown);
      }
    } catch (const FileChanged& error) {
      PyErr_SetObject(file_changed, py::make_tuple(py::bytes(error.path), error.what()).ptr());
    } catch (const ReadFailed& error) {
      PyErr_SetObject(
          read_failed,
          py::make_tuple(py::bytes(error.path), error.code, std::strerror(error.code)).ptr());
    }
  });
}

// What decides how workers share out a scan.
py::dict queue_rules() {
  py::dict rules;
  rules["chunk_bytes"] = ScanOptions().chunk_bytes;
  rules["group_bytes"] = std::uint64_t{TaskQueue::group_bytes};
  rules["parts_to_join"] = std::uint64_t{TaskQueue::parts_to_join};
  rules["wide_parts_to_join"] = std::uint64_t{TaskQueue::wide_parts_to_join};
  rules["most_in_set"] = std::size_t{SharedRows::most_slices};
  rules["threads_of_region"] = threads_of_region();
  rules["caller_bytes"] = std::uint64_t{caller_bytes};
  return rules;
}

BlockScaleSpec block_scale_from(std::uint64_t origin, std::uint64_t matrices, std::uint64_t rows,
                                std::uint64_t columns, std::uint64_t block_rows,
                                std::uint64_t block_columns, const FileNumbers& scales,
                                const std::optional<FileNumbers>& scale_of_all, bool divided) {
  const BlockGrid grid{origin, matrices, rows, columns, block_rows, block_columns};
  return {grid, scales, scale_of_all, divided};
}

Packing packing_from(const std::string& word) {
  const std::pair<const char*, Packing> known[] = {
      {"along_rows", Packing::along_rows},
      {"rows_abreast", Packing::rows_abreast},
      {"even_rows_first", Packing::even_rows_first},
      {"quarters", Packing::quarters},
  };
  for (const auto& [name, packing] : known) {
    if (word == name) {
      return packing;
    }
  }
  throw std::invalid_argument("codes are packed in no known way");
}

PackedCodesSpec packed_codes_from(const std::string& packing, std::uint64_t rows,
                                  std::uint64_t columns, std::uint64_t groups,
                                  std::uint64_t group_columns, bool scales_by_group, bool divided,
                                  std::uint32_t added_zero, unsigned bits,
                                  const std::array<std::uint32_t, 3>& added_words,
                                  const FileItems& codes, const FileNumbers& scales,
                                  const std::optional<FileItems>& zeros,
                                  const std::optional<FileItems>& index) {
  const PackedForm form{packing_from(packing), rows,    columns,    groups, group_columns,
                        scales_by_group,       divided, added_zero, bits,   added_words};
  return {form, codes, scales, zeros, index};
}

ScaleCodesSpec scale_codes_from(const FileItems& codes, const FileNumbers& values,
                                std::uint64_t group_items, float added) {
  return {codes, values, group_items, added};
}

ZeroPointsSpec zero_points_from(const FileItems& words, std::uint64_t columns, unsigned bits,
                                unsigned word_bytes, bool has_sign) {
  return {words, columns, bits, word_bytes, has_sign};
}

GroupedCodesSpec grouped_codes_from(std::uint64_t items, unsigned bits, std::uint64_t group_items,
                                    bool upper_first, bool has_sign, float divisor, float zero,
                                    const FileItems& codes, const FileNumbers& scales,
                                    const std::optional<FileNumbers>& biases,
                                    const std::optional<FileNumbers>& values,
                                    const std::optional<ScaleCodesSpec>& scale_codes,
                                    const std::optional<ZeroPointsSpec>& zeros) {
  return {{items, bits, group_items, upper_first, has_sign, divisor, zero},
          codes,
          scales,
          biases,
          values,
          scale_codes,
          zeros};
}

LowRankSpec low_rank_from(std::uint64_t rows, std::uint64_t rank, std::uint64_t columns,
                          const FileNumbers& left, const FileNumbers& right, float factor) {
  return {rows, rank, columns, left, right, factor};
}

}  // namespace

void bind_scan(py::module_& module) {
  module.def("queue_rules", &queue_rules, "Sizes and numbers that decide how work is shared out.");
  register_exceptions(module);
  py::class_<ScanOptions>(module, "ScanOptions")
      .def("__init__", constructed_by(&options_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("trim"), py::arg("zeros"), py::arg("paper").none(true),
           py::arg("exact"), py::arg("fit"), py::arg("keep_histogram"), py::arg("probabilities"),
           py::arg("threads"), py::arg("chunk_bytes"), py::arg("errors"));
  py::class_<FileSlices>(module, "FileSlices")
      .def("__init__", constructed_by(&file_slices_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("dtypes"), py::arg("files"), py::arg("formats"),
           py::arg("offsets"), py::arg("items"), py::arg("noted"), py::arg("shaped"),
           py::arg("pieces"), py::arg("columns"), py::arg("clusters"), py::arg("of_tokens"))
      .def("__len__", [](const FileSlices& slices) { return slices.rows.size(); });
  py::class_<BlockScaleSpec>(module, "BlockScale")
      .def("__init__", constructed_by(&block_scale_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("origin"), py::arg("matrices"), py::arg("rows"),
           py::arg("columns"), py::arg("block_rows"), py::arg("block_columns"), py::arg("scales"),
           py::arg("scale_of_all").none(true), py::arg("divided"));
  py::class_<LowRankSpec>(module, "LowRank")
      .def("__init__", constructed_by(&low_rank_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("rows"), py::arg("rank"), py::arg("columns"), py::arg("left"),
           py::arg("right"), py::arg("factor"));
  py::class_<PackedCodesSpec>(module, "PackedCodes")
      .def("__init__", constructed_by(&packed_codes_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("packing"), py::arg("rows"), py::arg("columns"),
           py::arg("groups"), py::arg("group_columns"), py::arg("scales_by_group"),
           py::arg("divided"), py::arg("added_zero"), py::arg("bits"), py::arg("added_words"),
           py::arg("codes"), py::arg("scales"), py::arg("zeros").none(true),
           py::arg("index").none(true));
  py::class_<ScaleCodesSpec>(module, "ScaleCodes")
      .def("__init__", constructed_by(&scale_codes_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("codes"), py::arg("values"), py::arg("group_items"),
           py::arg("added"));
  py::class_<ZeroPointsSpec>(module, "ZeroPoints")
      .def("__init__", constructed_by(&zero_points_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("words"), py::arg("columns"), py::arg("bits"),
           py::arg("word_bytes"), py::arg("has_sign"));
  py::class_<GroupedCodesSpec>(module, "GroupedCodes")
      .def("__init__", constructed_by(&grouped_codes_from), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("items"), py::arg("bits"), py::arg("group_items"),
           py::arg("upper_first"), py::arg("has_sign"), py::arg("divisor"), py::arg("zero"),
           py::arg("codes"), py::arg("scales"), py::arg("biases").none(true),
           py::arg("values").none(true), py::arg("scale_codes").none(true),
           py::arg("zeros").none(true));
  module.def("scan_files", &scan_files, py::arg("files"), py::arg("slices"), py::kw_only(),
             py::arg("io"), py::arg("progress").none(true), py::arg("options"));
  module.def("scan_array", &scan_array, py::arg("array"), py::kw_only(),
             py::arg("progress").none(true), py::arg("options"));
}

}  // namespace weightgauge::bindings
