// k-th order statistic WARP (Weston, Yee and Weiss 2013): of n positives drawn from a user's, the k-th best is trained.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "warp.hpp"

namespace gingham {

struct WarpKos {
    const Examples& examples;
    int64_t n_items;
    int max_sampled;
    int k;
    int n;

    // One step a pair, of which only the user counts: active users are trained more often.
    int64_t size() const { return examples.size; }
    Example example(int64_t at) const { return {examples.user[at], -1, 1.0f, 1.0f}; }

    void prefetch_draws(Random) const {}
    template <class Visit>
    void foresee(const Example& example, Random random, Visit visit) const {
        const int64_t begin = examples.positives.begin(example.user);
        const int64_t count = examples.positives.end(example.user) - begin;
        const int64_t drawn = std::min<int64_t>(n, count);
        for (int64_t draw = 0; draw < drawn; ++draw) visit(examples.positives.indices[begin + random.below(count)]);
        for (int draw = 0; draw < kForeseen; ++draw) visit(static_cast<int32_t>(random.below(n_items)));
    }

    template <class Step>
    Update sample(Step& step, const Example& example, Random& random) const {
        const Csr& positives = examples.positives;
        const int64_t begin = positives.begin(example.user);
        const int64_t count = positives.end(example.user) - begin;
        const int drawn = static_cast<int>(std::min<int64_t>(n, count));
        thread_local std::vector<std::pair<float, int64_t>> candidates;
        candidates.resize(drawn);
        for (auto& [score, at] : candidates) {
            at = begin + random.below(count);
            score = step.search_score(positives.indices[at]);
        }
        const auto kth = candidates.begin() + (std::min(k, drawn) - 1);
        std::nth_element(candidates.begin(), kth, candidates.end(), std::greater<>());
        const int64_t at = kth->second;
        return search_violation(
            step, examples, example.user, positives.indices[at], positives.data[at], n_items, max_sampled, random);
    }
};

}  // namespace gingham
