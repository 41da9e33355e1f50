#include "core/fit/special.hpp"

#include <array>
#include <cmath>

namespace weightgauge {

namespace {

constexpr double euler_gamma = 0.577215664901532860606512090082;

double e1_series(double u) {
  // -gamma - ln u + sum over j of (-1)^(j+1) u^j / (j j!)
  double sum = 0;
  double power = 1;  // (-u)^j / j!, signed
  for (int j = 1; j < 60; ++j) {
    power *= -u / j;
    const double term = power / j;
    sum -= term;
    if (std::fabs(term) < 1e-18 * std::fabs(sum)) {
      break;
    }
  }
  return sum - euler_gamma - std::log(u);
}

double e1_continued_fraction(double u) {
  // exp(-u) / (u + 1 - 1/(u + 3 - 4/(u + 5 - 9/...))), from the far end inwards. 120 levels are
  // enough for double precision from u = 1.5 on.
  double tail = 0;
  for (int j = 120; j >= 1; --j) {
    tail = static_cast<double>(j) * j / (u + 2 * j + 1 - tail);
  }
  return std::exp(-u) / (u + 1 - tail);
}

constexpr double table_low = 0.03;
constexpr double table_high = 0.97;
constexpr int table_intervals = 1024;
constexpr double table_step = (table_high - table_low) / table_intervals;

YPoint direct_point(double p) { return {weibull_y_integral(p), weibull_y(p), weibull_y_slope(p)}; }

// Over one interval, t in [0, 1]: the quintic that has value, first and second derivative of G at
// both ends.
struct Quintic {
  std::array<double, 6> c;  // of t^0 .. t^5

  YPoint at(double t) const {
    constexpr double per_step = 1 / table_step;
    const double value = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
    const double first = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])));
    const double second = 2 * c[2] + t * (6 * c[3] + t * (12 * c[4] + t * 20 * c[5]));
    return {value, first * per_step, second * (per_step * per_step)};
  }
};

Quintic quintic_between(const YPoint& left, const YPoint& right) {
  const double h = table_step;
  const double rise = right.integral - left.integral;
  const double d0 = h * left.y;
  const double d1 = h * right.y;
  const double s0 = 0.5 * h * h * left.slope;
  const double s1 = 0.5 * h * h * right.slope;
  return {{left.integral, d0, s0, 10 * rise - 6 * d0 - 4 * d1 - 3 * s0 + s1,
           -15 * rise + 8 * d0 + 7 * d1 + 3 * s0 - 2 * s1, 6 * rise - 3 * (d0 + d1) - s0 + s1}};
}

using Table = std::array<Quintic, table_intervals>;
static_assert(sizeof(Quintic) == (YTable::degree + 1) * sizeof(double));

Table make_table() {
  Table table{};
  YPoint left = direct_point(table_low);
  for (int i = 0; i < table_intervals; ++i) {
    const YPoint right = direct_point(table_low + (i + 1) * table_step);
    table[static_cast<std::size_t>(i)] = quintic_between(left, right);
    left = right;
  }
  return table;
}

const Table& tabulated_quintics() {
  static const Table table = make_table();
  return table;
}

constexpr int gauss_points = 16;
struct GaussLegendre {
  std::array<double, gauss_points> node;
  std::array<double, gauss_points> weight;
};

GaussLegendre make_gauss_legendre() {
  // Newton's iteration on the Legendre polynomial from the usual cosine guess.
  GaussLegendre rule{};
  constexpr double pi = 3.14159265358979323846;
  for (int i = 0; i < gauss_points; ++i) {
    double x = std::cos(pi * (i + 0.75) / (gauss_points + 0.5));
    double derivative = 1;
    for (int iteration = 0; iteration < 50; ++iteration) {
      double previous = 1;
      double current = x;
      for (int degree = 2; degree <= gauss_points; ++degree) {
        const double next = ((2 * degree - 1) * x * current - (degree - 1) * previous) / degree;
        previous = current;
        current = next;
      }
      derivative = gauss_points * (x * current - previous) / (x * x - 1);
      const double step = current / derivative;
      x -= step;
      if (std::fabs(step) < 1e-16) {
        break;
      }
    }
    rule.node[static_cast<std::size_t>(i)] = x;
    rule.weight[static_cast<std::size_t>(i)] = 2 / ((1 - x * x) * derivative * derivative);
  }
  return rule;
}

}  // namespace

double expint_e1(double u) { return u <= 1.5 ? e1_series(u) : e1_continued_fraction(u); }

double weibull_y(double p) { return std::log(-std::log1p(-p)); }

double weibull_y_slope(double p) { return -1 / ((1 - p) * std::log1p(-p)); }

double weibull_y_integral(double p) {
  if (p <= 0) {
    return 0;
  }
  if (p >= 1) {
    return -euler_gamma;
  }
  const double u = -std::log1p(-p);
  return -(1 - p) * std::log(u) - expint_e1(u) - euler_gamma;
}

bool weibull_y_tabulated(double p) { return p >= table_low && p < table_high; }

const YTable& weibull_y_table() {
  static const YTable table = {table_low, table_step, table_intervals,
                               tabulated_quintics()[0].c.data()};
  return table;
}

YPoint weibull_y_point(double p) {
  if (!weibull_y_tabulated(p)) {
    return direct_point(p);
  }
  constexpr double per_step = 1 / table_step;
  auto index = static_cast<int>((p - table_low) * per_step);
  index = index < table_intervals ? index : table_intervals - 1;
  // The offset is taken from the node itself: p - node is exact, position - index is not.
  const double t = (p - (table_low + index * table_step)) * per_step;
  return tabulated_quintics()[static_cast<std::size_t>(index)].at(t);
}

double weibull_y_square_integral(double p_low, double p_high, double centre) {
  static const GaussLegendre rule = make_gauss_legendre();
  // With p = 1 - exp(-e^y) the integrand y^2 exp(y - e^y) is entire: no end needs special care.
  const double low = weibull_y(p_low);
  const double high = weibull_y(p_high);
  const int panels = 1 + static_cast<int>((high - low) / 0.5);
  const double half = (high - low) / (2 * panels);
  double sum = 0;
  for (int panel = 0; panel < panels; ++panel) {
    const double middle = low + half * (2 * panel + 1);
    for (std::size_t i = 0; i < gauss_points; ++i) {
      const double y = middle + half * rule.node[i];
      const double off = y - centre;
      sum += rule.weight[i] * off * off * std::exp(y - std::exp(y));
    }
  }
  return half * sum;
}

}  // namespace weightgauge
