// One epoch on any number of threads, with the same result. Each block has two phases. In the first, lanes train: they
// update the rows that only their users have, and queue the updates of shared rows. In the second, the queued updates of
// each shared row are applied in the order of lanes, by the one piece that owns the row. docs/design.md tells why.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "look_ahead.hpp"
#include "optimizer.hpp"
#include "parallel.hpp"
#include "step.hpp"
#include "updates.hpp"

namespace gingham {

template <class Loss, class Optimizer, class W>
class Trainer {
  public:
    Trainer(const Epoch& epoch, const Optimizer& optimizer, int num_threads, W width)
        : epoch_(epoch), optimizer_(optimizer), width_(width), orders_(epoch.plan, epoch.seed),
          n_threads_(useful_threads(num_threads)), n_pieces_(count_pieces()), n_slots_(lay_out()),
          user_rows_(n_slots_, width), differences_(shares_users() ? n_slots_ : 0, width), weights_(n_slots_),
          refreshed_(refresh(0, epoch.plan.largest_block()).last, width) {}

    // Return the sum of the steps' losses. The sum is meaningless if `completed` is false.
    double run(const Loss& shared, Monitor& monitor, bool& completed) {
        const Plan& plan = epoch_.plan;
        // The cache of items is computed before the first block, the scales are folded into the rows after the last one.
        Phases phases(static_cast<int32_t>(2 * plan.n_blocks + 2), n_pieces_);
        completed = run_threads(n_threads_, monitor, [&](int, Progress& progress) {
            const Loss loss = shared;  // a copy per thread: a loss may have scratch memory
            Rows scratch(1, width_);
            Step<W> step(epoch_.users, epoch_.items, epoch_.item_cache, epoch_.n_components, width_);
            const auto work = [&](int32_t phase, int piece) {
                if (phase == 0) return fill_cache(piece);
                if (phase == 2 * plan.n_blocks + 1) return fold_scales(piece);
                const Range block = plan.block((phase - 1) / 2);
                if (phase % 2 == 0) return apply(piece, block);
                train(loss, step, scratch.row(0), piece, block, progress);
            };
            phases.run(progress, work, [&](int32_t phase) {
                if (phase > 0 && phase % 2 == 0) shrink();
            });
        });
        double total = 0;
        for (const Lane& lane : lanes_) total += lane.loss;
        return total;
    }

  private:
    // So few steps of a block are not worth another thread, or another piece.
    static constexpr int64_t kStepsOfThread = 64, kStepsOfPiece = 128;
    static constexpr int kMostPieces = 16;
    // How many updates ahead the second phase fetches what it needs.
    static constexpr int kAhead = 12;

    using Queues = std::array<Queue, kOwners>;
    struct Lane {
        double loss = 0;
        RateSum rate;
    };
    struct alignas(64) Piece {
        Queues items, users;  // by class of owners
        int64_t first_slot = 0, n_updates = 0;
        RateSum rate;
    };

    int useful_threads(int num_threads) const {
        const int64_t useful = epoch_.plan.largest_block() / kStepsOfThread;
        return static_cast<int>(std::clamp<int64_t>(useful, 1, std::min(num_threads, kMostPieces)));
    }
    // A power of two: threads share the work evenly if there are several pieces for each; a single thread needs only one.
    int count_pieces() const {
        if (n_threads_ == 1) return 1;
        const auto useful = std::bit_floor(static_cast<uint64_t>(epoch_.plan.largest_block() / kStepsOfPiece));
        return static_cast<int>(std::clamp<uint64_t>(useful, std::bit_ceil(static_cast<unsigned>(n_threads_)), kMostPieces));
    }
    int64_t lay_out() {
        int64_t slots = 0;
        for (int piece = 0; piece < n_pieces_; ++piece) {
            pieces_[piece].first_slot = slots;
            slots += epoch_.plan.most_examples(lanes_of(piece)) + 1;
        }
        return slots;
    }
    Range lanes_of(int piece) const { return share(kNumLanes, piece, n_pieces_); }
    bool shares_users() const {
        const Side& users = epoch_.users;
        return !users.identity && std::any_of(users.owners, users.owners + users.state.rows,
                                              [](uint8_t owner) { return owner != kLaneOwned; });
    }
    bool scales() const { return epoch_.users.penalty.alpha != 0 || epoch_.items.penalty.alpha != 0; }
    bool caches() const { return Loss::kSearches && !epoch_.items.identity; }

    // First phase -----------------------------------------------------------------------------------------------------

