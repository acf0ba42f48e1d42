// The Python boundary of least squares; a translation unit of its own, because it shares nothing with the others.
#include <optional>
#include <utility>

#include "als.hpp"
#include "arguments.hpp"

using namespace nanobind::literals;

namespace gingham {
namespace {

// Whose pairs are regressed on what: columns below the number of fixed rows, in no particular order.
Regression regression(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum, int num_threads) {
    const auto& [indptr, indices, weights] = pairs;
    Regression given{pattern(indptr, indices), matrix(fixed), spectrum.data(),
                     static_cast<int64_t>(spectrum.shape(0))};
    require(within(given.pairs.indices, given.pairs.size(), given.fixed.rows), "a column is out of range");
    require(!weights || static_cast<int64_t>(weights->shape(0)) == given.pairs.size(),
            "pairs must have a weight each, or none");
    given.pairs.data = weights ? weights->data() : nullptr;
    require(given.n_components > 0 && given.depth() <= given.fixed.stride, "fixed must have n_components columns");
    require(num_threads > 0, "num_threads must be at least 1");
    return given;
}

// Rows beside those of a regression.
Matrix rows_of(const Regression& given, const Table<float>& array) {
    const Matrix rows = matrix(array);
    require(rows.rows == given.pairs.rows && given.depth() <= rows.stride, "each row of pairs needs a row");
    return rows;
}

double als_solve(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum,
    const Vector<const float>& penalty, const std::optional<Table<float>>& centre, const Table<float>& out,
    int64_t block_size, int num_threads, nb::object progress) {
    const Regression given = regression(pairs, fixed, spectrum, num_threads);
    Unknowns unknowns{rows_of(given, out), {}, penalty.data(), block_size};
    if (centre) unknowns.centre = rows_of(given, *centre);
    require(static_cast<int64_t>(penalty.shape(0)) == given.pairs.rows, "each row of pairs needs a penalty");
    require(block_size > 0, "block_size must be at least 1");
    double total = 0;
    without_gil(std::move(progress),
                [&](Monitor& monitor) { total = solve_rows(given, unknowns, num_threads, monitor); });
    return total;
}

void als_descend(
    const PositiveArrays& pairs, const Table<float>& fixed, const Vector<const float>& spectrum,
    const Table<float>& representations, float target, const Table<float>& out, int num_threads) {
    const Regression given = regression(pairs, fixed, spectrum, num_threads);
    const Matrix at = rows_of(given, representations), result = rows_of(given, out);
    without_gil(nb::none(), [&](Monitor& monitor) { descend(given, at, target, result, num_threads, monitor); });
}

void als_gram(const Table<float>& rows, const Table<double>& out, int num_threads) {
    const Matrix given = matrix(rows);
    const int64_t n_components = static_cast<int64_t>(out.shape(0));
    require(n_components > 0 && n_components <= given.stride && static_cast<int64_t>(out.shape(1)) == n_components,
            "out must be n_components x n_components");
    require(num_threads > 0, "num_threads must be at least 1");
    without_gil(nb::none(), [&](Monitor& monitor) { gram(given, n_components, out.data(), num_threads, monitor); });
}

void als_rotate(const Table<float>& rows, const Table<float>& axes, int num_threads) {
    const Matrix given = matrix(rows);
    const Matrix turn{axes.data(), static_cast<int64_t>(axes.shape(0)), static_cast<int64_t>(axes.shape(1))};
    require(turn.rows > 0 && turn.rows == turn.stride && turn.rows <= given.stride,
            "axes must be n_components x n_components");
    require(num_threads > 0, "num_threads must be at least 1");
    without_gil(nb::none(), [&](Monitor& monitor) { rotate(given, turn, num_threads, monitor); });
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
