// One epoch on several threads. Only here do threads write to the same memory: they update parameters without locks
// (Hogwild; Recht et al. 2011). A few updates are lost; in return threads never wait.
#pragma once

#include <array>
#include <atomic>

#include "optimizer.hpp"
#include "parallel.hpp"
#include "step.hpp"

namespace gingham {

struct Epoch {
    Side users;
    Side items;
    Matrix item_cache;  // representations of items; no rows if items have no features
    int n_components;
    int64_t width;  // length of a row of parameters
    uint64_t seed;
    int n_threads;

    void prefetch_draw(int32_t item, bool searches) const {
        if (items.identity) return prefetch_row(items.parameters(item), width);
        prefetch_item(item, searches);
    }
    void prefetch_item(int32_t item, bool searches) const {
        if (items.identity || !searches) return items.prefetch_rows(item);
        prefetch_row(item_cache.row(item), width);
    }
};

// Steps between two reports of progress; the cancel flag is read at the same time.
inline constexpr int64_t kReportEvery = 1024;

template <class Optimizer, class W>
void update_feature(
    const Side& side, const Optimizer& optimizer, int64_t feature, const float* gradient, float weight, W width) {
    float* row = side.state.row(feature);
    optimizer.step(Row{row, row + width, row + 2 * width}, gradient, weight, side.alpha, width);
}

template <class Optimizer, class W>
void update_entity(
    const Side& side, const Optimizer& optimizer, int64_t entity, const float* gradient, float scale, W width) {
    if (side.identity) return update_feature(side, optimizer, entity, gradient, scale, width);
    for (int64_t at = side.features.begin(entity); at < side.features.end(entity); ++at)
        update_feature(side, optimizer, side.features.indices[at], gradient, scale * side.features.data[at], width);
}

template <class Optimizer, class W>
void apply(
    const Epoch& epoch, const Optimizer& optimizer, const Step<W>& step, int64_t user, const Update& update, W width) {
    const Side& items = epoch.items;
    // The user first: the row of a negative that was just sampled may still be loading from memory.
    update_entity(epoch.users, optimizer, user, step.difference(), update.gradient, width);
    update_entity(items, optimizer, update.item, step.user_row(), update.gradient, width);
    // A feature that both items have is updated in both directions and hardly moves, but both gradients enter the
    // optimizer's memory, as in LightFM. Without them, steps stay too large with adagrad and never grow with adadelta.
    if (update.other >= 0) update_entity(items, optimizer, update.other, step.user_row(), -update.gradient, width);
}

// Prefetches what the next steps will read, while the current ones compute. Each stage reads what the stage before it
// fetched: the pair, then where its rows begin, then which rows, then the rows themselves.
template <class Loss>
class LookAhead {
  public:
    LookAhead(const Epoch& epoch, const Loss& loss, Range range)
        : epoch_(epoch), loss_(loss), order_(loss.size(), mix(epoch.seed)), last_(range.last) {
        for (int64_t at = range.first - kStages * kDistance; at < range.first; ++at) advance(at, range.first);
    }

    // Return the example of a step, after prefetching for later steps.
    Example operator()(int64_t at) {
        advance(at, at);
        return slots_[at % kSlots].example;
    }

  private:
    static constexpr int64_t kDistance = 1;  // steps between two stages
    static constexpr int64_t kStages = 4;
    static constexpr int64_t kSlots = 16;    // more than kStages * kDistance; a power of two
    struct Slot {
        int64_t pair;
        Example example;
    };

    void advance(int64_t at, int64_t first) {
        if (Slot* slot = slot_at(at + 4 * kDistance, first)) {
            slot->pair = order_(at + 4 * kDistance);
            loss_.examples.prefetch(slot->pair);
        }
        if (Slot* slot = slot_at(at + 3 * kDistance, first)) {
            slot->example = loss_.example(slot->pair);
            if (Loss::kReadsPositives) gingham::prefetch(loss_.examples.positives.indptr + slot->example.user);
            epoch_.users.prefetch_offsets(slot->example.user);
        }
        if (const Slot* slot = slot_at(at + 2 * kDistance, first)) {
            if (Loss::kReadsPositives) loss_.examples.prefetch_positives(slot->example.user);
            epoch_.users.prefetch_features(slot->example.user);
            loss_.prefetch_draws(Random(epoch_.seed, at + 2 * kDistance));
        }
        if (const Slot* slot = slot_at(at + kDistance, first)) {
            epoch_.users.prefetch_rows(slot->example.user);
            if (slot->example.item >= 0) epoch_.prefetch_item(slot->example.item, Loss::kSearches);
            loss_.foresee(slot->example, Random(epoch_.seed, at + kDistance),
                          [this](int32_t item) { epoch_.prefetch_draw(item, Loss::kSearches); });
        }
    }

    Slot* slot_at(int64_t at, int64_t first) {
        return first <= at && at < last_ ? &slots_[at % kSlots] : nullptr;
    }

    const Epoch& epoch_;
    const Loss& loss_;
    Order order_;
    int64_t last_;
    std::array<Slot, kSlots> slots_{};
};

template <class W>
void refresh_cache(const Epoch& epoch, Range items, W width) {
    for (int64_t item = items.first; item < items.last; ++item)
        epoch.items.represent(item, epoch.item_cache.row(item), width);
}

template <class Loss, class Optimizer, class W>
double train_share(
    const Epoch& epoch, const Loss& shared, const Optimizer& optimizer, int thread, Progress& progress, W width) {
    const Loss loss = shared;  // a copy per thread: a loss may have scratch memory
    const Range range = share(loss.size(), thread, epoch.n_threads);
    const Range cached = share(epoch.item_cache.rows, thread, epoch.n_threads);
    // The search must not use representations that are much older than the parameters.
    const int64_t refresh_every = std::max<int64_t>(1, (cached.last - cached.first) / Optimizer::kRefreshes);
    LookAhead<Loss> look_ahead(epoch, loss, range);
    Step<W> step(epoch.users, epoch.items, epoch.item_cache, epoch.n_components, width);
    double total = 0;
    for (int64_t at = range.first; at < range.last; ++at) {
        const int64_t done = at - range.first;
        if (done % kReportEvery == 0) {
            if (progress.cancelled()) break;
            progress.add(std::min(kReportEvery, range.last - at));
        }
        if (Loss::kSearches && cached.last > 0 && done > 0 && done % refresh_every == 0)
            refresh_cache(epoch, cached, width);
        const Example example = look_ahead(at);
        Random random(epoch.seed, at);
        step.set_user(example.user);
        const Update update = loss.sample(step, example, random);
        if (update.item < 0) continue;
        total += update.loss;
        apply(epoch, optimizer, step, example.user, update, width);
    }
    return total;
}

// Return the sum of the steps' losses. The sum is meaningless if `completed` is false.
template <class Loss, class Optimizer, class W>
double train_epoch(
    const Epoch& epoch, const Loss& loss, const Optimizer& optimizer, W width, Monitor& monitor, bool& completed) {
    std::vector<double> totals(epoch.n_threads, 0.0);
    completed = true;
    if (Loss::kSearches && epoch.item_cache.rows > 0)
        completed = run_threads(epoch.n_threads, monitor, [&](int thread, Progress&) {
            refresh_cache(epoch, share(epoch.item_cache.rows, thread, epoch.n_threads), width);
        });
    completed = completed && run_threads(epoch.n_threads, monitor, [&](int thread, Progress& progress) {
        totals[thread] = train_share(epoch, loss, optimizer, thread, progress, width);
    });
    double total = 0;
    for (const double part : totals) total += part;
    return total;
}

}  // namespace gingham