    void train(const Loss& loss, Step<W>& step, float* scratch, int number, Range block, Progress& progress) {
        Piece& piece = pieces_[number];
        for (auto* queues : {&piece.items, &piece.users})
            for (Queue& queue : *queues) queue.clear();
        int64_t slot = piece.first_slot;
        LookAhead<Loss> look_ahead(epoch_, loss, orders_, lanes_of(number), block);
        while (const auto* planned = look_ahead.next()) {
            const Example& example = planned->example;
            Random random(epoch_.seed, planned->position);
            step.begin(example.user, user_rows_.row(slot), queues_users_ ? differences_.row(slot) : scratch);
            const Update update = loss.sample(step, example, random);
            if (update.item < 0) continue;
            Lane& lane = lanes_[planned->lane];
            lane.loss += update.loss;
            if (scales_) weights_[slot] = 1.0f / (count_rows(example.user, update) * (epoch_.n_components + 1));
            update_user(example.user, step.difference(), update.gradient, slot, piece.users, lane);
            queue_item(update.item, update.gradient, slot, piece.items);
            if (update.other >= 0) queue_item(update.other, -update.gradient, slot, piece.items);
            ++slot;
        }
        piece.n_updates = slot - piece.first_slot;
        progress.add(look_ahead.size());
        if (caches()) {
            const Range rows = share_of(refresh(block.first, block.last), number);
            for (int64_t at = rows.first; at < rows.last; ++at)
                epoch_.items.represent(refreshed_item(block, at), refreshed_.row(at), width_);
        }
    }

    void update_user(int64_t user, const float* direction, float gradient, int64_t slot, Queues& queues, Lane& lane) {
        for_each_row(epoch_.users, user, gradient, [&](int32_t row, float weighted) {
            const uint8_t owner = epoch_.users.owners[row];
            if (owner == kLaneOwned)
                lane.rate.add(update_row(epoch_.users, row, direction, weighted, slot));
            else
                queues[class_of(owner)].push({row, static_cast<int32_t>(slot), weighted});
        });
    }
    void queue_item(int32_t item, float gradient, int64_t slot, Queues& queues) const {
        for_each_row(epoch_.items, item, gradient, [&](int32_t row, float weighted) {
            queues[class_of(epoch_.items.owners[row])].push({row, static_cast<int32_t>(slot), weighted});
        });
    }

    // Visit the rows of an entity with the gradients of their weights.
    template <class Visit>
    static void for_each_row(const Side& side, int64_t entity, float gradient, Visit visit) {
        if (side.identity) return visit(static_cast<int32_t>(entity), gradient);
        for (int64_t at = side.features.begin(entity); at < side.features.end(entity); ++at)
            visit(side.features.indices[at], gradient * side.features.data[at]);
    }

    // The class of an owner's rows: the second phase has a piece for each. The number of pieces is a power of two.
    int class_of(uint8_t owner) const { return owner & (n_pieces_ - 1); }

    // Update a row; return its part in the step's mean learning rate.
    RateSum update_row(const Side& side, int64_t row, const float* direction, float gradient, int64_t slot) const {
        float* state = side.state.row(row);
        const Row parts{state, state + width_, state + 2 * width_};
        const Penalty& penalty = side.penalty;
        if (!scales_) {
            gingham::update(optimizer_, parts, direction, gradient, penalty.regularization, width_);
            return {};
        }
        return update_scaled(optimizer_, parts, direction, gradient, {penalty.regularization / side.scale, penalty.alpha},
                             weights_[slot], epoch_.n_components + 1, width_);
    }

    int64_t count_rows(int64_t user, const Update& update) const {
        const auto rows = [](const Side& side, int64_t entity) {
            return side.identity ? 1 : side.features.end(entity) - side.features.begin(entity);
        };
        const int64_t others = update.other < 0 ? 0 : rows(epoch_.items, update.other);
        return std::max<int64_t>(1, rows(epoch_.users, user) + rows(epoch_.items, update.item) + others);
    }

    // Second phase ----------------------------------------------------------------------------------------------------

    void apply(int number, Range block) {
        RateSum& rate = pieces_[number].rate;
        rate.add(apply_updates(epoch_.items, user_rows_, number, &Piece::items));
        if (queues_users_) rate.add(apply_updates(epoch_.users, differences_, number, &Piece::users));
        if (!caches()) return;
        const Range rows = share_of(refresh(block.first, block.last), number);
        for (int64_t at = rows.first; at < rows.last; ++at)
            std::copy_n(refreshed_.row(at), width_, epoch_.item_cache.row(refreshed_item(block, at)));
    }

