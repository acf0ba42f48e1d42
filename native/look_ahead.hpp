// Prefetches what the next steps will read, while the current ones compute.
#pragma once

#include <array>
#include <cstdint>

#include "lanes.hpp"
#include "step.hpp"

namespace gingham {

// What look-ahead and training have in common.
struct Epoch {
    Side users;
    Side items;
    Matrix item_cache;  // representations of items; no rows if items have no features
    int n_components;
    int64_t width;  // length of a row of parameters
    uint64_t seed;
    Plan plan;

    void prefetch_item(int32_t item, bool searches) const {
        if (items.identity || !searches) return items.prefetch_rows(item, width);
        prefetch_row(item_cache.row(item), width);
    }
};

// The steps of a piece in a block. Each stage of prefetching reads what a stage before it fetched: the pair, then where
// its rows begin, then which rows, then the rows themselves.
template <class Loss>
class LookAhead {
  public:
    struct Planned {
        int64_t position;  // in the epoch; determines the step's draws
        int64_t pair;
        int lane;
        Example example;
    };

    LookAhead(const Epoch& epoch, const Loss& loss, Orders& orders, Range lanes, Range block)
        : epoch_(epoch), loss_(loss), orders_(orders), walk_(epoch.plan, lanes, block) {
        while (at_ < 0) advance();
    }

    int64_t size() const { return size_; }

    // Return the next step, after prefetching for later ones; nullptr at the end. It is valid until the next call.
    const Planned* next() {
        if (at_ >= size_) return nullptr;
        const Planned* step = &steps_[at_ % kSlots];
        advance();
        return step;
    }

  private:
    // How many steps ahead each stage works.
    static constexpr int64_t kPair = 6, kExample = 5, kUser = 4, kDraws = 2, kRows = 1;
    static constexpr int64_t kSlots = 16;  // more than kPair; a power of two

    void advance() {
        if (!walk_.done()) {
            Planned* step = &steps_[size_++ % kSlots];
            step->position = walk_.position();
            step->lane = walk_.lane();
            step->pair = orders_(step->lane, step->position);
            loss_.examples.prefetch(step->pair);
            walk_.advance();
        }
        if (Planned* step = ahead(kExample)) {
            step->example = loss_.example(step->pair);
            if (Loss::kReadsPositives) gingham::prefetch(loss_.examples.positives.indptr + step->example.user);
            epoch_.users.prefetch_offsets(step->example.user);
        }
        if (const Planned* step = ahead(kUser)) {
            if (Loss::kReadsPositives) loss_.examples.prefetch_positives(step->example.user);
            if (epoch_.users.identity) epoch_.users.prefetch_rows(step->example.user, epoch_.users.state.stride);
            epoch_.users.prefetch_features(step->example.user);
        }
        if (const Planned* step = ahead(kDraws)) {
            if (!epoch_.users.identity) epoch_.users.prefetch_rows(step->example.user, epoch_.users.state.stride);
            loss_.prefetch_draws(Random(epoch_.seed, step->position));
        }
        if (const Planned* step = ahead(kRows)) {
            if (step->example.item >= 0) epoch_.prefetch_item(step->example.item, Loss::kSearches);
            loss_.foresee(step->example, Random(epoch_.seed, step->position),
                          [this](int32_t item) { epoch_.prefetch_item(item, Loss::kSearches); });
        }
        ++at_;
    }

    Planned* ahead(int64_t distance) {
        const int64_t at = at_ + distance;
        return 0 <= at && at < size_ ? &steps_[at % kSlots] : nullptr;
    }

    const Epoch& epoch_;
    const Loss& loss_;
    Orders& orders_;
    Walk walk_;
    int64_t size_ = 0;  // steps that were planned so far
    int64_t at_ = -kPair;
    std::array<Planned, kSlots> steps_{};
};

}  // namespace gingham
