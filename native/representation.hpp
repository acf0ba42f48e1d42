// Feature rows x parameters -> representation: the weighted sum of an entity's feature rows (Kula 2015).
#pragma once

#include "matrix.hpp"

namespace gingham {

// The length of a row: known at compile time (so that loops are unrolled and stay in registers) or only at run time.
template <int W>
struct FixedWidth {
    constexpr operator int64_t() const { return W; }
};
struct AnyWidth {
    int64_t value;
    operator int64_t() const { return value & -kRowAlignment; }
};

// Several partial sums hide the latency of the additions.
template <class Width>
float dot(const float* __restrict a, const float* __restrict b, Width width) {
    float lanes[kRowAlignment] = {};
    for (int64_t j = 0; j < width; j += kRowAlignment)
        for (int lane = 0; lane < kRowAlignment; ++lane) lanes[lane] += a[j + lane] * b[j + lane];
    float sum = 0;
    for (int lane = 0; lane < kRowAlignment; ++lane) sum += lanes[lane];
    return sum;
}

template <class Width>
void add_scaled(float* __restrict out, const float* __restrict row, float weight, Width width) {
    for (int64_t j = 0; j < width; ++j) out[j] += weight * row[j];
}

// One side of the model (users or items). A feature's row of `state` is [parameters | gradients | momentum]: all that a
// step reads and writes is in one place, on one page. Parameters are [embedding, bias, zeros up to the width].
// Gradients and momentum are the optimizer's memory, if it has any.
struct Side {
    Matrix state;
    Csr features;
    // Whether every entity has only its own feature with weight one: then its representation is a row of parameters.
    bool identity = false;
    float alpha = 0;

    int64_t entities() const { return identity ? state.rows : features.rows; }
    const float* parameters(int64_t feature) const { return state.row(feature); }

    void prefetch_offsets(int64_t entity) const {
        if (!identity) gingham::prefetch(features.indptr + entity);
    }
    void prefetch_features(int64_t entity) const {
        if (identity) return;
        gingham::prefetch(features.indices + features.begin(entity));
        gingham::prefetch(features.data + features.begin(entity));
    }
    void prefetch_rows(int64_t entity) const {
        if (identity) return prefetch_row(state.row(entity), state.stride);
        // The rarest feature, the entity's own, comes first; the others are shared and mostly in a cache.
        if (features.begin(entity) < features.end(entity))
            prefetch_row(state.row(features.indices[features.begin(entity)]), state.stride);
    }

    template <class Width>
    void represent(int64_t entity, float* __restrict out, Width width) const {
        if (identity) {
            const float* row = parameters(entity);
            for (int64_t j = 0; j < width; ++j) out[j] = row[j];
            return;
        }
        for (int64_t j = 0; j < width; ++j) out[j] = 0;
        for (int64_t at = features.begin(entity); at < features.end(entity); ++at)
            add_scaled(out, parameters(features.indices[at]), features.data[at], width);
    }
};

}  // namespace gingham