    // Apply a side's queued updates of a class of rows, in the order of lanes.
    //
    // A feature that two items of a step have is updated in both directions and hardly moves, but both gradients enter the
    // optimizer's memory, as in LightFM. Without them, steps stay too large with adagrad and never grow with adadelta.
    RateSum apply_updates(const Side& side, const Rows& vectors, int number, Queues Piece::*queues) const {
        RateSum rate;
        for (int piece = 0; piece < n_pieces_; ++piece) {
            const Queue& queue = (pieces_[piece].*queues)[number];
            const Queue* after = piece + 1 < n_pieces_ ? &(pieces_[piece + 1].*queues)[number] : nullptr;
            const size_t size = queue.size();
            for (size_t at = 0; at < size; ++at) {
                // The first updates of the next queue follow the last of this one.
                if (at + kAhead < size) {
                    prefetch_update(side, vectors, queue[at + kAhead], queue[at + kAhead - 1].slot);
                } else if (after && at + kAhead - size < after->size()) {
                    prefetch_update(side, vectors, (*after)[at + kAhead - size], -1);
                }
                const QueuedUpdate& update = queue[at];
                rate.add(update_row(side, update.row, vectors.row(update.slot), update.gradient, update.slot));
            }
        }
        return rate;
    }
    void prefetch_update(const Side& side, const Rows& vectors, const QueuedUpdate& update, int32_t fetched_slot) const {
        prefetch_row(side.state.row(update.row), side.state.stride);
        if (update.slot != fetched_slot) prefetch_row(vectors.row(update.slot), width_);
    }

    // The search's cache ----------------------------------------------------------------------------------------------

    // Some representations are recomputed in each block: in the first phase, when parameters don't change, into memory
    // that the second phase copies into the cache, when no step reads it.
    Range refresh(int64_t first, int64_t last) const {
        return {0, caches() ? std::min(epoch_.item_cache.rows, Optimizer::kRefreshes * (last - first)) : 0};
    }
    int64_t refreshed_item(Range block, int64_t at) const {
        return (Optimizer::kRefreshes * block.first + at) % epoch_.item_cache.rows;
    }
    Range share_of(Range range, int piece) const { return share(range.last, piece, n_pieces_); }

    void fill_cache(int piece) const {
        if (!caches()) return;
        const Range items = share(epoch_.item_cache.rows, piece, n_pieces_);
        for (int64_t item = items.first; item < items.last; ++item)
            epoch_.items.represent(item, epoch_.item_cache.row(item), width_);
    }

    // Shrinking -------------------------------------------------------------------------------------------------------

    // Grow the scales of both sides by what the steps of a block ask for.
    void shrink() {
        if (!scales_) return;
        RateSum total;
        int64_t n_steps = 0;
        for (Lane& lane : lanes_) total.add(std::exchange(lane.rate, {}));
        for (Piece& piece : pieces_) {
            total.add(std::exchange(piece.rate, {}));
            n_steps += piece.n_updates;
        }
        if (n_steps == 0) return;
        const double rate = total.value() / n_steps;
        for (Side* side : {&epoch_.users, &epoch_.items}) {
            const double growth = std::exp(std::min(n_steps * std::log1p(side->penalty.alpha * rate), kMostGrowth));
            side->scale = static_cast<float>(side->scale * growth);
            if (side->scale <= kMostScale) continue;
            for (int piece = 0; piece < n_pieces_; ++piece) fold_scale(*side, piece);
            side->scale = 1;
        }
    }

    // Rows are divided by a scale above this, as in LightFM; the scale of a block can't overflow.
    static constexpr float kMostScale = 1e6f;
    static constexpr double kMostGrowth = 60;

    void fold_scales(int piece) const {
        fold_scale(epoch_.users, piece);
        fold_scale(epoch_.items, piece);
    }
    void fold_scale(const Side& side, int piece) const {
        if (side.scale == 1) return;
        const Range rows = share(side.state.rows, piece, n_pieces_);
        for (int64_t row = rows.first; row < rows.last; ++row)
            for (int64_t j = 0; j < width_; ++j) side.state.row(row)[j] /= side.scale;
    }

    Epoch epoch_;
    Optimizer optimizer_;
    W width_;
    Orders orders_;
    int n_threads_, n_pieces_;
    std::array<Piece, kMostPieces> pieces_;
    std::array<Lane, kNumLanes> lanes_;
    int64_t n_slots_;
    bool queues_users_ = shares_users(), scales_ = scales();
    Rows user_rows_, differences_;  // by slot: the user's vector, and the direction of the user's gradient
    std::vector<float> weights_;    // by slot: one divided by the number of parameters that the step updates
    Rows refreshed_;
};

template <class Loss, class Optimizer, class W>
double train_epoch(const Epoch& epoch, const Loss& loss, const Optimizer& optimizer, W width, int num_threads,
                   Monitor& monitor, bool& completed) {
    return Trainer<Loss, Optimizer, W>(epoch, optimizer, num_threads, width).run(loss, monitor, completed);
}

}  // namespace gingham
