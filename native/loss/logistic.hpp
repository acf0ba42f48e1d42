// Logistic loss on pairs labelled one or zero.
#pragma once

#include "step.hpp"

namespace gingham {

struct Logistic {
    static constexpr bool kSamples = false;  // whether it looks at the user's positives
    static constexpr bool kSearches = false;
    const Examples& examples;

    int64_t size() const { return examples.size; }
    Example example(int64_t at) const {
        Example example = pair_example(examples, at);
        example.target = examples.target[at];
        return example;
    }
    void prefetch_draws(Random) const {}
    template <class Visit>
    void foresee(const Example&, Random, Visit) const {}

    template <class Step>
    Update sample(Step& step, const Example& example, Random&) const {
        const float score = step.score(example.item);
        Update update;
        update.item = example.item;
        update.gradient = example.weight * (sigmoid(score) - example.target);
        update.loss = example.weight * (softplus(score) - example.target * score);
        return update;
    }
};

}  // namespace gingham
