// Step sizes: Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012), one row of parameters at a time.
#pragma once

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

// The L2 penalty joins the gradient of each row that a step touches: g = weight * gradient + alpha * parameter.
// `kRefreshes`: how many representations of items are recomputed per step on average, so that the search for negatives
// finds nearly the same items as exact scores would.
struct Adagrad {
    static constexpr int kParts = 2;  // parameters, gradients
    static constexpr int kRefreshes = 2;
    float learning_rate;

    // `gradients` is the sum of squares so far (it starts at one), read before this step's square is added.
    template <class Width>
    void step(Row row, const float* __restrict gradient, float weight, float alpha, Width width) const {
        for (int64_t j = 0; j < width; ++j) {
            const float g = weight * gradient[j] + alpha * row.parameters[j];
            row.parameters[j] -= learning_rate * g * inverse_sqrt(row.gradients[j]);
            row.gradients[j] += g * g;
        }
    }
};

struct Adadelta {
    static constexpr int kParts = 3;  // parameters, gradients, momentum
    static constexpr int kRefreshes = 20;  // its steps grow, so representations change faster
    float rho;
    float epsilon;

    // `gradients` and `momentum` are decaying means of the squared gradients and updates (both start at zero).
    template <class Width>
    void step(Row row, const float* __restrict gradient, float weight, float alpha, Width width) const {
        for (int64_t j = 0; j < width; ++j) {
            const float g = weight * gradient[j] + alpha * row.parameters[j];
            const float mean_square = rho * row.gradients[j] + (1 - rho) * g * g;
            const float mean_update = row.momentum[j] + epsilon;
            const float update = g * mean_update * inverse_sqrt(mean_update) * inverse_sqrt(mean_square + epsilon);
            row.gradients[j] = mean_square;
            row.momentum[j] = rho * row.momentum[j] + (1 - rho) * update * update;
            row.parameters[j] -= update;
        }
    }
};

}  // namespace gingham
