// k-th order statistic WARP (Weston, Yee and Weiss 2013): of n positives drawn from a user's, the k-th best is trained.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "warp.hpp"

namespace gingham {

struct WarpKos {
    static constexpr bool kSamples = true;  // whether it looks at the user's positives
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
        if (drawn == 0) return {};
        thread_local Draws draws;
        draws.resize(drawn);
        for (int draw = 0; draw < drawn; ++draw) {
            draws.at[draw] = begin + random.below(count);
            draws.score[draw] = step.search_score(positives.indices[draws.at[draw]]);
        }
        const int64_t at = draws.at[draws.best(std::min(k, drawn) - 1)];
        const float weight = positives.data ? positives.data[at] : 1.0f;
        return search_violation(
            step, examples, example.user, positives.indices[at], weight, n_items, max_sampled, random);
    }

  private:
    struct Draws {
        std::vector<int64_t> at;
        std::vector<float> score;  // padded to whole vectors with what no score is below

        void resize(int drawn) {
            at.resize(drawn);
            score.assign((drawn + kRowAlignment - 1) / kRowAlignment * kRowAlignment,
                         -std::numeric_limits<float>::infinity());
        }

        // A draw that so many others score above. Counting them takes no branch that depends on the scores, which is
        // several times faster than a selection that moves them. Of equal scores, the one drawn first.
        int best(int others) const {
            const int drawn = static_cast<int>(at.size()), size = static_cast<int>(score.size());
            for (int draw = 0; draw < drawn; ++draw) {
                int above = 0, level = 0;
                for (int j = 0; j < size; ++j) {
                    above += score[j] > score[draw];
                    level += score[j] == score[draw];
                }
                if (above <= others && others < above + level) return draw;
            }
            return 0;  // only scores that are no numbers come here
        }
    };
};

}  // namespace gingham
