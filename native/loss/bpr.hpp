// Bayesian personalised ranking (Rendle et al. 2009): a positive against one negative drawn by popularity.
#pragma once

#include "step.hpp"

namespace gingham {

struct Bpr {
    static constexpr bool kSamples = true;  // whether it looks at the user's positives
    static constexpr bool kSearches = false;
    // A user who bought nearly everything has few negatives: give up after this many draws rather than train on a
    // positive as if it were a negative.
    static constexpr int kMaxDraws = 64;
    const Examples& examples;

    int64_t size() const { return examples.size; }
    Example example(int64_t at) const { return pair_example(examples, at); }
    void prefetch_draws(Random random) const { gingham::prefetch(examples.pool + random.below(examples.pool_size)); }
    template <class Visit>
    void foresee(const Example&, Random random, Visit visit) const {
        visit(examples.pool[random.below(examples.pool_size)]);
    }

    template <class Step>
    Update sample(Step& step, const Example& example, Random& random) const {
        Update update;
        for (int draw = 0; draw < kMaxDraws; ++draw) {
            const int32_t other = examples.pool[random.below(examples.pool_size)];
            if (examples.positives.contains(example.user, other)) continue;
            const float margin = step.margin(example.item, other);
            update.item = example.item;
            update.other = other;
            update.gradient = -example.weight * sigmoid(-margin);
            update.loss = example.weight * softplus(-margin);
            break;
        }
        return update;
    }
};

}  // namespace gingham
