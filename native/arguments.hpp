// Arguments from Python: arrays, which are checked before the kernel reads them, and the progress function.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "matrix.hpp"
#include "parallel.hpp"
#include "representation.hpp"

namespace gingham {

namespace nb = nanobind;

template <class T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

using CsrArrays = std::tuple<Vector<const int64_t>, Vector<const int32_t>, Vector<const float>>;
using PositiveArrays =
    std::tuple<Vector<const int64_t>, Vector<const int32_t>, std::optional<Vector<const float>>>;
using Pattern = std::tuple<Vector<const int64_t>, Vector<const int32_t>>;
// Penalties are doubles: under noconvert() nanobind rejects a Python float that a C++ float would have to round.
using SideArrays = std::tuple<Table<float>, std::optional<CsrArrays>, Vector<const uint8_t>, double, double>;
using ExampleArrays = std::tuple<Vector<const int32_t>, Vector<const int32_t>, std::optional<Vector<const float>>,
                                 std::optional<Vector<const float>>>;

// Where lanes begin, and where blocks end; see lanes.hpp.
using PlanArrays = std::tuple<Vector<const int64_t>, Vector<const int64_t>>;

// As `gingham.validation.MAX_THREADS`.
inline constexpr int kMaxThreads = 1024;

inline void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Whether every index is in [0, bound).
inline bool within(const int32_t* indices, int64_t count, int64_t bound) {
    bool inside = true;
    for (int64_t at = 0; at < count; ++at) inside &= indices[at] >= 0 && indices[at] < bound;
    return inside;
}

// Row and column numbers are int32, so no count may be larger. A larger one could overflow or allocate all memory.
inline void require_count(int64_t count, const char* message, int64_t least = 0) {
    require(count >= least && count <= std::numeric_limits<int32_t>::max(), message);
}

inline void require_threads(int num_threads) {
    require(num_threads > 0, "num_threads must be at least 1");
    require(num_threads <= kMaxThreads, "num_threads must be at most 1024");
}

// nanobind takes None for an array within a tuple.
template <class Array>
void require_array(const Array& array) {
    require(array.is_valid(), "an array is None");
}

inline Matrix matrix(const Table<float>& array) {
    require_array(array);
    require(array.shape(1) > 0 && array.shape(1) % kRowAlignment == 0,
            "the length of a row must be a positive multiple of 8");
    return {array.data(), static_cast<int64_t>(array.shape(0)), static_cast<int64_t>(array.shape(1))};
}

inline Csr pattern(const Vector<const int64_t>& indptr, const Vector<const int32_t>& indices) {
    require_array(indptr);
    require_array(indices);
    require(indptr.shape(0) > 0, "indptr must not be empty");
    Csr csr{indptr.data(), indices.data(), nullptr, static_cast<int64_t>(indptr.shape(0)) - 1};
    require(csr.indptr[0] == 0 && csr.size() == static_cast<int64_t>(indices.shape(0)),
            "indptr must run from 0 to the number of indices");
    for (int64_t row = 0; row < csr.rows; ++row) require(csr.begin(row) <= csr.end(row), "indptr must not decrease");
    return csr;
}

// Check rows whose columns must be below n_columns, ascending and distinct within a row.
inline Csr sorted_pattern(const Vector<const int64_t>& indptr, const Vector<const int32_t>& indices, int64_t n_columns) {
    const Csr csr = pattern(indptr, indices);
    require(within(csr.indices, csr.size(), n_columns), "a column index is out of range");
    for (int64_t row = 0; row < csr.rows; ++row)
        for (int64_t at = csr.begin(row) + 1; at < csr.end(row); ++at)
            require(csr.indices[at - 1] < csr.indices[at], "column indices must ascend within a row");
    return csr;
}

inline Csr csr(const CsrArrays& arrays) {
    const auto& [indptr, indices, data] = arrays;
    Csr csr = pattern(indptr, indices);
    require_array(data);
    require(data.shape(0) == indices.shape(0), "data and indices must be equally long");
    csr.data = data.data();
    return csr;
}

inline Side side(const SideArrays& arrays) {
    const auto& [state, features, owners, regularization, alpha] = arrays;
    Side side;
    side.state = matrix(state);
    side.identity = !features;
    if (features) side.features = csr(*features);
    require(!features || within(side.features.indices, side.features.size(), side.state.rows),
            "a feature index is out of range: state has too few rows");
    require_array(owners);
    require(static_cast<int64_t>(owners.shape(0)) == side.state.rows, "owners must have a number for each row of state");
    side.owners = owners.data();
    side.penalty = {static_cast<float>(regularization), static_cast<float>(alpha)};
    return side;
}

// Runs Python's signal handlers and the caller's progress function while the kernel works without the GIL. An exception
// from them stops the kernel and is raised again from the call.
class PythonMonitor final : public Monitor {
  public:
    explicit PythonMonitor(nb::object progress) : progress_(std::move(progress)) {}

    bool poll(int64_t done) override {
        const nb::gil_scoped_acquire gil;
        try {
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            if (!progress_.is_none()) progress_(done);
        } catch (...) {
            error_ = std::current_exception();
            return false;
        }
        return true;
    }

    void raise_if_stopped() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    nb::object progress_;
    std::exception_ptr error_;
};

// Run work(monitor) without the GIL, then raise what a signal handler or the progress function raised meanwhile.
template <class Work>
void without_gil(nb::object progress, Work work) {
    PythonMonitor monitor(std::move(progress));
    {
        const nb::gil_scoped_release release;
        work(monitor);
    }
    monitor.raise_if_stopped();
}

}  // namespace gingham
