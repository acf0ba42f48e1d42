// Step sizes: Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012), one row of parameters at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace gingham {

// A feature's parameters and the optimizer's memory of them. Adagrad has no momentum and doesn't touch it.
struct Row {
    float* __restrict parameters;
    float* __restrict gradients;
    float* __restrict momentum;
};

// 1 / sqrt(x) for positive x with a relative error of 5e-6, twice as fast as the hardware's square root and division: an
// estimate from the exponent (Lomont 2003), then two Newton steps.
inline float inverse_sqrt(float x) {
    const float half = 0.5f * x;
    float y = std::bit_cast<float>(0x5f375a86 - (std::bit_cast<int32_t>(x) >> 1));
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
//   advance()   adds the gradient of one parameter to the memory, and returns its learning rate
struct Adagrad {
    static constexpr int kParts = 2;
    static constexpr int kRefreshes = 2;
    float learning_rate;

    // `gradients` is the sum of squares so far (it starts at one), read before this step's square is added.
    float advance(Row row, int64_t j, float g) const {
        const float rate = learning_rate * inverse_sqrt(row.gradients[j]);
        row.gradients[j] += g * g;
        return rate;
    }
};

struct Adadelta {
    static constexpr int kParts = 3;
    static constexpr int kRefreshes = 20;  // its steps grow, so representations change faster
    float rho;
    float epsilon;

    // `gradients` and `momentum` are decaying means of the squared gradients and updates (both start at zero).
    float advance(Row row, int64_t j, float g) const {
        const float mean_square = rho * row.gradients[j] + (1 - rho) * g * g;
        const float mean_update = row.momentum[j] + epsilon;
        const float rate = mean_update * inverse_sqrt(mean_update) * inverse_sqrt(mean_square + epsilon);
        const float update = rate * g;
        row.gradients[j] = mean_square;
        row.momentum[j] = rho * row.momentum[j] + (1 - rho) * update * update;
        return rate;
    }
};

// Update a row along -weight * gradient, if no side has an alpha.
template <class Optimizer, class Width>
void update(const Optimizer& optimizer, Row row, const float* __restrict gradient, float weight, float regularization,
            Width width) {
    for (int64_t j = 0; j < width; ++j) {
        const float g = weight * gradient[j] + regularization * row.parameters[j];
        row.parameters[j] -= optimizer.advance(row, j, g) * g;
    }
}

// The same if a side has an alpha. Return the sum of the learning rates of the first `used` parameters.
template <class Optimizer, class Width>
float update_scaled(const Optimizer& optimizer, Row row, const float* __restrict gradient, float weight,
                    const Penalty& penalty, int used, Width width) {
    float sum = 0;
    for (int64_t j = 0; j < width; ++j) {
        const float unbounded = weight * gradient[j] + penalty.regularization * row.parameters[j];
        const float g = std::clamp(unbounded, -kMostGradient, kMostGradient);
        const float rate = optimizer.advance(row, j, g);
        row.gradients[j] = std::min(row.gradients[j], kMostMemory);
        row.parameters[j] = (row.parameters[j] - rate * g) * (1 + penalty.alpha * rate);
        sum += j < used ? rate : 0;
    }
    return sum;
}

}  // namespace gingham
