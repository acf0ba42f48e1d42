// Implicit alternating least squares (Hu, Koren and Volinsky 2008; Rendle et al. 2021): one side's representations are
// solved while the other's are fixed.
//
// Of all that a row has not met, the fixed side's Gram matrix tells everything. Both sides are turned into its principal
// axes, where it is diagonal; scaled by the diagonal, a row's problem is a ridge regression with penalty one,
//     min |t - H x|^2 + |x|^2,    H: its n pairs' scaled representations,
// whatever its own penalty. It is solved exactly, as n equations or as one a component, whichever are fewer; where both
// are many, block by block of components (the coordinate descent of iALS++, Rendle et al. 2021, arXiv:2110.14044).
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
    Csr pairs;              // each row's columns and their weights; no data: all weigh one
    Matrix fixed;           // a representation for each column
    const float* spectrum;  // weight of the unobserved times each eigenvalue of the fixed side's Gram matrix
    int64_t n_components;

    float weight(int64_t at) const { return pairs.data ? pairs.data[at] : 1.0f; }
    const float* column(int64_t at) const { return fixed.row(pairs.indices[at]); }
    int64_t depth() const { return round_up(n_components, kRowAlignment); }
};

// What to solve for: `out` holds a representation a row, the present one at first; `penalty` pulls it towards its row of
// `centre` (towards zero where there is none), altogether where it is infinite.
struct Unknowns {
    Matrix out, centre;
    const float* penalty;
    int64_t block_size;
};

class RowSolver {
  public:
    RowSolver(const Regression& given, const Unknowns& unknowns)
        : given_(given), unknowns_(unknowns), depth_(given.depth()),
          block_(std::min(round_up(unknowns.block_size, kRowAlignment), depth_)),
          few_(std::min(unknowns.block_size, given.n_components)), system_(std::max(block_, few_)),
          rows_(std::max(round_up(few_, kDotRows) * depth_, kChunk * round_up(block_, kTileColumns) + kTileRows)),
          scale_(depth_), origin_(depth_), x_(depth_), direction_(depth_) {}

    // Solve a row; gives what it adds to the loss: its pairs' weighted squared errors, and its scores of everything.
    double solve(int64_t row, const Progress& progress) {
        const int64_t begin = given_.pairs.begin(row), size = given_.pairs.end(row) - begin;
        start(row);
        right_.assign(round_up(size, SymmetricSystem::kAlign), 0.0f);
        if (size <= few_) {
            solve_pairs(begin, size);
        } else {
            solve_blocks(begin, size, unknowns_.out.row(row), progress);
        }
        float* out = unknowns_.out.row(row);
        float scores = 0;
        for (int64_t k = 0; k < given_.n_components; ++k) {
            out[k] = origin_[k] + scale_[k] * x_[k];
            scores += given_.spectrum[k] * out[k] * out[k];
        }
        double loss = scores;
        for (int64_t i = 0; i < size; ++i) loss += static_cast<double>(right_[i]) * right_[i];
        return loss;
    }

  private:
    static constexpr int kDotRows = 4, kDotColumns = kLanes == 16 ? 4 : 2;
    // Pairs that are made rows of H at a time; how many pairs ahead their columns are fetched, a fraction of the cache.
    static constexpr int64_t kChunk = 64, kAhead = 32;

    // Ask memory for a column that is gathered soon, perhaps for a later row: one for each that is gathered now.
    // Those of a whole row at once would fill memory's queue, and be waited for.
    void prefetch_ahead(int64_t at) const {
        if (at + kAhead < given_.pairs.size()) prefetch_shared_row(given_.column(at + kAhead), depth_);
    }

    bool centred() const { return unknowns_.centre.data; }

    // The answer if there were no pairs, and how much each component yields to them.
    void start(int64_t row) {
        const float penalty = unknowns_.penalty[row];
        const float* centre = centred() ? unknowns_.centre.row(row) : nullptr;
        if (std::isinf(penalty)) {
            std::fill(scale_.begin(), scale_.end(), 0.0f);
            for (int64_t k = 0; k < given_.n_components; ++k) origin_[k] = centre ? centre[k] : 0.0f;
            return;
        }
        for (int64_t k = 0; k < given_.n_components; ++k) {
            const float base = given_.spectrum[k] + penalty;
            scale_[k] = 1 / std::sqrt(base);
            origin_[k] = centre ? penalty / base * centre[k] : 0.0f;
        }
    }

    // n equations: (I + H H^T) z = t, x = H^T z. What is left of t is z.
    void solve_pairs(int64_t begin, int64_t size) {
        const AnyWidth width{depth_};
        for (int64_t i = 0; i < size; ++i) {
            prefetch_ahead(begin + i);
            const float* column = given_.column(begin + i);
            const float root = std::sqrt(given_.weight(begin + i));
            float* row = rows_.data() + i * depth_;
            for (int64_t k = 0; k < width; ++k) row[k] = root * scale_[k] * column[k];
            right_[i] = centred() ? root * (1 - dot(column, origin_.data(), width)) : root;
        }
        const int64_t padded = round_up(size, kDotRows);
        std::fill(rows_.data() + size * depth_, rows_.data() + padded * depth_, 0.0f);
        system_.reset(size, 1);
        for (int64_t i = 0; i < size; i += kDotRows)
            for (int64_t j = i; j < size; j += kDotColumns) add_dots(i, j);
        system_.solve(right_.data());
        std::fill(x_.begin(), x_.end(), 0.0f);
        for (int64_t i = 0; i < size; ++i) add_scaled(x_.data(), rows_.data() + i * depth_, right_[i], width);
    }

