// Implicit alternating least squares (Hu, Koren and Volinsky 2008; Rendle et al. 2021): the representations of one side
// are solved while those of the other are fixed.
//
// The unobserved pairs of a row enter only through the Gram matrix of the fixed side. Both sides are rotated to its
// principal axes, where it is diagonal. Scaled by the diagonal, the problem of a row is a ridge regression with a
// penalty of one, whatever the row's own penalty:
//     min |t - H x|^2 + |x|^2,    H: the scaled representations of its n pairs.
// It is solved exactly, with one equation per pair or one per component, whichever is fewer. If both are many, it is
// solved for one block of components after another (the coordinate descent of iALS++, Rendle et al. 2021,
// arXiv:2110.14044).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cholesky.hpp"
#include "matrix.hpp"
#include "parallel.hpp"
#include "representation.hpp"
#include "tile.hpp"

namespace gingham {

// Rows of pairs against fixed representations of their columns, in the principal axes of the fixed side.
struct Regression {
    Csr pairs;              // the columns of each row and their weights; all weights are one without data
    Matrix fixed;           // a representation for each column
    const float* spectrum;  // weight of unobserved pairs times the eigenvalues of the fixed side's Gram matrix
    int64_t n_components;

    float weight(int64_t at) const { return pairs.data ? pairs.data[at] : 1.0f; }
    const float* column(int64_t at) const { return fixed.row(pairs.indices[at]); }
    int64_t depth() const { return round_up(n_components, kRowAlignment); }
};

// What to solve for. `out` has a representation per row, initially the current one. `penalty` pulls it towards its row
// of `centre`, or towards zero without a centre; an infinite penalty makes the two equal.
struct Unknowns {
    Matrix out, centre;
    const float* penalty;
    int64_t block_size;
};

class RowSolver {
  public:
    RowSolver(const Regression& regression, const Unknowns& unknowns)
        : regression_(regression), unknowns_(unknowns), depth_(regression.depth()), stride_(round_up(depth_, kLanes)),
          block_(std::min(round_up(unknowns.block_size, kLineFloats), depth_)),
          few_(std::min(unknowns.block_size, regression.n_components)), system_(std::max(block_, few_)),
          rows_(std::max(round_up(few_, kDotRows) * stride_, kChunk * round_up(block_, kTileColumns) + kTileRows)),
          scale_(depth_), origin_(depth_), x_(depth_), direction_(depth_) {}

    // Solve a row. Return its part of the loss: the weighted squared errors of its pairs and of all unobserved scores.
    double solve(int64_t row, const Progress& progress) {
        const int64_t begin = regression_.pairs.begin(row), size = regression_.pairs.end(row) - begin;
        start(row);
        right_.assign(round_up(size, SymmetricSystem::kAlign), 0.0f);
        if (size <= few_) {
            solve_pairs(begin, size);
        } else {
            solve_blocks(begin, size, unknowns_.out.row(row), progress);
        }
        float* out = unknowns_.out.row(row);
        float scores = 0;
        for (int64_t k = 0; k < regression_.n_components; ++k) {
            out[k] = origin_[k] + scale_[k] * x_[k];
            scores += regression_.spectrum[k] * out[k] * out[k];
        }
        double loss = scores;
        for (int64_t i = 0; i < size; ++i) loss += static_cast<double>(right_[i]) * right_[i];
        return loss;
    }

  private:
    static constexpr int kDotRows = 4, kDotColumns = kLanes == 16 ? 4 : 2;
    // Pairs that become rows of H at a time, and how many pairs ahead columns are prefetched (a fraction of the cache).
    static constexpr int64_t kChunk = 64, kAhead = 32;

    // Prefetch a column that is gathered soon, possibly for a later row: one for each column that is gathered now.
    // Prefetching a whole row at once would fill the memory queue, and the processor would wait.
    void prefetch_ahead(int64_t at) const {
        if (at + kAhead < regression_.pairs.size()) prefetch_shared_row(regression_.column(at + kAhead), depth_);
    }

