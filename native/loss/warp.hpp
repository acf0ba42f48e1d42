// WARP (Weston, Bengio and Usunier 2011): look for a negative that ranks too high, and push harder the sooner it turns up.
#pragma once

#include <algorithm>

#include "step.hpp"

namespace gingham {

// The largest push a single step may give.
inline constexpr float kMaxLoss = 10.0f;

// How negatives are searched for: among n_items, with so many tries at most.
struct Search {
    Search(int64_t n_items, int max_sampled) : n_items(n_items), max_sampled(max_sampled) {
        for (int sampled = 1; sampled <= max_sampled; ++sampled)
            push.push_back(std::log(static_cast<float>(std::max<int64_t>(1, (n_items - 1) / sampled))));
    }

    int64_t n_items;
    int max_sampled;
    // The push for a violation found at the first try, the second ...: the logarithm of the rank that this suggests.
    std::vector<float> push;
};

// Draws items for one that scores above the positive's score - 1 and is no positive of the user.
template <class Step>
Update search_violation(
    Step& step, const Examples& examples, int64_t user, int32_t item, float score, float weight, const Search& search,
    Random& random) {
    Update update;
    for (int sampled = 0; sampled < search.max_sampled; ++sampled) {
        const auto other = static_cast<int32_t>(random.below(search.n_items));
        if (!(step.search_score(other) > score - 1)) continue;
        step.expect(other);
        if (examples.positives.contains(user, other)) continue;
        const float margin = step.margin(item, other);
        if (!(margin < 1)) continue;
        const float push = std::min(kMaxLoss, weight * search.push[sampled]);
        update.item = item;
        update.other = other;
        update.gradient = -push;
        update.loss = push * (1 - margin);
        break;
    }
    return update;
}

// Visits the draws of a search that are worth fetching before it begins.
template <class Visit>
void foresee_draws(const Search& search, Random random, Visit visit) {
    constexpr int kForeseen = 2;
    for (int draw = 0; draw < std::min(kForeseen, search.max_sampled); ++draw)
        visit(static_cast<int32_t>(random.below(search.n_items)));
}

struct Warp {
    static constexpr bool kSamples = true;  // whether it looks at the user's positives
    static constexpr bool kSearches = true;  // whether it looks for a negative that ranks too high
    const Examples& examples;
    Search search;

    int64_t size() const { return examples.size; }
    Example example(int64_t at) const { return pair_example(examples, at); }
    void prefetch_draws(Random) const {}
    template <class Visit>
    void foresee(const Example&, Random random, Visit visit) const {
        foresee_draws(search, random, visit);
    }

    template <class Step>
    Update sample(Step& step, const Example& example, Random& random) const {
        const float score = step.search_score(example.item);
        return search_violation(step, examples, example.user, example.item, score, example.weight, search, random);
    }
};

}  // namespace gingham