    // Add the inner products of kDotRows rows with kDotColumns others to the system. Never inlined: the sums would not
    // stay in registers.
    [[gnu::noinline]] void add_dots(int64_t first, int64_t second) {
        const float* a = rows_.data() + first * depth_;
        const float* b = rows_.data() + second * depth_;
        Lanes sums[kDotRows][kDotColumns] = {};
        for (int64_t k = 0; k < depth_; k += kLanes) {
            Lanes right[kDotColumns];
            for (int j = 0; j < kDotColumns; ++j) right[j] = lanes(b + j * depth_ + k);
#pragma GCC unroll 4
            for (int i = 0; i < kDotRows; ++i) {
                const Lanes left = lanes(a + i * depth_ + k);
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

    // One equation a component, a block of them at a time; the others stay as they are meanwhile. A single block starts
    // from zero, for it leaves nothing of where it starts. Nothing of the row before is left either, even in the
    // padding: it may not be finite.
    void solve_blocks(int64_t begin, int64_t size, const float* present, const Progress& progress) {
        const AnyWidth width{depth_};
        const bool whole = block_ == depth_;
        std::fill(x_.begin(), x_.end(), 0.0f);
        std::fill(direction_.begin(), direction_.end(), 0.0f);
        for (int64_t k = 0; k < given_.n_components; ++k)
            x_[k] = whole || scale_[k] == 0 ? 0.0f : (present[k] - origin_[k]) / scale_[k];
        for (int64_t k = 0; k < given_.n_components; ++k) direction_[k] = origin_[k] + scale_[k] * x_[k];
        for (int64_t i = 0; i < size; ++i) {
            prefetch_ahead(begin + i);
            right_[i] = std::sqrt(given_.weight(begin + i)) *
                        (1 - dot(given_.column(begin + i), direction_.data(), width));
        }
        for (int64_t first = 0; first < depth_ && !progress.cancelled(); first += block_)
            solve_block(begin, size, first, std::min(block_, depth_ - first), progress);
    }

    // (I + H^T H) step = H^T r - x, for some components; what is left of the targets, r, follows.
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
                const float* column = given_.column(begin + start + i) + first;
                const float root = std::sqrt(given_.weight(begin + start + i));
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
            right_[i] -= std::sqrt(given_.weight(begin + i)) *
                         dot(given_.column(begin + i) + first, step, AnyWidth{width});
    }

    const Regression& given_;
    const Unknowns& unknowns_;
    int64_t depth_, block_, few_;
    SymmetricSystem system_;
    Buffer rows_;                                       // H, or a chunk of its rows
    std::vector<float> scale_, origin_, x_, direction_, step_;
    std::vector<float> right_;                          // a target a pair, then what is left of it
};

// Rows that a thread takes at a time.
inline constexpr int64_t kRowBlock = 16;

// Solve every row. Gives the loss of all pairs, without penalties, or nothing useful if the monitor stopped it.
inline double solve_rows(const Regression& given, const Unknowns& unknowns, int n_threads, Monitor& monitor) {
    Blocks blocks(given.pairs.rows, kRowBlock);
    std::vector<double> losses(given.pairs.rows);
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        RowSolver solver(given, unknowns);
        for (Range rows; !progress.cancelled() && blocks.next(rows);) {
            for (int64_t row = rows.first; row < rows.last; ++row) losses[row] = solver.solve(row, progress);
            progress.add(given.pairs.begin(rows.last) - given.pairs.begin(rows.first));
        }
    });
    double total = 0;
    for (const double loss : losses) total += loss;
    return total;
}

// The loss' negative gradient, halved and without penalties, by each row's representation:
//     out = sum over pairs of weight * (target - score) * column - spectrum * representation.
// With a target of zero that is the (negative) matrix of a row's normal equations times its representation.
inline void descend(const Regression& given, Matrix representations, float target, Matrix out, int n_threads,
                    Monitor& monitor) {
    Blocks blocks(given.pairs.rows, kRowBlock);
    const AnyWidth width{given.depth()};
    run_threads(n_threads, monitor, [&](int, Progress& progress) {
        for (Range rows; !progress.cancelled() && blocks.next(rows);)
            for (int64_t row = rows.first; row < rows.last; ++row) {
                const float* at_row = representations.row(row);
                float* sums = out.row(row);
                for (int64_t k = 0; k < given.n_components; ++k) sums[k] = -given.spectrum[k] * at_row[k];
                for (int64_t at = given.pairs.begin(row); at < given.pairs.end(row); ++at) {
                    const float error = target - dot(given.column(at), at_row, width);
                    add_scaled(sums, given.column(at), given.weight(at) * error, width);
                }
            }
    });
}

// Sum of the rows' products with themselves, out[i][j] = sum over rows of row[i] * row[j]: in double, and in an order
// that does not depend on the number of threads.
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

// Replace the components of each row by its coordinates along axes, which are rows of a square matrix.
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
