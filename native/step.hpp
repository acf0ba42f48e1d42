// What losses work with: the examples of an epoch, and one thread's view of the model during a step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "matrix.hpp"
#include "random.hpp"
#include "representation.hpp"

namespace gingham {

// The training pairs, and the users' positive items as sorted rows (weights in `data`, unless all are one).
struct Examples {
    const int32_t* user = nullptr;
    const int32_t* item = nullptr;
    const float* weight = nullptr;
    const float* target = nullptr;  // 1 or 0; only if the loss needs negatives
    int64_t size = 0;
    Csr positives;
    // The items of all entries: a uniform draw from the pool is a draw by popularity.
    const int32_t* pool = nullptr;
    int64_t pool_size = 0;

    void prefetch(int64_t at) const {
        gingham::prefetch(user + at);
        gingham::prefetch(item + at);
        if (weight) gingham::prefetch(weight + at);
        if (target) gingham::prefetch(target + at);
    }
    void prefetch_positives(int64_t user) const {
        // The rows of most users lie on one or two cache lines.
        gingham::prefetch(positives.indices + positives.begin(user));
        gingham::prefetch(positives.indices + positives.end(user));
        if (positives.data) gingham::prefetch(positives.data + positives.begin(user));
    }
};

struct Example {
    int64_t user;
    int32_t item;  // -1: the loss draws it
    float weight;
    float target;
};

// The result of a step: `item` moves along -gradient * user, `other` (if >= 0) along +gradient * user, and the user
// along -gradient * difference.
struct Update {
    int32_t item = -1;
    int32_t other = -1;
    float gradient = 0;
    float loss = 0;
};

template <class W>
class Step {
  public:
    Step(const Side& users, const Side& items, const Matrix& item_cache, int n_components, W width)
        : users_(users), items_(items), cache_(item_cache), n_components_(n_components), width_(width) {}

    const float* user_row() const { return user_row_; }
    const float* difference() const { return difference_; }

    // Begin the step of a user. Both rows are buffers: for the user's representation, with a one at the place of an
    // item's bias, so that a score is a single dot product; and for the direction of the user's gradient.
    void begin(int64_t user, float* user_row, float* difference) {
        user_row_ = user_row;
        difference_ = difference;
        users_.represent(user, user_row_, width_);
        user_bias_ = user_row_[n_components_];
        user_row_[n_components_] = 1;
    }

    // Score without the user's bias, which does not change the order of items. Items with features are read from a
    // cache that may be some steps old: accurate enough to search for a negative, never used for an update.
    float search_score(int32_t item) const {
        if (!items_.identity) return dot(user_row_, cache_.row(item), width_);
        return items_.scale * dot(user_row_, items_.parameters(item), width_);
    }

    // Return the exact score of a pair with both biases; store the user's gradient direction in `difference`.
    float score(int32_t item) {
        items_.represent(item, difference_, width_);
        const float score = dot(user_row_, difference_, width_) + user_bias_;
        difference_[n_components_] = 1;
        return score;
    }

    // Return the exact score(item) - score(other); store the difference of their rows in `difference`. The user's bias
    // cancels.
    float margin(int32_t item, int32_t other) {
        if (items_.identity) {
            const float* a = items_.parameters(item);
            const float* b = items_.parameters(other);
            float* __restrict difference = difference_;
            const float scale = items_.scale;
            for (int64_t j = 0; j < width_; ++j) difference[j] = scale * (a[j] - b[j]);
        } else {
            for (int64_t j = 0; j < width_; ++j) difference_[j] = 0;
            for_each_unshared(items_.features, item, other, [&](int32_t feature, float weight) {
                add_scaled(difference_, items_.parameters(feature), items_.scale * weight, width_);
            });
        }
        const float margin = dot(user_row_, difference_, width_);
        difference_[n_components_] = 0;
        return margin;
    }

    // Call visit(feature, weight in a - weight in b) for the features of two rows, except where the weights are equal.
    template <class Visit>
    static void for_each_unshared(const Csr& features, int64_t a, int64_t b, Visit visit) {
        int64_t i = features.begin(a), j = features.begin(b);
        const int64_t i_end = features.end(a), j_end = features.end(b);
        while (i < i_end && j < j_end) {
            const int32_t left = features.indices[i], right = features.indices[j];
            if (left < right) {
                visit(left, features.data[i++]);
            } else if (right < left) {
                visit(right, -features.data[j++]);
            } else {
                const float weight = features.data[i++] - features.data[j++];
                if (weight != 0) visit(left, weight);
            }
        }
        for (; i < i_end; ++i) visit(features.indices[i], features.data[i]);
        for (; j < j_end; ++j) visit(features.indices[j], -features.data[j]);
    }

  private:
    const Side& users_;
    const Side& items_;
    const Matrix& cache_;
    int n_components_;
    W width_;
    float* user_row_ = nullptr;
    float* difference_ = nullptr;
    float user_bias_ = 0;
};

// The logistic function of x and its integral, log(1 + exp(x)), from one exponential and without overflow. The integral's
// absolute error is below 1e-7: enough for a sum of losses, and faster than log1p.
struct Sigmoid {
    float value, integral;
};
inline Sigmoid sigmoid(float x) {
    const float below_one = std::exp(-std::fabs(x));
    return {(x < 0 ? below_one : 1) / (1 + below_one), std::max(x, 0.0f) + std::log(1 + below_one)};
}

// The example of a pair.
inline Example pair_example(const Examples& examples, int64_t at) {
    return {examples.user[at], examples.item[at], examples.weight ? examples.weight[at] : 1.0f, 1.0f};
}

}  // namespace gingham
