// k-th order statistic WARP (Weston, Yee and Weiss 2013): of n positives drawn from a user's, the k-th best is trained.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "warp.hpp"

namespace gingham {

struct WarpKos {
    static constexpr bool kSamples = true;  // whether it looks at the user's positives
    static constexpr bool kSearches = true;
    const Examples& examples;
    Search search;
    int k;
    int n;

    WarpKos(const Examples& examples, Search search, int k, int n)
        : examples(examples), search(std::move(search)), k(k), n(n) {}

    // One step a pair, of which only the user counts: active users are trained more often.
    int64_t size() const { return examples.size; }
    Example example(int64_t at) const { return {examples.user[at], -1, 1.0f, 1.0f}; }

    void prefetch_draws(Random) const {}
    template <class Visit>
    void foresee(const Example& example, Random random, Visit visit) const {
        draw_positives(example.user, random);
        for (const int64_t at : drawn_) visit(examples.positives.indices[at]);
        foresee_draws(search, random, visit);
    }

    template <class Step>
    Update sample(Step& step, const Example& example, Random& random) const {
        const Csr& positives = examples.positives;
        draw_positives(example.user, random);
        if (drawn_.empty()) return {};
        const size_t wanted = std::min<size_t>(k, drawn_.size());
        scores_.resize(drawn_.size());
        best_.assign(wanted, -std::numeric_limits<float>::infinity());
        for (size_t draw = 0; draw < drawn_.size(); ++draw) {
            scores_[draw] = step.search_score(positives.indices[drawn_[draw]]);
            keep_best(best_.data(), wanted, scores_[draw]);
        }
        const float score = best_[wanted - 1];
        const int64_t at = drawn_[std::find(scores_.begin(), scores_.end() - 1, score) - scores_.begin()];
        const float weight = positives.data ? positives.data[at] : 1.0f;
        return search_violation(step, examples, example.user, positives.indices[at], score, weight, search, random);
    }

  private:
    // Draws as many of the user's positives as there are, n at most, with repeats.
    void draw_positives(int64_t user, Random& random) const {
        const int64_t begin = examples.positives.begin(user);
        const int64_t count = examples.positives.end(user) - begin;
        const int64_t size = std::min<int64_t>(n, count);
        drawn_.resize((size + 1) / 2 * 2);
        for (size_t draw = 0; draw < drawn_.size(); draw += 2) {
            const auto [first, second] = random.two_below(count);
            drawn_[draw] = begin + first;
            drawn_[draw + 1] = begin + second;
        }
        drawn_.resize(size);
    }

    // Keeps the best scores sorted. It takes no branch that depends on a score, which a processor would guess wrong half
    // of the time.
    static void keep_best(float* best, size_t size, float score) {
        for (size_t place = 0; place < size; ++place) {
            const float higher = std::max(best[place], score);
            score = std::min(best[place], score);
            best[place] = higher;
        }
    }

    // Room for a step's draws; each thread has a loss of its own.
    mutable std::vector<int64_t> drawn_;
    mutable std::vector<float> scores_, best_;
};

}  // namespace gingham
