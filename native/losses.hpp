// The losses. Each is a struct that chooses what a step trains on; a list of them at the end of the file makes them
// known to the kernel. Their names and what they need of the training data are also in src/gingham/models/loss.py.
//
// A loss has
//   kName            its name in Python
//   kReadsPositives  whether it looks up the user's positives, so that these are prefetched
//   kSearches        whether it scores items of the whole catalogue in search of a negative
//   missing()        the error message for examples that it cannot train on, or nullptr
//   size()           steps in an epoch
//   example(at)      the example of a step; its item is -1 if sample() draws it
//   prefetch_draws() prefetches what foresee() reads
//   foresee()        visits items that the step will probably read; it has a copy of the step's random numbers
//   sample()         the step's update
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "step.hpp"

namespace gingham {

// What a model passes to its loss besides the examples.
struct LossOptions {
    int64_t n_items;
    int max_sampled;
    int k;
    int n;
};

// Logistic loss of pairs with a target of one or zero.
struct Logistic {
    static constexpr const char* kName = "logistic";
    static constexpr bool kReadsPositives = false;
    static constexpr bool kSearches = false;
    const Examples& examples;

    Logistic(const Examples& examples, const LossOptions&) : examples(examples) {}

    static const char* missing(const Examples& examples) {
        return examples.target ? nullptr : "logistic needs a target for each pair";
    }
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
        const auto [probability, integral] = sigmoid(score);
        Update update;
        update.item = example.item;
        update.gradient = example.weight * (probability - example.target);
        update.loss = example.weight * (integral - example.target * score);
        return update;
    }
};

// Bayesian personalised ranking (Rendle et al. 2009): a positive against one negative drawn by popularity.
struct Bpr {
    static constexpr const char* kName = "bpr";
    static constexpr bool kReadsPositives = true;
    static constexpr bool kSearches = false;
    // A user with nearly every item as a positive has few negatives: after this many draws the step is skipped, because
    // training on a positive as if it were a negative would be wrong.
    static constexpr int kMaxDraws = 64;
    const Examples& examples;

    Bpr(const Examples& examples, const LossOptions&) : examples(examples) {}

    static const char* missing(const Examples& examples) {
        return examples.pool_size > 0 || examples.size == 0 ? nullptr : "bpr needs items to draw from";
    }
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
            const auto [error, loss] = sigmoid(-step.margin(example.item, other));
            update.item = example.item;
            update.other = other;
            update.gradient = -example.weight * error;
            update.loss = example.weight * loss;
            break;
        }
        return update;
    }
};

// The largest gradient of a WARP step.
inline constexpr float kMaxLoss = 10.0f;

// The search for a negative of WARP and k-OS WARP: draws among all items, at most max_sampled of them.
struct Search {
    // A violation that is found after as many draws as there are items has no gradient, so that more draws are a waste.
    static constexpr int64_t kFewItems = 1024;

    explicit Search(const LossOptions& options)
        : n_items(options.n_items),
          max_sampled(static_cast<int>(std::min<int64_t>(options.max_sampled, std::max(n_items, kFewItems)))) {
        for (int sampled = 1; sampled <= max_sampled; ++sampled)
            push.push_back(std::log(static_cast<float>(std::max<int64_t>(1, (n_items - 1) / sampled))));
    }

    int64_t n_items;
    int max_sampled;
    // The gradient if the first draw is a violation, the second, ...: the logarithm of the rank that this suggests.
    std::vector<float> push;
};

// Draw items until one scores above the positive's score - 1 and is not a positive of the user.
template <class Step>
Update search_violation(
    Step& step, const Examples& examples, int64_t user, int32_t item, float score, float weight, const Search& search,
    Random& random) {
    Update update;
    for (int sampled = 0; sampled < search.max_sampled; ++sampled) {
        const auto other = static_cast<int32_t>(random.below(search.n_items));
        if (!(step.search_score(other) > score - 1)) continue;
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

// Visit the draws of a search that are worth prefetching.
template <class Visit>
void foresee_draws(const Search& search, Random random, Visit visit) {
    constexpr int kForeseen = 2;
    for (int draw = 0; draw < std::min(kForeseen, search.max_sampled); ++draw)
        visit(static_cast<int32_t>(random.below(search.n_items)));
}

// WARP (Weston, Bengio and Usunier 2011): search for a negative that ranks too high. The fewer draws that takes, the
// larger the step.
struct Warp {
    static constexpr const char* kName = "warp";
    static constexpr bool kReadsPositives = true;
    static constexpr bool kSearches = true;
    const Examples& examples;
    Search search;

    Warp(const Examples& examples, const LossOptions& options) : examples(examples), search(options) {}

    static const char* missing(const Examples&) { return nullptr; }
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

// k-th order statistic WARP (Weston, Yee and Weiss 2013): of n positives drawn from a user's, the k-th best is trained.
struct WarpKos {
    static constexpr const char* kName = "warp-kos";
    static constexpr bool kReadsPositives = true;
    static constexpr bool kSearches = true;
    const Examples& examples;
    Search search;
    int k;
    int n;

    WarpKos(const Examples& examples, const LossOptions& options)
        : examples(examples), search(options), k(options.k), n(options.n) {}

    static const char* missing(const Examples&) { return nullptr; }
    // One step per pair, of which only the user counts: active users are trained more often.
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
        const size_t place = std::min<size_t>(k, drawn_.size());
        scores_.resize(drawn_.size());
        best_.assign(place, -std::numeric_limits<float>::infinity());
        for (size_t draw = 0; draw < drawn_.size(); ++draw) {
            scores_[draw] = step.search_score(positives.indices[drawn_[draw]]);
            keep_best(best_.data(), place, scores_[draw]);
        }
        const float score = best_[place - 1];
        const int64_t at = drawn_[std::find(scores_.begin(), scores_.end() - 1, score) - scores_.begin()];
        const float weight = positives.data ? positives.data[at] : 1.0f;
        return search_violation(step, examples, example.user, positives.indices[at], score, weight, search, random);
    }

  private:
    // Draw as many of the user's positives as the user has, at most n, with replacement.
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

    // Keep the best scores sorted. No branch depends on a score: the processor would mispredict half of them.
    static void keep_best(float* best, size_t size, float score) {
        for (size_t place = 0; place < size; ++place) {
            const float higher = std::max(best[place], score);
            score = std::min(best[place], score);
            best[place] = higher;
        }
    }

    // Memory for a step's draws; each thread has its own copy of the loss.
    mutable std::vector<int64_t> drawn_;
    mutable std::vector<float> scores_, best_;
};

template <class... Losses>
struct LossList {
    // Return use(loss) for the loss with this name.
    template <class Use>
    static double with(const std::string& name, const Examples& examples, const LossOptions& options, Use use) {
        double result = 0;
        const auto matches = [&]<class Loss>() {
            if (name != Loss::kName) return false;
            if (const char* message = Loss::missing(examples)) throw std::invalid_argument(message);
            result = use(Loss(examples, options));
            return true;
        };
        if (!(matches.template operator()<Losses>() || ...)) throw std::invalid_argument("unknown loss " + name);
        return result;
    }
};

// Every loss that the kernel knows. To add one: write its struct above, and add it here.
using AllLosses = LossList<Logistic, Bpr, Warp, WarpKos>;

}  // namespace gingham
