// A small symmetric system (identity + sum of products), solved by Cholesky in blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "representation.hpp"
#include "tile.hpp"

namespace gingham {

// Holds the upper triangle of a positive definite matrix, row-major; a row is `stride` floats long, a multiple of a
// tile's columns. Tiles reach over the matrix' edges; what they write there is of no meaning.
class SymmetricSystem {
  public:
    // Tiles and rows of parameters both fit.
    static constexpr int64_t kAlign = std::max(kTileColumns, kRowAlignment);

    explicit SymmetricSystem(int64_t most)
        : capacity_(round_up(most, kAlign)), data_((capacity_ + kTileRows) * capacity_), pivots_(capacity_) {}

    // Begin a system of that size: so many times the identity.
    void reset(int64_t size, float diagonal) {
        size_ = size;
        stride_ = round_up(size, kAlign);
        std::fill_n(data_.data(), round_up(size, kLanes) * stride_, 0.0f);
        for (int64_t k = 0; k < size; ++k) row(k)[k] = diagonal;
    }

    int64_t stride() const { return stride_; }
    float* row(int64_t k) { return data_.data() + k * stride_; }

    // Add the products of `count` rows with themselves, rows^T rows: `stride` floats each, kTileRows more at the end.
    void add_products(const float* rows, int64_t count) {
        for (int64_t i = 0; i < size_; i += kTileRows)
            for (int64_t j = i / kTileColumns * kTileColumns; j < size_; j += kTileColumns)
                multiply_tile<kTileRows, Into::kAdd>(rows + i, stride_, rows + j, stride_, count, row(i) + j, stride_);
    }

    // Replace `x`, the right side (`stride` floats, zero past the size), by the solution; the matrix is used up.
    void solve(float* x) {
        for (int64_t first = 0; first < size_; first += kLanes) {
            factorise<true>(first, first, x);
            for (int64_t column = first + kLanes; column < size_; column += kLanes) factorise<false>(first, column, x);
        }
        for (int64_t first = (size_ - 1) / kLanes * kLanes; first >= 0; first -= kLanes) substitute(first, x);
    }

  private:
    // The matrix becomes U with U^T U = matrix, kLanes rows and columns at a time: a square that stays in registers.
    // With the squares of the diagonal `x` becomes the solution of U^T x = right side, while pivots are waited for.
    template <bool kDiagonal>
    [[gnu::noinline]] void factorise(int64_t first, int64_t column, float* x) {
        Lanes square[kLanes], right = lanes(x + first);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) square[i] = lanes(row(first + i) + column);
        for (int64_t above = 0; above < first; ++above) {
            const float* left = row(above) + first;
            const Lanes known = lanes(row(above) + column);
            if constexpr (kDiagonal) right -= x[above] * known;
#pragma GCC unroll 16
            for (int i = 0; i < kLanes; ++i) square[i] -= left[i] * known;
        }
#pragma GCC unroll 16
        for (int k = 0; k < kLanes; ++k) {
            if constexpr (kDiagonal) {
                if (first + k == size_) return;
                pivots_[first + k] = 1 / std::sqrt(square[k][k]);
                x[first + k] = right[k] * pivots_[first + k];
            }
            square[k] *= pivots_[first + k];
            lanes(row(first + k) + column) = square[k];
            if constexpr (kDiagonal) right -= x[first + k] * square[k];
            const float* left = row(first + k) + first;
            // Counts from zero, for the compiler unrolls, and keeps in registers, what always counts alike.
#pragma GCC unroll 16
            for (int i = 0; i < kLanes; ++i)
                if (i > k) square[i] -= (kDiagonal ? square[k][i] : left[i]) * square[k];
        }
    }

    // Solve U x = right side for kLanes places; those after them are solved for.
    void substitute(int64_t first, float* x) {
        const int64_t last = std::min(first + kLanes, size_);
        if (last < size_) {
            float terms[kLanes][kLanes], known[kLanes];
            for (int i = 0; i < kLanes; ++i) {
                Lanes sum = {};
                for (int64_t j = last; j < size_; j += kLanes) sum += lanes(row(first + i) + j) * lanes(x + j);
                lanes(terms[i]) = sum;
            }
            totals(terms, known);
            lanes(x + first) -= lanes(known);
        }
        for (int64_t k = last - 1; k >= first; --k) {
            x[k] *= pivots_[k];
            for (int64_t i = first; i < k; ++i) x[i] -= row(i)[k] * x[k];
        }
    }

    int64_t capacity_, size_ = 0, stride_ = 0;
    Buffer data_;
    std::vector<float> pivots_;
};

}  // namespace gingham
