#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#include "core/base/dtype.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr DType byte_formats[] = {DType::f8_e4m3,     DType::f8_e5m2, DType::f8_e4m3fnuz,
                                  DType::f8_e5m2fnuz, DType::f8_e8m0, DType::f4_unpacked};

}  // namespace

TEST_SUITE("dtype") {
  TEST_CASE("names lead back to their format") {
    for (const char* name : {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ",
                             "F8_E5M2FNUZ", "F8_E8M0", "F4", "F4_UNPACKED"}) {
      CHECK(std::string(dtype_name(dtype_from_name(name))) == name);
    }
    for (const char* name : {"", "f32", "F32 ", "I8", "F6_E2M3"}) {
      CHECK_THROWS_AS(dtype_from_name(name), std::invalid_argument);
    }
  }

  TEST_CASE("largest and smallest magnitudes are those of the format's definition") {
    CHECK(magnitude_value(DType::f8_e4m3, 0x7E) == 448);
    CHECK(magnitude_value(DType::f8_e4m3, 0x01) == 0x1p-9);
    CHECK(magnitude_value(DType::f8_e5m2, 0x7B) == 57344);
    CHECK(magnitude_value(DType::f8_e5m2, 0x01) == 0x1p-16);
    CHECK(magnitude_value(DType::f8_e4m3fnuz, 0x7F) == 240);
    CHECK(magnitude_value(DType::f8_e4m3fnuz, 0x01) == 0x1p-10);
    CHECK(magnitude_value(DType::f8_e5m2fnuz, 0x7F) == 57344);
    CHECK(magnitude_value(DType::f8_e5m2fnuz, 0x01) == 0x1p-17);
    CHECK(magnitude_value(DType::f8_e8m0, 0x00) == 0x1p-127);
    CHECK(magnitude_value(DType::f8_e8m0, 0xFE) == 0x1p127);
    CHECK(magnitude_value(DType::f4, 0x07) == 6);
    CHECK(magnitude_value(DType::f4, 0x01) == 0.5);
    CHECK(magnitude_value(DType::f16, 0x7BFF) == 65504);
    CHECK(magnitude_value(DType::f16, 0x0001) == 0x1p-24);
    CHECK(magnitude_value(DType::bf16, 0x7F7F) == 0x1.FEp127);
    CHECK(magnitude_value(DType::f32, 0x00000001) == 0x1p-149);
    CHECK(magnitude_value(DType::f64, 0x0000000000000001) == 0x1p-1074);
  }

  TEST_CASE("all 256 codes mean what the format says") {
    for (const DType dtype : byte_formats) {
      CAPTURE(dtype_name(dtype));
      const CodeTable& codes = code_table(dtype);
      for (unsigned raw = 0; raw < 256; ++raw) {
        CAPTURE(raw);
        const double expected = testing::reference_value(dtype, raw);
        const CodeMeaning meaning = codes.meaning[raw];
        CHECK((meaning.magnitude == Magnitude::nan) == std::isnan(expected));
        CHECK((meaning.magnitude == Magnitude::inf) == std::isinf(expected));
        CHECK((meaning.magnitude == Magnitude::zero) == (expected == 0));
        if (meaning.magnitude == Magnitude::finite) {
          CHECK(magnitude_value(dtype, meaning.key) == std::fabs(expected));
        }
      }
    }
  }

  TEST_CASE("all keys of the 16-bit formats have the value of their bits, and grow with it") {
    for (const DType dtype : {DType::f16, DType::bf16}) {
      double previous = -1;
      for (std::uint64_t key = 0; key < first_nonfinite_key(dtype); ++key) {
        const double value = magnitude_value(dtype, key);
        REQUIRE(value == testing::reference_value(dtype, key));
        REQUIRE(value > previous);
        previous = value;
      }
      CHECK(std::isinf(testing::reference_value(dtype, first_nonfinite_key(dtype))));
    }
  }

  TEST_CASE("ratios of magnitudes have logarithms in full precision") {
    // Compared with extended precision. The quotient of the mantissas, its logarithm, the powers of
    // two and the sum are rounded; together these are at most twice as large as the result.
    constexpr double tolerance = 5 * std::numeric_limits<double>::epsilon();
    const auto check = [](double a, double b, long double expected) {
      const auto error = static_cast<long double>(log_ratio(scaled(a), scaled(b))) - expected;
      REQUIRE(std::fabs(static_cast<double>(error)) <=
              tolerance * std::fabs(static_cast<double>(expected)));
    };
    testing::Random random(3);
    for (int round = 0; round < 20000; ++round) {
      const double a = std::ldexp(1 + random.uniform(), static_cast<int>(random.next() % 40) - 20);
      const double near = a * (1 + 1e-3 * (random.uniform() - 0.5));
      const double far =
          std::ldexp(1 + random.uniform(), static_cast<int>(random.next() % 40) + 22);
      const auto wide_a = static_cast<long double>(a);
      const auto wide_near = static_cast<long double>(near);
      check(a, near, std::log1p((wide_a - wide_near) / wide_near));
      check(a, far, std::log(wide_a / static_cast<long double>(far)));
    }
    CHECK(log_ratio(scaled(7.3), scaled(7.3)) == 0);
  }

  TEST_CASE("logarithms neither overflow nor underflow") {
    const Scaled least = scaled(0x1p-1074);
    const Scaled most = scaled(std::numeric_limits<double>::max());
    // The two differ by 2098 powers of two. The logarithm is 1454, where doubles are 2.3e-13 apart.
    CHECK(log_ratio(most, least) == doctest::Approx(2098 * std::log(2.0)).epsilon(1e-15));
    CHECK(log_ratio(least, scaled(1)) == doctest::Approx(-1074 * std::log(2.0)).epsilon(1e-15));
  }
}

}  // namespace weightgauge
