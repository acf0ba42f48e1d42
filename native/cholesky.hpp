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
        : capacity_(round_up(most, kAlign)), data_((capacity_ + kTileRows) * capacity_), pivots_(capacity_),
          solution_(capacity_) {}

    // Begin a system of that size: so many times the identity.
    void reset(int64_t size, float diagonal) {
        size_ = size;
        stride_ = round_up(size, kAlign);
        std::fill_n(data_.data(), (stride_ + kTileRows) * stride_, 0.0f);
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

    // Replace `x`, the right side (`stride` floats), by the solution; the matrix is used up.
    void solve(float* x) {
        factorise();
        for (int64_t k = 0; k < size_; ++k) {
            solution_[k] = x[k] * pivots_[k];
            subtract(x, row(k), solution_[k], k + 1);
        }
        for (int64_t k = size_ - 1; k >= 0; --k) {
            float sum = solution_[k];
            for (int64_t j = k + 1; j < size_; ++j) sum -= row(k)[j] * x[j];
            x[k] = sum * pivots_[k];
        }
    }

  private:
    static constexpr int64_t kPanel = 32;

    // x[j] -= scale * row[j] from `first` to the end of the row, and for some places before it, which nobody reads again.
    void subtract(float* __restrict x, const float* __restrict row, float scale, int64_t first) const {
        for (int64_t j = first / kLanes * kLanes; j < stride_; j += kLanes) lanes(x + j) -= scale * lanes(row + j);
    }

    // The matrix becomes U with U^T U = matrix: a panel of rows first, then what is below it, tile by tile.
    void factorise() {
        for (int64_t first = 0; first < size_; first += kPanel) {
            const int64_t last = std::min(first + kPanel, size_);
            for (int64_t k = first; k < last; ++k) {
                pivots_[k] = 1 / std::sqrt(row(k)[k]);
                for (int64_t j = k; j < size_; ++j) row(k)[j] *= pivots_[k];
                for (int64_t i = k + 1; i < last; ++i) subtract(row(i), row(k), row(k)[i], i);
            }
            for (int64_t i = last; i < size_; i += kTileRows)
                for (int64_t j = i / kTileColumns * kTileColumns; j < size_; j += kTileColumns)
                    multiply_tile<kTileRows, Into::kSubtract>(
                        row(first) + i, stride_, row(first) + j, stride_, last - first, row(i) + j, stride_);
        }
    }

    int64_t capacity_, size_ = 0, stride_ = 0;
    std::vector<float> data_, pivots_, solution_;
};

}  // namespace gingham
