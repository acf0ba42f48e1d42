// WARP (Weston, Bengio and Usunier 2011): look for a negative that ranks too high, and push harder the sooner it turns up.
#pragma once

#include <algorithm>

#include "step.hpp"

namespace gingham {

// The largest push a single step may give.
inline constexpr float kMaxLoss = 10.0f;

// Draws up to `max_sampled` items for one that scores above the positive's score - 1 and is no positive of the user.
template <class Step>
Update search_violation(
    Step& step, const Examples& examples, int64_t user, int32_t item, float weight, int64_t n_items, int max_sampled,
    Random& random) {
    Update update;
    const float threshold = step.search_score(item) - 1;
    for (int sampled = 1; sampled <= max_sampled; ++sampled) {
        const auto other = static_cast<int32_t>(random.below(n_items));
        if (!(step.search_score(other) > threshold)) continue;
        step.expect(other);
        if (examples.positives.contains(user, other)) continue;
        const float margin = step.margin(item, other);
        if (!(margin < 1)) continue;
        const float rank = std::fmax(1.0f, static_cast<float>((n_items - 1) / sampled));
        const float push = std::fmin(kMaxLoss, weight * std::log(rank));
        update.item = item;
        update.other = other;
        update.gradient = -push;
        update.loss = push * (1 - margin);
        break;
    }
    return update;
}

// How many of a search's draws are worth fetching before it begins.
inline constexpr int kForeseen = 4;

struct Warp {
    static constexpr bool kSamples = true;  // whether it looks at the user's positives
    const Examples& examples;
    int64_t n_items;
    int max_sampled;

    int64_t size() const { return examples.size; }
    Example example(int64_t at) const { return pair_example(examples, at); }
    void prefetch_draws(Random) const {}
    template <class Visit>
    void foresee(const Example&, Random random, Visit visit) const {
        for (int draw = 0; draw < std::min(kForeseen, max_sampled); ++draw)
            visit(static_cast<int32_t>(random.below(n_items)));
    }

    template <class Step>
    Update sample(Step& step, const Example& example, Random& random) const {
        return search_violation(
            step, examples, example.user, example.item, example.weight, n_items, max_sampled, random);
    }
};

}  // namespace gingham
