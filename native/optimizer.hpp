// Step sizes: Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012), one row of parameters at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "matrix.hpp"

namespace gingham {

// A feature's parameters and the optimizer's memory of them. Adagrad has no momentum and doesn't touch it.
struct Row {
    float* __restrict parameters;
    float* __restrict gradients;
    float* __restrict momentum;
};

// Neighbours in a row, in the compiler's own vector type: GCC unrolls a loop over so few floats before it can make vectors
// of them. `Bits` are the same as integers.
typedef float Floats __attribute__((vector_size(kRowAlignment * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t Bits __attribute__((vector_size(kRowAlignment * sizeof(float))));

inline Floats& floats(float* at) { return *reinterpret_cast<Floats*>(at); }
inline const Floats& floats(const float* at) { return *reinterpret_cast<const Floats*>(at); }

// 1 / sqrt(x) for positive x with a relative error of 5e-6, twice as fast as the hardware's square root and division: an
// estimate from the exponent (Lomont 2003), then two Newton steps.
[[gnu::always_inline]] inline Floats inverse_sqrt(Floats x) {
    const Floats half = 0.5f * x;
    Floats y = (Floats)(0x5f375a86 - ((Bits)x >> 1));
    y *= 1.5f - half * y * y;
    y *= 1.5f - half * y * y;
    return y;
}

// How parameters of one side shrink. `regularization` joins the gradient of each row that a step updates:
// g = weight * gradient + regularization * parameter. `alpha` shrinks all rows of the side at each step, by the mean of the
// step's learning rates, as LightFM does: the side's scale collects it. A row that a step updates grows by the learning
// rates of its own parameters, which makes up for the scale.
struct Penalty {
    float regularization = 0;
    float alpha = 0;
};

// With a large alpha, scores and gradients grow within an epoch until squares, or their sum, would not be finite.
inline constexpr float kMostGradient = 1e15f, kMostMemory = kMostGradient * kMostGradient;

// An optimizer has
//   kParts      the parts of a row: parameters, gradients, and momentum if it uses it
//   kRefreshes  how many representations of items are recomputed per step on average, so that the search for negatives
//               finds nearly the same items as exact scores would
//   advance()   adds the gradients of neighbours at j to the memory, and returns their learning rates
struct Adagrad {
    static constexpr int kParts = 2;
    static constexpr int kRefreshes = 2;
    float learning_rate;

    // `gradients` is the sum of squares so far (it starts at one), read before this step's square is added.
    [[gnu::always_inline]] Floats advance(Row row, int64_t j, Floats g) const {
        Floats& squares = floats(row.gradients + j);
        const Floats rate = learning_rate * inverse_sqrt(squares);
        squares += g * g;
        return rate;
    }
};

struct Adadelta {
    static constexpr int kParts = 3;
    static constexpr int kRefreshes = 20;  // its steps grow, so representations change faster
    float rho;
    float epsilon;

    // `gradients` and `momentum` are decaying means of the squared gradients and updates (both start at zero).
    [[gnu::always_inline]] Floats advance(Row row, int64_t j, Floats g) const {
        Floats& squares = floats(row.gradients + j);
        Floats& updates = floats(row.momentum + j);
        const Floats mean_square = rho * squares + (1 - rho) * g * g;
        const Floats mean_update = updates + epsilon;
        const Floats rate = mean_update * inverse_sqrt(mean_update) * inverse_sqrt(mean_square + epsilon);
        const Floats update = rate * g;
        squares = mean_square;
        updates = rho * updates + (1 - rho) * update * update;
        return rate;
    }
};

// A sum of learning rates. It is an integer, so that it doesn't depend on the order of its parts, and stays at its largest
// value instead of overflowing.
class RateSum {
  public:
    void add(double rate) { add_units(rate > 0 ? static_cast<uint64_t>(std::min(rate * kUnits + 0.5, kMost)) : 0); }
    void add(RateSum other) { add_units(other.units_); }
    double value() const { return units_ / kUnits; }

  private:
    static constexpr double kUnits = double(uint64_t{1} << 32), kMost = double(uint64_t{1} << 63);

    void add_units(uint64_t units) {
        units_ += units;
        if (units_ < units) units_ = UINT64_MAX;
    }

    uint64_t units_ = 0;
};

// Update a row along -weight * gradient, if no side has an alpha.
template <class Optimizer, class Width>
void update(const Optimizer& optimizer, Row row, const float* __restrict gradient, float weight, float regularization,
            Width width) {
    for (int64_t j = 0; j < width; j += kRowAlignment) {
        Floats& parameters = floats(row.parameters + j);
        const Floats g = weight * floats(gradient + j) + regularization * parameters;
        parameters -= optimizer.advance(row, j, g) * g;
    }
}

// The same if a side has an alpha. Return `share` times the sum of the learning rates of the first `used` parameters.
template <class Optimizer, class Width>
RateSum update_scaled(const Optimizer& optimizer, Row row, const float* __restrict gradient, float weight,
                      const Penalty& penalty, float share, int64_t used, Width width) {
    RateSum total;
    for (int64_t j = 0; j < width; j += kRowAlignment) {
        Floats& parameters = floats(row.parameters + j);
        Floats& memory = floats(row.gradients + j);
        Floats g = weight * floats(gradient + j) + penalty.regularization * parameters;
        g = g > kMostGradient ? kMostGradient + Floats{} : g;
        g = g < -kMostGradient ? -kMostGradient + Floats{} : g;
        const Floats rate = optimizer.advance(row, j, g);
        memory = memory < kMostMemory ? memory : kMostMemory + Floats{};
        parameters = (parameters - rate * g) * (1 + penalty.alpha * rate);
        float sum = 0;
        for (int64_t at = 0; at < std::min<int64_t>(used - j, kRowAlignment); ++at) sum += rate[at];
        total.add(share * sum);
    }
    return total;
}

}  // namespace gingham