    bool centred() const { return unknowns_.centre.data; }

    // The solution without pairs (origin), and how far each component moves from it (scale).
    void start(int64_t row) {
        const float penalty = unknowns_.penalty[row];
        const float* centre = centred() ? unknowns_.centre.row(row) : nullptr;
        if (std::isinf(penalty)) {
            std::fill(scale_.begin(), scale_.end(), 0.0f);
            for (int64_t k = 0; k < regression_.n_components; ++k) origin_[k] = centre ? centre[k] : 0.0f;
            return;
        }
        for (int64_t k = 0; k < regression_.n_components; ++k) {
            const float base = regression_.spectrum[k] + penalty;
            scale_[k] = 1 / std::sqrt(base);
            origin_[k] = centre ? penalty / base * centre[k] : 0.0f;
        }
    }

    // n equations: (I + H H^T) z = t, x = H^T z. The residual of t is z.
    void solve_pairs(int64_t begin, int64_t size) {
        const AnyWidth width{depth_};
        for (int64_t i = 0; i < size; ++i) {
            prefetch_ahead(begin + i);
            const float* column = regression_.column(begin + i);
            const float root = std::sqrt(regression_.weight(begin + i));
            float* row = rows_.data() + i * stride_;
            for (int64_t k = 0; k < width; ++k) row[k] = root * scale_[k] * column[k];
            std::fill(row + depth_, row + stride_, 0.0f);
            right_[i] = centred() ? root * (1 - dot(column, origin_.data(), width)) : root;
        }
        const int64_t padded = round_up(size, kDotRows);
        std::fill(rows_.data() + size * stride_, rows_.data() + padded * stride_, 0.0f);
        system_.reset(size, 1);
        for (int64_t i = 0; i < size; i += kDotRows)
            for (int64_t j = i; j < size; j += kDotColumns) add_dots(i, j);
        system_.solve(right_.data());
        std::fill(x_.begin(), x_.end(), 0.0f);
        for (int64_t i = 0; i < size; ++i) add_scaled(x_.data(), rows_.data() + i * stride_, right_[i], width);
    }

    // Add the inner products of kDotRows rows with kDotColumns others to the system. Not inlined: otherwise the sums
    // don't stay in registers.
    [[gnu::noinline]] void add_dots(int64_t first, int64_t second) {
        const float* a = rows_.data() + first * stride_;
        const float* b = rows_.data() + second * stride_;
        Lanes sums[kDotRows][kDotColumns] = {};
        for (int64_t k = 0; k < stride_; k += kLanes) {
            Lanes right[kDotColumns];
            for (int j = 0; j < kDotColumns; ++j) right[j] = lanes(b + j * stride_ + k);
#pragma GCC unroll 4
            for (int i = 0; i < kDotRows; ++i) {
                const Lanes left = lanes(a + i * stride_ + k);
#pragma GCC unroll 4
                for (int j = 0; j < kDotColumns; ++j) sums[i][j] += left * right[j];
            }
        }
        float terms[kDotRows * kDotColumns][kLanes], products[kDotRows * kDotColumns];
#pragma GCC unroll 4
        for (int i = 0; i < kDotRows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < kDotColumns; ++j) lanes(terms[i * kDotColumns + j]) = sums[i][j];
        totals(terms, products);
        for (int i = 0; i < kDotRows; ++i)
            for (int j = 0; j < kDotColumns; ++j) system_.row(first + i)[second + j] += products[i * kDotColumns + j];
    }

