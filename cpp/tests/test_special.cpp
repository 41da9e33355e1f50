#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

#include "core/fit/special.hpp"

namespace weightgauge {

TEST_SUITE("special") {
  TEST_CASE("E1 has its known values") {
    // The values have 24 digits from arbitrary-precision arithmetic. For u up to 1.5, terms of size
    // 1 cancel, which costs a few units in the last place of 1. Above 1.5 the error is a few units
    // in the last place of the result.
    constexpr double epsilon = std::numeric_limits<double>::epsilon();
    struct Known {
      double u;
      double e1;
    };
    const Known known[] = {
        {1e-300, 690.1983122333121723197318},     {1e-6, 13.23829589306249128880884},
        {0.1, 1.822923958419390615852347},        {0.5, 0.5597735947761608117467959},
        {1, 0.2193839343955202736771638},         {1.5, 0.1000195824066326519019093},
        {1.5000001, 0.1000195675312898729332847}, {2, 0.04890051070806111956723984},
        {5, 0.001148295591275325797330562},       {10, 4.156968929685324277402860e-6},
        {50, 3.783264029550459018698968e-24},     {700, 1.406518766234032922774411e-307},
    };
    for (const Known& at : known) {
      CAPTURE(at.u);
      const double size = at.u <= 1.5 ? std::fmax(at.e1, 1.0) : at.e1;
      CHECK(std::fabs(expint_e1(at.u) - at.e1) < 8 * epsilon * size);
    }
  }

  TEST_CASE("the two expansions of E1 meet") {
    // The expansions meet at 1.5. Across that point E1 must fall as its derivative -exp(-u)/u says.
    const double u = 1.5;
    const double h = 1e-6;
    const double slope = (expint_e1(u + h) - expint_e1(u - h)) / (2 * h);
    // Two errors are allowed for: the rounding of E1 (1e-17) divided by 2h, and h^2 times the third
    // derivative. Both are below 1e-10.
    CHECK(std::fabs(slope + std::exp(-u) / u) < 1e-10);
  }

  TEST_CASE("the ordinate is ln(-ln(1 - p)) and its slope is its derivative") {
    CHECK(weibull_y(0.5) == doctest::Approx(std::log(std::log(2.0))).epsilon(1e-15));
    CHECK(std::fabs(weibull_y(1 - std::exp(-1.0))) < 1e-15);
    CHECK(weibull_y(1e-300) == doctest::Approx(-300 * std::log(10.0)).epsilon(1e-15));
    for (const double p : {1e-6, 0.01, 0.1, 0.5, 0.632, 0.9, 0.999}) {
      CAPTURE(p);
      const double h = 1e-5 * std::fmin(p, 1 - p);
      const double difference = (weibull_y(p + h) - weibull_y(p - h)) / (2 * h);
      // The error h^2 y'''/6 of the difference is 1e-10 of the slope, and rounding 1e-11.
      CHECK(weibull_y_slope(p) == doctest::Approx(difference).epsilon(1e-8));
    }
  }

  TEST_CASE("the integral of the ordinate over (0, 1) is minus Euler's constant") {
    CHECK(weibull_y_integral(0) == 0);
    CHECK(weibull_y_integral(1) == doctest::Approx(-0.57721566490153286).epsilon(1e-15));
    CHECK(weibull_y_integral(1 - 1e-12) == doctest::Approx(-0.57721566490153286).epsilon(1e-10));
  }

  TEST_CASE("the integral's slope is the ordinate") {
    for (int percent = 1; percent <= 99; ++percent) {
      const double p = percent / 100.0;
      const double h = 1e-4 * std::fmin(p, 1 - p);
      const double difference = (weibull_y_integral(p + h) - weibull_y_integral(p - h)) / (2 * h);
      CAPTURE(p);
      // The error h^2 y''/6 of the difference is below 1e-8, and rounding (1e-16/h) below 1e-9.
      CHECK(std::fabs(difference - weibull_y(p)) < 2e-8);
    }
  }

  TEST_CASE("interpolated points agree with direct ones") {
    for (int i = 1; i < 20000; ++i) {
      const double p = i / 20000.0;
      const YPoint point = weibull_y_point(p);
      // The table promises 2e-14. The bound of the slope is relative, since the slope grows towards
      // the ends.
      REQUIRE(std::fabs(point.integral - weibull_y_integral(p)) < 2e-14);
      REQUIRE(std::fabs(point.y - weibull_y(p)) < 1e-10);
      REQUIRE(std::fabs(point.slope / weibull_y_slope(p) - 1) < 1e-6);
    }
  }

  TEST_CASE("the integral of the squared ordinate agrees with the midpoint rule") {
    const double low = 0.1;
    const double high = 0.9;
    const int steps = 200000;
    long double sum = 0;
    for (int i = 0; i < steps; ++i) {
      const double y = weibull_y(low + (high - low) * (i + 0.5) / steps);
      sum += static_cast<long double>(y) * static_cast<long double>(y);
    }
    const auto expected = static_cast<double>(sum * static_cast<long double>((high - low) / steps));
    // The midpoint rule's error h^2 (y^2)'/24 with h = 4e-6 is below 1e-10.
    CHECK(weibull_y_square_integral(low, high) == doctest::Approx(expected).epsilon(2e-10));
    // Over (0, 1) it is the second moment of the standard Gumbel distribution.
    CHECK(weibull_y_square_integral(1e-14, 1 - 1e-14) ==
          doctest::Approx(0.57721566490153286 * 0.57721566490153286 +
                          3.14159265358979323846 * 3.14159265358979323846 / 6)
              .epsilon(1e-10));
  }
}

}  // namespace weightgauge
