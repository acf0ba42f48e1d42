// Properties of recommendation lists: items that the user had before, and the similarity of the items of a list.
#pragma once

#include <cstdint>
#include <vector>

#include "matrix.hpp"

namespace gingham {

// Item columns, best first; -1 after the end of a list.
struct Lists {
    const int32_t* items = nullptr;
    int64_t n_users = 0;
    int64_t k = 0;

    const int32_t* row(int64_t user) const { return items + user * k; }
};

// out[user][place]: whether the item at that place is in the user's row of `history`.
inline void mark_repeats(const Lists& lists, const Csr& history, bool* out) {
    for (int64_t user = 0; user < lists.n_users; ++user)
        for (int64_t place = 0; place < lists.k; ++place) {
            const int32_t item = lists.row(user)[place];
            *out++ = item >= 0 && history.contains(user, item);
        }
}

// out[user][place]: the sum of the dot products of the features of all pairs of items up to that place.
inline void sum_products(const Lists& lists, const Csr& features, int64_t n_features, double* out) {
    std::vector<float> total(n_features, 0.0f);
    for (int64_t user = 0; user < lists.n_users; ++user) {
        const int32_t* items = lists.row(user);
        double sum = 0;
        for (int64_t place = 0; place < lists.k; ++place) {
            if (items[place] >= 0)
                for (int64_t at = features.begin(items[place]); at < features.end(items[place]); ++at) {
                    float& before = total[features.indices[at]];
                    sum += static_cast<double>(features.data[at]) * before;
                    before += features.data[at];
                }
            *out++ = sum;
        }
        // Clear only the features that were used: there may be many more.
        for (int64_t place = 0; place < lists.k; ++place)
            if (items[place] >= 0)
                for (int64_t at = features.begin(items[place]); at < features.end(items[place]); ++at)
                    total[features.indices[at]] = 0.0f;
    }
}

}  // namespace gingham
