// A small symmetric system (identity + sum of products), solved by Cholesky in blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "representation.hpp"
#include "tile.hpp"

namespace gingham {

// The upper triangle of a positive definite matrix, row-major; a row has `stride` floats, a multiple of a tile's
// columns. Tiles extend past the edges of the matrix; the values that they write there are not used.
class SymmetricSystem {
  public:
    // A multiple of the columns of a tile and of the alignment of rows.
    static constexpr int64_t kAlign = std::max(kTileColumns, kRowAlignment);

    explicit SymmetricSystem(int64_t most)
        : capacity_(round_up(most, kAlign)), data_((capacity_ + kTileRows) * capacity_), pivots_(capacity_) {}

    // Start a system of this size with `diagonal` times the identity.
    void reset(int64_t size, float diagonal) {
        size_ = size;
        stride_ = round_up(size, kAlign);
        std::fill_n(data_.data(), round_up(size, kLanes) * stride_, 0.0f);
        for (int64_t k = 0; k < size; ++k) row(k)[k] = diagonal;
    }

    int64_t stride() const { return stride_; }
    float* row(int64_t k) { return data_.data() + k * stride_; }

    // Add rows^T rows for `count` rows of `stride` floats, followed by kTileRows floats of padding.
    void add_products(const float* rows, int64_t count) {
        for (int64_t i = 0; i < size_; i += kTileRows)
            for (int64_t j = i / kTileColumns * kTileColumns; j < size_; j += kTileColumns)
                multiply_tile<kTileRows, Into::kAdd>(rows + i, stride_, rows + j, stride_, count, row(i) + j, stride_);
    }

    // Replace the right side `x` (`stride` floats, zero past the size) by the solution. Overwrites the matrix.
    void solve(float* x) {
        for (int64_t first = 0; first < size_; first += kLanes) {
            factorise<true>(first, first, x);
            for (int64_t column = first + kLanes; column < size_; column += kLanes) factorise<false>(first, column, x);
        }
        for (int64_t first = (size_ - 1) / kLanes * kLanes; first >= 0; first -= kLanes) substitute(first, x);
    }

  private:
    // Replace the matrix by U with U^T U = matrix, in squares of kLanes rows and columns that stay in registers. The
    // squares of the diagonal also replace `x` by the solution of U^T x = right side, while the pivots are computed.
    template <bool kDiagonal>
    [[gnu::noinline]] void factorise(int64_t first, int64_t column, float* x) {
        Lanes square[kLanes], right = lanes(x + first);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) square[i] = lanes(row(first + i) + column);
        for (int64_t above = 0; above < first; ++above) {
            const float* left = row(above) + first;
            const Lanes solved = lanes(row(above) + column);
            if constexpr (kDiagonal) right -= x[above] * solved;
#pragma GCC unroll 16
            for (int i = 0; i < kLanes; ++i) square[i] -= left[i] * solved;
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
            // Counts from zero: the compiler unrolls loops of a fixed length and keeps their values in registers.
#pragma GCC unroll 16
            for (int i = 0; i < kLanes; ++i)
                if (i > k) square[i] -= (kDiagonal ? square[k][i] : left[i]) * square[k];
        }
    }

    // Solve U x = right side for kLanes elements; the elements after them are already solved.
    void substitute(int64_t first, float* x) {
        const int64_t last = std::min(first + kLanes, size_);
        if (last < size_) {
            float terms[kLanes][kLanes], solved[kLanes];
            for (int i = 0; i < kLanes; ++i) {
                Lanes sum = {};
                for (int64_t j = last; j < size_; j += kLanes) sum += lanes(row(first + i) + j) * lanes(x + j);
                lanes(terms[i]) = sum;
            }
            totals(terms, solved);
            lanes(x + first) -= lanes(solved);
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
