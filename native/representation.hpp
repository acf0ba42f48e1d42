// Feature rows x parameters -> representation: the weighted sum of an entity's feature rows (Kula 2015).
#pragma once

#include "matrix.hpp"
#include "optimizer.hpp"

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
    constexpr int kSums = 2 * kRowAlignment;
    float sums[kSums] = {};
    int64_t j = 0;
    for (; j + kSums <= width; j += kSums)
        for (int at = 0; at < kSums; ++at) sums[at] += a[j + at] * b[j + at];
    for (; j < width; j += kRowAlignment)
        for (int at = 0; at < kRowAlignment; ++at) sums[at] += a[j + at] * b[j + at];
    float sum = 0;
    for (int at = 0; at < kSums; ++at) sum += sums[at];
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
    Penalty penalty;
    // How much all parameters of the side have to shrink: `state` is divided by it when the epoch ends. Meanwhile scores
    // read parameters times the scale, not divided by it; LightFM does so, and an alpha means the same only if we do, too.
    float scale = 1;

    // The owner of each row; see lanes.hpp.
    const uint8_t* owners = nullptr;

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
    // Prefetch what represent() will read that is not in a cache already: the row of the rarest feature, the entity's own,
    // which comes first; the others are shared. `length` is that of the parameters, or of the whole row.
    void prefetch_rows(int64_t entity, int64_t length) const {
        if (identity) return prefetch_row(state.row(entity), length);
        if (features.begin(entity) == features.end(entity)) return;
        const int32_t rarest = features.indices[features.begin(entity)];
        prefetch_row(state.row(rarest), length);
        gingham::prefetch(owners + rarest);
    }

    template <class Width>
    void represent(int64_t entity, float* __restrict out, Width width) const {
        const float factor = scale;
        if (identity) {
            const float* __restrict row = parameters(entity);
            for (int64_t j = 0; j < width; ++j) out[j] = factor * row[j];
            return;
        }
        int64_t at = features.begin(entity);
        const int64_t end = features.end(entity);
        // Assign the first row instead of adding it to zeros.
        const float* __restrict first = at < end ? parameters(features.indices[at]) : nullptr;
        const float weight = at < end ? factor * features.data[at] : 0;
        for (int64_t j = 0; j < width; ++j) out[j] = first ? weight * first[j] : 0;
        for (++at; at < end; ++at)
            add_scaled(out, parameters(features.indices[at]), factor * features.data[at], width);
    }
};

}  // namespace gingham
