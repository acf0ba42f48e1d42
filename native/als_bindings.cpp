// The Python boundary of least squares. A separate translation unit, because it shares nothing with the other one.
#include <optional>
#include <utility>

#include "als.hpp"
#include "arguments.hpp"

using namespace nanobind::literals;

namespace gingham {
namespace {

// Check the arrays of a regression. Columns must be below the number of fixed rows and may be in any order.
Regression regression(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum, int num_threads) {
    const auto& [indptr, indices, weights] = pairs;
    Regression checked{pattern(indptr, indices), matrix(fixed), spectrum.data(),
                       static_cast<int64_t>(spectrum.shape(0))};
    require(within(checked.pairs.indices, checked.pairs.size(), checked.fixed.rows), "a column index is out of range");
    require(!weights || static_cast<int64_t>(weights->shape(0)) == checked.pairs.size(),
            "pairs must all have a weight, or none of them");
    checked.pairs.data = weights ? weights->data() : nullptr;
    require(checked.n_components > 0 && checked.depth() <= checked.fixed.stride,
            "fixed must have n_components columns");
    require_threads(num_threads);
    return checked;
}

// Check a matrix with a row for each row of a regression.
Matrix rows_of(const Regression& problem, const Table<float>& array) {
    const Matrix rows = matrix(array);
    require(rows.rows == problem.pairs.rows && problem.depth() <= rows.stride,
            "a matrix must have a row for each row of pairs");
    return rows;
}

double als_solve(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum,
    const Vector<const float>& penalty, const std::optional<Table<float>>& centre, const Table<float>& out,
    int64_t block_size, int num_threads, nb::object progress) {
    const Regression problem = regression(pairs, fixed, spectrum, num_threads);
    Unknowns unknowns{rows_of(problem, out), {}, penalty.data(), block_size};
    if (centre) unknowns.centre = rows_of(problem, *centre);
    require(static_cast<int64_t>(penalty.shape(0)) == problem.pairs.rows,
            "penalty must have a value for each row of pairs");
    require_count(block_size, "block_size must be from 1 to 2147483647", 1);
    double total = 0;
    without_gil(std::move(progress),
                [&](Monitor& monitor) { total = solve_rows(problem, unknowns, num_threads, monitor); });
    return total;
}

void als_descend(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum,
    const Table<float>& representations, float target, const Table<float>& out, int num_threads) {
    const Regression problem = regression(pairs, fixed, spectrum, num_threads);
    const Matrix at = rows_of(problem, representations), result = rows_of(problem, out);
    without_gil(nb::none(), [&](Monitor& monitor) { descend(problem, at, target, result, num_threads, monitor); });
}

void als_gram(const Table<float>& rows, const Table<double>& out, int num_threads) {
    const Matrix checked = matrix(rows);
    const int64_t n_components = static_cast<int64_t>(out.shape(0));
    require(n_components > 0 && n_components <= checked.stride && static_cast<int64_t>(out.shape(1)) == n_components,
            "out must have the shape (n_components, n_components)");
    require_threads(num_threads);
    without_gil(nb::none(), [&](Monitor& monitor) { gram(checked, n_components, out.data(), num_threads, monitor); });
}

void als_rotate(const Table<float>& rows, const Table<float>& axes, int num_threads) {
    const Matrix checked = matrix(rows);
    const Matrix turn{axes.data(), static_cast<int64_t>(axes.shape(0)), static_cast<int64_t>(axes.shape(1))};
    require(turn.rows > 0 && turn.rows == turn.stride && turn.rows <= checked.stride,
            "axes must have the shape (n_components, n_components)");
    require_threads(num_threads);
    without_gil(nb::none(), [&](Monitor& monitor) { rotate(checked, turn, num_threads, monitor); });
}

}  // namespace

void bind_als(nb::module_& module) {
    module.def("als_solve", &als_solve, nb::kw_only(), "pairs"_a.noconvert(), "fixed"_a.noconvert(),
               "spectrum"_a.noconvert(), "penalty"_a.noconvert(), "centre"_a.noconvert().none(), "out"_a.noconvert(),
               "block_size"_a, "num_threads"_a, "progress"_a.none());
    module.def("als_descend", &als_descend, nb::kw_only(), "pairs"_a.noconvert(), "fixed"_a.noconvert(),
               "spectrum"_a.noconvert(), "representations"_a.noconvert(), "target"_a, "out"_a.noconvert(),
               "num_threads"_a);
    module.def("als_gram", &als_gram, nb::kw_only(), "rows"_a.noconvert(), "out"_a.noconvert(), "num_threads"_a);
    module.def("als_rotate", &als_rotate, nb::kw_only(), "rows"_a.noconvert(), "axes"_a.noconvert(), "num_threads"_a);
}

}  // namespace gingham