    // One equation per component, for one block of components at a time while the others are fixed. A single block
    // starts from zero, because its solution doesn't depend on the start. Values of the previous row are cleared, also
    // in the padding, because they may not be finite.
    void solve_blocks(int64_t begin, int64_t size, const float* present, const Progress& progress) {
        const AnyWidth width{depth_};
        const bool whole = block_ == depth_;
        std::fill(x_.begin(), x_.end(), 0.0f);
        std::fill(direction_.begin(), direction_.end(), 0.0f);
        for (int64_t k = 0; k < regression_.n_components; ++k)
            x_[k] = whole || scale_[k] == 0 ? 0.0f : (present[k] - origin_[k]) / scale_[k];
        for (int64_t k = 0; k < regression_.n_components; ++k) direction_[k] = origin_[k] + scale_[k] * x_[k];
        for (int64_t i = 0; i < size; ++i) {
            prefetch_ahead(begin + i);
            right_[i] = std::sqrt(regression_.weight(begin + i)) *
                        (1 - dot(regression_.column(begin + i), direction_.data(), width));
        }
        for (int64_t first = 0; first < depth_ && !progress.cancelled(); first += block_)
            solve_block(begin, size, first, std::min(block_, depth_ - first), progress);
    }

    // (I + H^T H) step = H^T r - x for some components; then r, the residuals of the targets, are updated.
    void solve_block(int64_t begin, int64_t size, int64_t first, int64_t width, const Progress& progress) {
        system_.reset(width, 1);
        const int64_t stride = system_.stride();
        float* step = direction_.data();
        step_.assign(stride, 0.0f);
        for (int64_t k = 0; k < width; ++k) step_[k] = -x_[first + k];
        for (int64_t start = 0; start < size; start += kChunk) {
            if (progress.cancelled()) return;
            const int64_t count = std::min(kChunk, size - start);
            for (int64_t i = 0; i < count; ++i) {
                const float* column = regression_.column(begin + start + i) + first;
                const float root = std::sqrt(regression_.weight(begin + start + i));
                float* row = rows_.data() + i * stride;
                for (int64_t k = 0; k < width; ++k) row[k] = root * scale_[first + k] * column[k];
                for (int64_t k = width; k < stride; ++k) row[k] = 0;
                for (int64_t k = 0; k < width; ++k) step_[k] += right_[start + i] * row[k];
            }
            system_.add_products(rows_.data(), count);
        }
        system_.solve(step_.data());
        for (int64_t k = 0; k < width; ++k) {
            x_[first + k] += step_[k];
            step[k] = scale_[first + k] * step_[k];
        }
        for (int64_t i = 0; i < size; ++i)
            right_[i] -= std::sqrt(regression_.weight(begin + i)) *
                         dot(regression_.column(begin + i) + first, step, AnyWidth{width});
    }

    const Regression& regression_;
    const Unknowns& unknowns_;
    int64_t depth_, stride_;  // of a representation, and of a row of H
    int64_t block_, few_;
    SymmetricSystem system_;
    Buffer rows_;                                       // H, or a chunk of its rows
    std::vector<float> scale_, origin_, x_, direction_, step_;
    std::vector<float> right_;                          // the target of each pair, then its residual
};

// Rows that a thread solves at a time.
inline constexpr int64_t kRowBlock = 16;

// Solve every row. Return the loss without penalties; it is meaningless if the monitor stopped the work.
inline double solve_rows(const Regression& regression, const Unknowns& unknowns, int n_threads, Monitor& monitor) {
    Blocks blocks(regression.pairs.rows, kRowBlock);
    std::vector<double> losses(regression.pairs.rows);
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        RowSolver solver(regression, unknowns);
        for (Range rows; !progress.cancelled() && blocks.next(rows);) {
            for (int64_t row = rows.first; row < rows.last; ++row) losses[row] = solver.solve(row, progress);
            progress.add(regression.pairs.begin(rows.last) - regression.pairs.begin(rows.first));
        }
    });
    double total = 0;
    for (const double loss : losses) total += loss;
    return total;
}

// Half the negative gradient of the loss without penalties, for the representation of each row:
//     out = sum over pairs of weight * (target - score) * column - spectrum * representation.
// With a target of zero this is the negative matrix of the row's normal equations times its representation.
inline void descend(const Regression& regression, Matrix representations, float target, Matrix out, int n_threads,
                    Monitor& monitor) {
    Blocks blocks(regression.pairs.rows, kRowBlock);
    const AnyWidth width{regression.depth()};
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        for (Range rows; !progress.cancelled() && blocks.next(rows);)
            for (int64_t row = rows.first; row < rows.last; ++row) {
                const float* at_row = representations.row(row);
                float* sums = out.row(row);
                for (int64_t k = 0; k < regression.n_components; ++k) sums[k] = -regression.spectrum[k] * at_row[k];
                for (int64_t at = regression.pairs.begin(row); at < regression.pairs.end(row); ++at) {
                    const float error = target - dot(regression.column(at), at_row, width);
                    add_scaled(sums, regression.column(at), regression.weight(at) * error, width);
                }
            }
    });
}

// The Gram matrix of the rows, out[i][j] = sum over rows of row[i] * row[j]. Sums are in double precision, in an order
// that doesn't depend on the number of threads.
inline void gram(Matrix rows, int64_t n_components, double* out, int n_threads, Monitor& monitor) {
    constexpr int64_t kShares = 8, kRun = 4096, kChunk = 64;
    std::vector<std::vector<double>> sums(kShares);
    Blocks shares(kShares, 1);
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        SymmetricSystem products(n_components);
        std::vector<float> chunk;
        for (Range one; !progress.cancelled() && shares.next(one);) {
            const Range mine = share(rows.rows, static_cast<int>(one.first), kShares);
            std::vector<double>& sum = sums[one.first];
            sum.assign(n_components * n_components, 0.0);
            for (int64_t run = mine.first; run < mine.last && !progress.cancelled(); run += kRun) {
                products.reset(n_components, 0);
                chunk.assign(kChunk * products.stride() + kTileRows, 0.0f);
                for (int64_t first = run; first < std::min(run + kRun, mine.last); first += kChunk) {
                    const int64_t count = std::min({kChunk, mine.last - first, run + kRun - first});
                    for (int64_t i = 0; i < count; ++i)
                        std::copy_n(rows.row(first + i), n_components, chunk.data() + i * products.stride());
                    products.add_products(chunk.data(), count);
                }
                for (int64_t i = 0; i < n_components; ++i)
                    for (int64_t j = i; j < n_components; ++j)
                        sum[i * n_components + j] += products.row(i)[j];
            }
        }
    });
    for (int64_t i = 0; i < n_components; ++i)
        for (int64_t j = i; j < n_components; ++j) {
            double total = 0;
            for (const auto& sum : sums) total += sum.empty() ? 0 : sum[i * n_components + j];
            out[i * n_components + j] = out[j * n_components + i] = total;
        }
}

// Replace the components of each row by its coordinates along the axes, which are the rows of a square matrix.
inline void rotate(Matrix rows, Matrix axes, int n_threads, Monitor& monitor) {
    const int64_t depth = axes.rows, width = round_up(depth, kTileColumns);
    std::vector<float> packed(width * depth);
    pack(axes, 0, depth, depth, kTileColumns, packed.data());
    constexpr int64_t kBlock = 4 * kTileRows;
    Blocks blocks(rows.rows, kBlock);
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        std::vector<float> panels(kBlock * depth), turned(kBlock * width);
        for (Range block; !progress.cancelled() && blocks.next(block);) {
            const int64_t count = block.last - block.first;
            pack(rows, block.first, count, depth, kTileRows, panels.data());
            for (int64_t j = 0; j < depth; j += kTileColumns)
                for (int64_t i = 0; i < count; i += kTileRows)
                    multiply_tile<kTileRows>(panels.data() + i * depth, kTileRows, packed.data() + j * depth,
                                             kTileColumns, depth, turned.data() + i * width + j, width);
            for (int64_t i = 0; i < count; ++i)
                std::copy_n(turned.data() + i * width, depth, rows.row(block.first + i));
        }
    });
}

}  // namespace gingham
